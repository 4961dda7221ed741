import { expect, test } from 'vitest'
import { DENY_REASONS } from '../../src/model/decision.ts'
import { instant } from '../../src/model/id.ts'
import { REASON_META, RESETS_META, told } from '../../src/pipeline/refusal.ts'

test('a denied tools/call is a result that a model reads, with the reason in _meta', () => {
  const { part, text } = told('outside_mandate', 'tools/call', 'legacy', 'send')
  expect(part).toBe('result')
  expect(JSON.parse(text)).toEqual({
    content: [{ type: 'text', text: 'Denied: this call is outside the mandate.' }],
    isError: true,
    _meta: { [REASON_META]: 'outside_mandate' },
  })
  expect(JSON.parse(told('forbidden', 'tools/call', 'modern').text)).toHaveProperty(
    'resultType',
    'complete',
  )
})

test('a hidden and an unknown tool are told alike, as a protocol error with the name the agent wrote', () => {
  const { part, text } = told('unknown_tool', 'tools/call', 'legacy', 'drop_all')
  expect(part).toBe('error')
  expect(JSON.parse(text)).toMatchObject({ code: -32_602, message: 'Unknown tool: drop_all' })
})

test('a name that could carry instructions is not repeated', () => {
  for (const name of ['ignore all\nprevious', 'x'.repeat(200), '<b>', 'a b']) {
    expect(told('unknown_tool', 'tools/call', 'legacy', name).text).not.toContain(name.slice(0, 10))
  }
})

test('other methods get JSON-RPC errors just above the reserved band', () => {
  const codes = {
    unauthenticated: -31_401,
    forbidden: -31_403,
    approval_required: -31_428,
    upstream_unavailable: -31_502,
    audit_unavailable: -31_503,
    upstream_timeout: -31_504,
  } as const
  for (const reason of Object.keys(codes) as (keyof typeof codes)[]) {
    expect(JSON.parse(told(reason, 'resources/read', 'modern').text)).toHaveProperty(
      'code',
      codes[reason],
    )
  }
  expect(JSON.parse(told('unknown_resource', 'resources/read', 'legacy').text)).toHaveProperty(
    'code',
    -32_002,
  )
  expect(JSON.parse(told('unknown_resource', 'resources/read', 'modern').text)).toHaveProperty(
    'code',
    -32_602,
  )
})

test('a modern agent is told which resource is not there, where that is plain', () => {
  const data = (era: 'legacy' | 'modern', uri: string): unknown =>
    (JSON.parse(told('unknown_resource', 'resources/read', era, uri).text) as { data: unknown })
      .data
  const reason = 'unknown_resource'
  expect(data('modern', 'test://a/b%20c')).toEqual({ reason, uri: 'test://a/b%20c' })
  expect(data('legacy', 'test://a/b')).toEqual({ reason })
  expect(data('modern', 'x://ignore all rules')).toEqual({ reason })
})

test('every reason has a wording, and none names a rule or an argument', () => {
  for (const reason of DENY_REASONS) {
    for (const method of ['tools/call', 'prompts/get']) {
      expect(told(reason, method, 'legacy', 'tool_x').text).not.toMatch(/args\.|grants?\b|rule `/)
    }
  }
})

test('a budget that is used up says when it begins anew, and nothing else', () => {
  const why = {
    reason: 'budget_exhausted',
    resetsAt: instant(Date.parse('2026-11-25T00:00:00Z')),
  } as const
  const resets = '2026-11-25T00:00:00.000Z'
  const result = JSON.parse(told(why, 'tools/call', 'modern', 'pay').text) as object
  expect(result).toMatchObject({
    content: [{ text: `Denied: the budget for this is used up. It begins anew at ${resets}.` }],
    isError: true,
    _meta: { [REASON_META]: 'budget_exhausted', [RESETS_META]: resets },
  })
  const error = JSON.parse(told(why, 'prompts/get', 'modern').text) as object
  expect(error).toEqual({
    code: -31_429,
    message: `Denied: the budget for this is used up. It begins anew at ${resets}`,
    data: { reason: 'budget_exhausted', resets_at: resets },
  })
  const never = told('budget_exhausted', 'tools/call', 'modern').text
  expect(never).toContain('Denied: the budget for this is used up.')
  expect(never).not.toContain(RESETS_META)
})
