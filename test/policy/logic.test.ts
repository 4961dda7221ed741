import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../src/model/json.ts'
import { impliedBy, scopeOfRule } from '../../src/policy/logic/rule-prop.ts'
import { matches } from '../../src/policy/rule.ts'
import { tool } from '../fakes/line.ts'
import { policies, toolCall } from './written.ts'

const NAMES = ['a', 'b'] as const
const value = fc.oneof(
  fc.integer({ min: -2, max: 6 }),
  fc.constantFrom('x', 'xy', 'y', 'other', ''),
  fc.boolean(),
  fc.constant(null),
)
const literal = fc.oneof(
  fc.integer({ min: 0, max: 4 }).map(String),
  fc.constantFrom('"x"', '"xy"', '"y"'),
)
const atom = fc
  .record({
    name: fc.constantFrom(...NAMES),
    how: fc.constantFrom(
      '==',
      '!=',
      '<',
      '<=',
      '>',
      '>=',
      'has',
      'starts',
      'ends',
      'in',
      'null',
      'label',
      'open',
    ),
    literal,
  })
  .map(({ name, how, literal: other }) => {
    const text = other.startsWith('"') ? other : '"x"'
    switch (how) {
      case 'has':
        return `has(args.${name})`
      case 'starts':
        return `args.${name}.startsWith(${text})`
      case 'ends':
        return `args.${name}.endsWith(${text})`
      case 'in':
        return `args.${name} in [${other}, ${other.startsWith('"') ? '"z"' : '9'}]`
      case 'null':
        return `args.${name} == null`
      case 'label':
        return '"seen" in session.labels'
      case 'open':
        return `args.${name} + 1 > 3`
      default:
        return `args.${name} ${how} ${other}`
    }
  })
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    atom,
    fc.tuple(tie('condition'), tie('condition')).map(([x, y]) => `(${x}) && (${y})`),
    fc.tuple(tie('condition'), tie('condition')).map(([x, y]) => `(${x}) || (${y})`),
    tie('condition').map((x) => `!(${x})`),
    fc
      .tuple(tie('condition'), tie('condition'), tie('condition'))
      .map(([x, y, z]) => `(${x}) ? (${y}) : (${z})`),
  ),
}))
const call = fc.record({
  args: fc.dictionary(fc.constantFrom(...NAMES), value),
  labels: fc.constantFrom([], ['seen']),
})

test('what is implied holds for every call', () => {
  let implied = 0
  fc.assert(
    fc.property(
      condition,
      condition,
      fc.array(call, { minLength: 20, maxLength: 40 }),
      (p, q, calls) => {
        // `p || q` is implied by `q` whatever they are, and so there is always something to find.
        const set = policies(
          JSON.stringify({
            policy: 'p',
            rules: [
              { id: 'a', effect: 'forbid', when: p },
              { id: 'b', effect: 'forbid', when: q },
              { id: 'c', effect: 'forbid', when: `(${p}) || (${q})` },
              { id: 'd', effect: 'forbid', unless: `!(${p})` },
            ],
          }),
        )
        const [a, b, c, d] = set.rules
        for (const [wide, narrow] of [
          [a, b],
          [b, a],
          [c, a],
          [c, b],
          [a, c],
          [a, d],
          [d, a],
        ] as const) {
          if (!wide || !narrow) throw new Error('there are four')
          const scope = scopeOfRule(wide, set)
          const found = impliedBy({ rule: wide, scope }, { rule: narrow, scope })
          if (wide === c && found === false) throw new Error(`${p} || ${q}`)
          if (found !== true) continue
          implied += 1
          for (const { args, labels } of calls) {
            const given = toolCall(tool('v', 'x'), {
              args,
              call: { session: { id: 't', labels } },
            })
            if (matches(narrow, given) !== false && matches(wide, given) === false)
              throw new Error(JSON.stringify([p, q, args]))
          }
        }
      },
    ),
    { numRuns: 150 },
  )
  expect(implied).toBeGreaterThan(100)
})

test('what is not implied has a call that shows it, where nothing is left open', () => {
  const pairs: readonly (readonly [string, string, Json])[] = [
    ['args.a > 5', 'args.a > 3', 4],
    ['args.a == "x"', 'args.a != "y"', 'other'],
    ['args.a in ["x", "y"]', 'args.a in ["x", "z"]', 'z'],
  ]
  for (const [p, q, shows] of pairs) {
    const set = policies(
      JSON.stringify({
        policy: 'p',
        rules: [p, q].map((when, at) => ({ id: `r${at}`, effect: 'forbid', when })),
      }),
    )
    const [wide, narrow] = set.rules
    if (!wide || !narrow) throw new Error('there are two')
    const scope = scopeOfRule(wide, set)
    expect(impliedBy({ rule: wide, scope }, { rule: narrow, scope })).toBe(false)
    const given = toolCall(tool('v', 'x'), { args: { a: shows } })
    expect([matches(wide, given), matches(narrow, given)]).toEqual([false, true])
  }
})

test('a condition that reads more than can be looked at is not told apart', () => {
  const many = Array.from({ length: 12 }, (_, at) => `args.a${at} == ${at}`).join(' || ')
  const set = policies(
    JSON.stringify({ policy: 'p', rules: [{ id: 'r', effect: 'forbid', when: many }] }),
  )
  const [rule] = set.rules
  if (!rule) throw new Error('there is one')
  const scope = scopeOfRule(rule, set)
  expect(impliedBy({ rule, scope }, { rule, scope })).toBeUndefined()
})
