/** A set of policies linted beside a catalog and mandates, for the tests of findings. */
import type { JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import type { LintGiven } from '../../src/policy/lint/finding.ts'
import { lint } from '../../src/policy/lint/lint.ts'
import { policies, ruled } from './written.ts'
import { tool } from '../mandate/written.ts'

/** A tool whose schema requires the arguments named first. */
export function schemed(
  name: string,
  properties: JsonObject,
  required: readonly string[] = Object.keys(properties),
): ToolDefinition {
  const [server = '', ...rest] = name.split('/')
  const plain = tool(server, rest.join('/'))
  return {
    ...plain,
    raw: { name: plain.name, inputSchema: { type: 'object', properties, required } },
  }
}

export const TOOLS: readonly ToolDefinition[] = [
  {
    ...schemed(
      'mail/send',
      {
        to: { type: 'array', items: { type: 'string' } },
        subject: { type: 'string' },
        cc: { type: 'string' },
      },
      ['to', 'subject'],
    ),
    lockedEffect: 'send',
  },
  { ...schemed('mail/read_inbox', { folder: { type: 'string' } }, []), lockedEffect: 'read' },
  {
    ...schemed('vendors/approve', { amount: { type: 'number' }, vendor_id: { type: 'string' } }),
    lockedEffect: 'write',
  },
]

/** The findings about these rules, each as `level id rule line: message (remedy)`. */
export function lines(
  rules: string | Readonly<Record<string, string>>,
  given: Partial<LintGiven> = {},
): readonly string[] {
  const set = policies(
    typeof rules !== 'string' ? rules : rules === '' ? 'policy: acme\n' : ruled(rules),
  )
  return lint({ policies: set, mandates: [], tools: TOOLS, ...given }).map(
    ({ id, level, rule, place, message, remedy }) =>
      `${level} ${id} ${rule ?? '-'} ${place?.line ?? 0}: ${message} (${remedy ?? ''})`,
  )
}

/** Only the ids. */
export function ids(
  rules: string | Readonly<Record<string, string>>,
  given: Partial<LintGiven> = {},
): readonly string[] {
  return lines(rules, given).map((line) => line.split(' ')[1] ?? '')
}
