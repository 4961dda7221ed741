import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/model/json.ts'
import { explain, type Explanation } from '../../src/policy/explain.ts'
import { call, compiled, tool } from '../mandate/written.ts'

function explained(
  body: string,
  args: JsonObject,
  roles: Record<string, string> = {},
): Explanation {
  const authority = compiled(body, roles).tool(tool('v', 'pay'))
  return explain(authority.decide(call(args)), authority.explain(call(args)))
}

const PAY = `tools:
  v/pay:
    args:
      vendor_class: { one_of: [B] }
      amount: { range: { min: 0, max: 5000 } }
    when: args.amount < 4000
    approval: { when: args.amount > 1000, from: [lee@acme.example], expires: 15m }
`

test('a permitted call names its grants, and every conjunct that holds', () => {
  const found = explained(PAY, { vendor_class: 'B', amount: 10 })
  expect(found.verdict).toBe('permitted by `tools.v/pay`')
  expect(found.nearestMiss).toBeUndefined()
  expect(found.remedy).toBeUndefined()
  expect(found.conjuncts).toHaveLength(5)
  expect(found.conjuncts.filter((line) => !line.startsWith('holds: tools.v/pay.'))).toEqual([])
  expect(found.conjuncts[2]).toBe(
    'holds: tools.v/pay.args.amount: amount is between 0 and 5000, read 10',
  )
})

test('the nearest miss is everything that failed, as a wish', () => {
  const found = explained(PAY, { vendor_class: 'A', amount: 7000, extra: true })
  expect(found.verdict).toBe('denied: outside_mandate, no grant covers the call')
  expect(found.nearestMiss).toBe(
    'would be permitted if the arguments were only `vendor_class`, `amount` and vendor_class were `B` and amount were between 0 and 5000 and it held that args.amount < 4000, and the approval were given',
  )
})

test('of several grants the nearest is the one that misses least, with the conditions of all', () => {
  const roles = {
    'roles/r.yaml':
      'role: r\ntools: { v/pay: { args: { a: { equals: 1 }, b: { equals: 1 } }, when: args.c == 1 } }',
  }
  const found = explained(
    'roles: [r]\ntools: { v/pay: { args: { a: { equals: 2 }, c: { present: true } } } }',
    { a: 3, c: 2 },
    roles,
  )
  expect(found.nearestMiss).toBe('would be permitted if a were `2` and it held that args.c == 1')
})

describe('where no other arguments would do', () => {
  test('a never is named, without a wish', () => {
    const found = explained('tools: { v/*: {} }\nnever: [v/pay]', {})
    expect(found.verdict).toBe(
      'denied: forbidden, `never` names it, and nothing else can permit it',
    )
    expect(found.conjuncts[0]).toBe('fails: never.v/pay: `never` does not name it, read v/pay')
    expect(found.nearestMiss).toBeUndefined()
  })

  test('no grant at all is said', () => {
    const found = explained('tools: { v/refund: {} }', {})
    expect(found.conjuncts).toEqual(['fails: tools: a grant names the tool'])
    expect(found.nearestMiss).toBeUndefined()
  })

  test('a grant that does not fit the definition is an error with its remedy', () => {
    const authority = compiled('tools: { v/pay: { args: { amuont: { present: true } } } }').tool(
      tool('v', 'pay', { amount: {} }),
    )
    const found = explain(authority.decide(call({})), authority.explain(call({})))
    expect(found.verdict).toContain('evaluation_error')
    expect(found.conjuncts[0]).toBe(
      'error: tools: the grant fits the definition (`tools.v/pay.args.amuont`: the tool has no argument `amuont`: did you mean `amount`?)',
    )
    expect(found.nearestMiss).toBeUndefined()
  })
})

test('an approval that is missing says who could give it', () => {
  const found = explained(PAY, { vendor_class: 'B', amount: 2000 })
  expect(found.verdict).toBe(
    'denied: approval_required, a grant asks for an approval that was not given',
  )
  expect(found.remedy).toBe(
    'asked for by `tools.v/pay`: an approval by `lee@acme.example`, good for 900 s',
  )
})

test('approvals that nobody can give together say so', () => {
  const roles = { 'roles/r.yaml': 'role: r\ntools: { v/pay: { approval: { from: [ann] } } }' }
  const found = explained('roles: [r]\ntools: { v/pay: { approval: { from: [lee] } } }', {}, roles)
  expect(found.remedy).toBe('nobody may give all the approvals that are asked for')
})
