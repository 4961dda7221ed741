/** Mistakes in Cedar policies are found before a call is denied by them. */
import { describe, expect, test } from 'vitest'
import { validateCedar } from '../../src/engine/cedar-check.ts'
import { problemText } from '../../src/model/document.ts'
import { sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import { APPROVE_SCHEMA } from '../fakes/engine.ts'

function tool(id: string, inputSchema: JsonObject): ToolDefinition {
  const [server = '', name = ''] = id.split('/')
  return { server, name, raw: { name, inputSchema }, definition: sha256('0'.repeat(64)) }
}

const TOOLS = [
  tool('vendors/approve', APPROVE_SCHEMA),
  tool('mail/send', {
    type: 'object',
    properties: {
      to: { type: 'array', items: { type: 'string' } },
      note: { type: 'string' },
      extra: {},
    },
    required: ['to'],
  }),
]

async function found(text: string, tools = TOOLS): Promise<readonly string[]> {
  const policies = [{ file: 'guard.cedar', text }]
  const problems = await validateCedar({ policies, tools, send: ['arguments', 'labels'] })
  return problems.map((problem) => `${problem.id} ${problemText(problem)}`)
}

const UNSEEN = expect.stringContaining('the argument `extra` of `mail/send`') as string

describe('Cedar policies', () => {
  test('that are right leave only what they cannot read', async () => {
    const text = `permit (principal, action in Action::"call_tool", resource);
      forbid (principal, action == Action::"vendors/approve", resource)
        when { context.arguments.amount > 5000 };
      forbid (principal, action == Action::"mail/send", resource)
        when { context.arguments has note && context.arguments.note like "*secret*" };`
    expect(await found(text)).toEqual([UNSEEN])
  })

  test.each([
    ['an unknown tool', 'action == Action::"vendors/aprove"', 'true', 'aprove'],
    [
      'a misspelt argument',
      'action == Action::"vendors/approve"',
      'context.arguments.amout > 1',
      'amout',
    ],
    [
      'a text for a number',
      'action == Action::"vendors/approve"',
      'context.arguments.amount > "1"',
      'Long',
    ],
    [
      'an optional one without `has`',
      'action == Action::"mail/send"',
      'context.arguments.note == "x"',
      'note',
    ],
    ['what is not told', 'action == Action::"mail/send"', 'context.purpose.text == "x"', 'purpose'],
  ])('name %s with its line and column', async (_, action, when, why) => {
    const text = `permit (principal, action in Action::"call_tool", resource);\nforbid (principal,\n  ${action}, resource) when {\n  ${when} };`
    const [first = ''] = await found(text)
    expect(first).toMatch(/^cedar_invalid guard\.cedar:[234]:\d+: /)
    expect(first).toContain(why)
  })

  test('that do not parse, hold a template or never match are found', async () => {
    expect((await found('permit (principal,\n action'))[0]).toMatch(/^cedar_syntax guard\.cedar:2:/)
    expect((await found('// ä\npermit (principal == ?principal, action, resource);'))[0]).toMatch(
      /^cedar_template guard\.cedar:2:22: /,
    )
    const never = 'permit (principal, action == Action::"mail/send", resource) when { false };'
    expect((await found(never))[0]).toMatch(/^cedar_suspect guard\.cedar:1:1: /)
  })
})
