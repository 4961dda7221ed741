/** What must be true of every mandate and every call, checked against mandates made at random. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Decision } from '../../src/model/decision.ts'
import type { CompiledMandate } from '../../src/model/authority.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { decide } from '../../src/policy/evaluate.ts'
import { call } from '../mandate/written.ts'
import {
  anyArgs,
  duty,
  type Generated,
  generated,
  load,
  manyArgs,
  names,
  oracle,
  TOOLS,
} from './generated.ts'

const RUNS = { numRuns: 100 }

/** A mandate that loads. */
const loaded = generated
  .map((made) => ({ made, mandate: load(made) }))
  .filter((one): one is { made: Generated; mandate: CompiledMandate } => one.mandate !== undefined)

interface Decided {
  readonly tool: (typeof TOOLS)[number]
  readonly args: JsonObject
  readonly decision: Decision
}

/** Every tool called with each of the arguments. */
function decideAll(mandate: CompiledMandate, many: readonly JsonObject[]): readonly Decided[] {
  return TOOLS.flatMap((tool) => {
    const authority = mandate.tool(tool)
    return many.map((args) => ({ tool, args, decision: authority.decide(call(args)) }))
  })
}

function effects(mandate: CompiledMandate, many: readonly JsonObject[]): readonly string[] {
  return decideAll(mandate, many).map(({ decision }) => decision.effect)
}

test('a decision is what the design says, for every reason', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(loaded, manyArgs, ({ made, mandate }, many) => {
      for (const { tool, args, decision } of decideAll(mandate, many)) {
        seen.add(decision.reason)
        expect(decision.reason).toBe(oracle(made, tool, call(args)))
      }
    }),
    { numRuns: 300 },
  )
  expect([...seen].toSorted()).toEqual([
    'approval_required',
    'evaluation_error',
    'forbidden',
    'outside_mandate',
    'permitted',
  ])
})

test('what is hidden could not be called with any arguments', () => {
  const many = fc.array(anyArgs, { minLength: 4, maxLength: 12 })
  fc.assert(
    fc.property(loaded, many, ({ mandate }, all) => {
      const permitted = decideAll(mandate, all).filter(
        ({ decision }) => decision.effect === 'permit',
      )
      expect(permitted.filter(({ tool }) => !mandate.tool(tool).listed)).toEqual([])
    }),
    RUNS,
  )
})

test('what is listed is granted, and not named by never', () => {
  fc.assert(
    fc.property(loaded, ({ made, mandate }) => {
      for (const tool of TOOLS) {
        const named = (pattern: string): boolean => names(pattern, tool.server, tool.name)
        const granted = made.grants.some(({ target }) => named(target)) && !made.never.some(named)
        expect(mandate.tool(tool).listed).toBe(granted)
        expect(mandate.tool(tool).problems).toEqual([])
      }
    }),
    RUNS,
  )
})

/** What the second permits that the first denies. */
function widened(
  wide: CompiledMandate,
  narrow: CompiledMandate,
  many: readonly JsonObject[],
): readonly string[] {
  const before = effects(wide, many)
  return effects(narrow, many).filter(
    (effect, at) => effect === 'permit' && before[at] !== 'permit',
  )
}

test('another never only takes away', () => {
  fc.assert(
    fc.property(loaded, generated, manyArgs, ({ made, mandate }, more, many) => {
      const narrower = load({ ...made, never: [...made.never, ...more.never] })
      fc.pre(narrower !== undefined)
      expect(widened(mandate, narrower, many)).toEqual([])
    }),
    RUNS,
  )
})

test('another duty only takes away, whichever grant it stands on', () => {
  fc.assert(
    fc.property(loaded, fc.nat(), duty, fc.boolean(), ({ made, mandate }, at, more, asks) => {
      const index = at % Math.max(made.grants.length, 1)
      fc.pre(made.grants[index] !== undefined)
      fc.pre(made.grants[index]?.[asks ? 'approval' : 'when'] === undefined)
      const burdened = asks ? { approval: { when: more } } : { when: more }
      const grants = made.grants.map((one, place) =>
        place === index ? { ...one, ...burdened } : one,
      )
      const narrower = load({ ...made, grants })
      fc.pre(narrower !== undefined)
      expect(widened(mandate, narrower, FEW)).toEqual([])
    }),
    RUNS,
  )
})

