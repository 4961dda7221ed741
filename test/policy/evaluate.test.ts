import { expect, test } from 'vitest'
import type { Decision, DenyReason } from '../../src/model/decision.ts'
import { decide } from '../../src/policy/evaluate.ts'
import { call, compiled, tool } from '../mandate/written.ts'

const permit = (grants: readonly string[], facts = {}): { decide: () => Decision } => ({
  decide: () => ({ effect: 'permit', reason: 'permitted', grants, facts }),
})
const deny = (reason: DenyReason): { decide: () => Decision } => ({
  decide: () => ({ effect: 'deny', reason, grants: [reason], facts: {} }),
})
const ask = (approvers: readonly string[], expiresInMs: number): { decide: () => Decision } => ({
  decide: () => ({
    effect: 'deny',
    reason: 'approval_required',
    grants: ['asks'],
    facts: {},
    remedy: { kind: 'approval', approvers, expiresInMs, askedBy: [approvers.join('+')] },
  }),
})

test('an empty chain denies', () => {
  expect(decide([], call({}))).toEqual({
    effect: 'deny',
    reason: 'outside_mandate',
    grants: [],
    facts: {},
  })
})

test('a chain of one decides as its mandate does', () => {
  const authority = compiled('tools: { v/a: { args: { n: { equals: 1 } } } }').tool(tool('v', 'a'))
  for (const n of [1, 2])
    expect(decide([authority], call({ n }))).toEqual(authority.decide(call({ n })))
})

test('what all permit is permitted, with the grants and facts of all', () => {
  expect(decide([permit(['a'], { x: 1 }), permit(['b', 'a'], { y: 2 })], call({}))).toEqual({
    effect: 'permit',
    reason: 'permitted',
    grants: ['a', 'b'],
    facts: { x: 1, y: 2 },
  })
})

test.each<[DenyReason, DenyReason]>([
  ['forbidden', 'outside_mandate'],
  ['outside_mandate', 'evaluation_error'],
  ['evaluation_error', 'approval_required'],
  ['internal_error', 'forbidden'],
])('of two denials %s speaks before %s, in whatever order', (first, second) => {
  for (const chain of [
    [deny(first), deny(second), permit([])],
    [permit([]), deny(second), deny(first)],
  ])
    expect(decide(chain, call({})).reason).toBe(first)
})

test('approvals that several mandates ask for must all be given, in time', () => {
  expect(
    decide([ask(['lee', 'kim'], 5000), permit(['b']), ask(['kim', 'ann'], 3000)], call({})),
  ).toMatchObject({
    reason: 'approval_required',
    remedy: { approvers: ['kim'], expiresInMs: 3000, askedBy: ['lee+kim', 'kim+ann'] },
  })
})

test('what an approval cannot lift has no remedy', () => {
  expect(decide([ask(['lee'], 5000), deny('outside_mandate')], call({}))).not.toHaveProperty(
    'remedy',
  )
  const noRemedy = decide([ask(['lee'], 5000), deny('approval_required')], call({}))
  expect(noRemedy).toMatchObject({ remedy: { approvers: [] } })
})
