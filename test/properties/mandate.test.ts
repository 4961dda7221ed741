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
  names,
  oracle,
  someArgs,
  someTool,
  TOOLS,
} from './generated.ts'

const RUNS = { numRuns: 400 }

/** A mandate that loads. */
const loaded = generated
  .map((made) => ({ made, mandate: load(made) }))
  .filter((one): one is { made: Generated; mandate: CompiledMandate } => one.mandate !== undefined)

function decided(
  mandate: CompiledMandate,
  tool: (typeof TOOLS)[number],
  args: JsonObject,
): Decision {
  return mandate.tool(tool).decide(call(args))
}

test('a decision is what the design says, for every reason', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(loaded, someTool, someArgs, ({ made, mandate }, tool, args) => {
      const { reason } = decided(mandate, tool, args)
      seen.add(reason)
      expect(reason).toBe(oracle(made, tool, call(args)))
    }),
    { numRuns: 3000 },
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
  fc.assert(
    fc.property(loaded, anyArgs, ({ mandate }, args) => {
      const hidden = TOOLS.filter((tool) => !mandate.tool(tool).listed)
      expect(hidden.filter((tool) => decided(mandate, tool, args).effect === 'permit')).toEqual([])
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

test('another never only takes away', () => {
  fc.assert(
    fc.property(loaded, generated, someTool, someArgs, ({ made, mandate }, more, tool, args) => {
      const narrower = load({ ...made, never: [...made.never, ...more.never] })
      const permitted = narrower && decided(narrower, tool, args).effect === 'permit'
      expect(!permitted || decided(mandate, tool, args).effect === 'permit').toBe(true)
    }),
    RUNS,
  )
})

test('another duty only takes away, whichever grant it stands on', () => {
  fc.assert(
    fc.property(
      ...([loaded, fc.nat(), duty, fc.boolean(), someTool, someArgs] as const),
      ({ made, mandate }, at, more, asks, tool, args) => {
        const index = made.grants.length === 0 ? 0 : at % made.grants.length
        const grants = made.grants.map((grant, place) =>
          place !== index
            ? grant
            : asks
              ? { ...grant, approval: { when: more } }
              : { ...grant, when: more },
        )
        fc.pre(made.grants[index]?.[asks ? 'approval' : 'when'] === undefined)
        const narrower = load({ ...made, grants })
        const permitted = narrower && decided(narrower, tool, args).effect === 'permit'
        expect(!permitted || decided(mandate, tool, args).effect === 'permit').toBe(true)
      },
    ),
    RUNS,
  )
})

test('duties add up: what is permitted holds the duties of every grant that names the tool', () => {
  fc.assert(
    fc.property(loaded, someTool, someArgs, ({ made, mandate }, tool, args) => {
      fc.pre(decided(mandate, tool, args).effect === 'permit')
      for (const grant of made.grants) {
        if (!names(grant.target, tool.server, tool.name)) continue
        expect(grant.when?.judge(args) ?? true).toBe(true)
        expect(grant.approval && grant.approval.when?.judge(args) !== false).toBeFalsy()
      }
    }),
    RUNS,
  )
})

test('closed world: an argument that no grant knows is permitted only by a grant that is open', () => {
  fc.assert(
    fc.property(loaded, someTool, someArgs, ({ made, mandate }, tool, args) => {
      const open = made.grants.some(
        (grant) =>
          names(grant.target, tool.server, tool.name) &&
          grant.otherArgs !== 'refuse' &&
          (grant.args === undefined || grant.otherArgs === 'permit'),
      )
      fc.pre(!open)
      expect(decided(mandate, tool, { ...args, unheard_of: 1 }).effect).toBe('deny')
    }),
    RUNS,
  )
})

test('the order of grants and of never does not matter', () => {
  fc.assert(
    fc.property(loaded, someTool, someArgs, ({ made, mandate }, tool, args) => {
      // Which of two equal targets stands in the role changes the name of its rule: such are left out.
      fc.pre(new Set(made.grants.map(({ target }) => target)).size === made.grants.length)
      const turned = load({ grants: made.grants.toReversed(), never: made.never.toReversed() })
      expect(turned && decided(turned, tool, args)).toEqual(decided(mandate, tool, args))
      expect(turned?.tool(tool).effects).toEqual(mandate.tool(tool).effects)
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
    fc.property(loaded, someTool, anyArgs, schema, ({ mandate }, tool, args, inputSchema) => {
      const raw = { name: tool.name, inputSchema } as JsonObject
      const authority = mandate.tool({ ...tool, raw, definition: tool.definition })
      expect(['permit', 'deny']).toContain(authority.decide(call(args)).effect)
      expect(Array.isArray(authority.explain(call(args)))).toBe(true)
    }),
    RUNS,
  )
})

test('a decision is the same every time, and in a chain of itself', () => {
  fc.assert(
    fc.property(loaded, someTool, someArgs, ({ mandate }, tool, args) => {
      const authority = mandate.tool(tool)
      const first = authority.decide(call(args))
      expect(authority.decide(call(args))).toEqual(first)
      expect(decide([authority, authority], call(args)).reason).toBe(first.reason)
    }),
    RUNS,
  )
})

test('a chain permits only what each of its mandates permits', () => {
  fc.assert(
    fc.property(loaded, loaded, someTool, someArgs, (parent, child, tool, args) => {
      const chain = [parent, child].map(({ mandate }) => mandate.tool(tool))
      const each = chain.every((authority) => authority.decide(call(args)).effect === 'permit')
      expect(decide(chain, call(args)).effect === 'permit').toBe(each)
      expect(decide(chain.toReversed(), call(args)).reason).toBe(decide(chain, call(args)).reason)
    }),
    RUNS,
  )
  expect(decide([], call({})).effect).toBe('deny')
})