/** Arguments on which the duties differ. */
const FEW: readonly JsonObject[] = [
  {},
  { x: 'a' },
  { x: 'b' },
  { x: 1 },
  { x: 'a', y: 'a' },
  { y: 2 },
  { z: 1 },
]

test('duties add up: what is permitted holds the duties of every grant that names the tool', () => {
  fc.assert(
    fc.property(loaded, manyArgs, ({ made, mandate }, many) => {
      const broken = decideAll(mandate, many).filter(
        ({ tool, args, decision }) =>
          decision.effect === 'permit' &&
          made.grants.some(
            ({ target, when, approval }) =>
              names(target, tool.server, tool.name) &&
              ((when && when.judge(args) !== true) ||
                (approval && approval.when?.judge(args) !== false)),
          ),
      )
      expect(broken).toEqual([])
    }),
    RUNS,
  )
})

test('closed world: an argument that no grant knows is permitted only by a grant that is open', () => {
  fc.assert(
    fc.property(loaded, manyArgs, ({ made, mandate }, many) => {
      const more = many.map((args) => ({ ...args, unheard_of: 1 }))
      const leaks = decideAll(mandate, more).filter(
        ({ tool, decision }) =>
          decision.effect === 'permit' &&
          !made.grants.some(
            ({ target, args, otherArgs }) =>
              names(target, tool.server, tool.name) &&
              (otherArgs === 'permit' || (args === undefined && otherArgs === undefined)),
          ),
      )
      expect(leaks).toEqual([])
    }),
    RUNS,
  )
})

test('the order of grants and of never does not matter', () => {
  fc.assert(
    fc.property(loaded, manyArgs, ({ made, mandate }, many) => {
      // Which of two equal targets stands in the role changes the name of its rule: such are left out.
      fc.pre(new Set(made.grants.map(({ target }) => target)).size === made.grants.length)
      const turned = load({ grants: made.grants.toReversed(), never: made.never.toReversed() })
      fc.pre(turned !== undefined)
      expect(decideAll(turned, many)).toEqual(decideAll(mandate, many))
      expect(TOOLS.map((tool) => turned.tool(tool).effects)).toEqual(
        TOOLS.map((tool) => mandate.tool(tool).effects),
      )
    }),
    RUNS,
  )
})

test('any arguments and any definition at all are decided, never thrown at', () => {
  const schema = fc.oneof(
    fc.jsonValue(),
    fc.record({
      type: fc.constant('object'),
      properties: fc.jsonValue(),
      required: fc.jsonValue(),
    }),
  )
  fc.assert(
    fc.property(loaded, anyArgs, schema, ({ mandate }, args, inputSchema) => {
      for (const tool of TOOLS) {
        const raw = { name: tool.name, inputSchema } as JsonObject
        const authority = mandate.tool({ ...tool, raw })
        expect(['permit', 'deny']).toContain(authority.decide(call(args)).effect)
        expect(Array.isArray(authority.explain(call(args)))).toBe(true)
      }
    }),
    RUNS,
  )
})

test('a chain permits only what each of its mandates permits, in any order, and repeats change nothing', () => {
  fc.assert(
    fc.property(loaded, loaded, manyArgs, (parent, child, many) => {
      for (const tool of TOOLS) {
        const chain = [parent, child].map(({ mandate }) => mandate.tool(tool))
        for (const args of many) {
          const each = chain.map((authority) => authority.decide(call(args)))
          const together = decide(chain, call(args))
          expect(together.effect === 'permit').toBe(each.every(({ effect }) => effect === 'permit'))
          expect(decide(chain.toReversed(), call(args)).reason).toBe(together.reason)
          expect(decide([...chain, ...chain], call(args)).reason).toBe(together.reason)
        }
      }
    }),
    RUNS,
  )
})
