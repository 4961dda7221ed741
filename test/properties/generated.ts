/** Mandates made at random, in a small world where they often meet, with an oracle that judges them naively. */
import fc from 'fast-check'
import type { CallContext } from '../../src/model/call.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import { compiledText, parse, tool } from '../mandate/written.ts'
import type { CompiledMandate } from '../../src/model/authority.ts'

const SERVERS = ['vendors', 'mail'] as const
const NAMES = ['search', 'send', 'delete_one', 'a/b'] as const
const PATTERNS = [
  'search',
  'send',
  'delete_one',
  'a/b',
  's*',
  'delete_*',
  '*',
  'a?b',
  '*/b',
] as const
const ARGUMENTS = ['x', 'y'] as const

/** Every tool that exists. */
export const TOOLS: readonly ToolDefinition[] = SERVERS.flatMap((server) =>
  NAMES.map((name) => tool(server, name)),
)

interface Duty {
  readonly cel: string
  /** What the condition says: true, false, or that it cannot be evaluated. */
  readonly judge: (args: JsonObject) => boolean | 'error'
}

/** A comparison between two kinds of values is a fault, not false. */
function isA(value: Json | undefined): boolean | 'error' {
  return typeof value === 'string' ? value === 'a' : 'error'
}

const DUTIES: readonly Duty[] = [
  { cel: 'true', judge: () => true },
  {
    cel: 'has(args.x) && args.x == "a"',
    judge: (args) => Object.hasOwn(args, 'x') && isA(args['x']),
  },
  { cel: 'has(args.y)', judge: (args) => Object.hasOwn(args, 'y') },
  { cel: 'args.x == "a"', judge: (args) => isA(args['x']) },
]

interface Limit {
  readonly written: JsonObject
  readonly holds: (value: Json | undefined) => boolean
}

const LIMITS: readonly Limit[] = [
  { written: { equals: 'a' }, holds: (value) => value === 'a' },
  { written: { one_of: ['a', 'b'] }, holds: (value) => value === 'a' || value === 'b' },
  { written: { present: true }, holds: (value) => value !== undefined && value !== null },
  {
    written: { range: { min: 1, max: 3 } },
    holds: (value) => typeof value === 'number' && value >= 1 && value <= 3,
  },
  {
    written: { equals: 'a', optional: true },
    holds: (value) => value === undefined || value === 'a',
  },
]

export interface GeneratedGrant {
  readonly target: string
  readonly effect?: string
  readonly args?: Readonly<Partial<Record<(typeof ARGUMENTS)[number], Limit>>>
  readonly otherArgs?: 'refuse' | 'permit'
  readonly when?: Duty
  readonly approval?: { readonly when?: Duty }
}

export interface Generated {
  readonly grants: readonly GeneratedGrant[]
  readonly never: readonly string[]
}

const target = fc
  .tuple(fc.constantFrom(...SERVERS, '*'), fc.constantFrom(...PATTERNS))
  .map(([server, name]) => `${server}/${name}`)

const exact = fc
  .tuple(fc.constantFrom(...SERVERS), fc.constantFrom(...NAMES))
  .map(([server, name]) => `${server}/${name}`)

const limit = fc.constantFrom(...LIMITS)
export const duty: fc.Arbitrary<Duty> = fc.constantFrom(...DUTIES)

const constrained: fc.Arbitrary<Omit<GeneratedGrant, 'target'>> = fc.record(
  {
    effect: fc.constantFrom('read', 'write', 'pay'),
    args: fc.record({ x: limit, y: limit }, { requiredKeys: [] }),
    otherArgs: fc.constantFrom('refuse', 'permit'),
    when: duty,
    approval: fc.record({ when: duty }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
)

/** Wildcards are seldom constrained, or nothing would load. */
const grant: fc.Arbitrary<GeneratedGrant> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(exact, constrained).map(([one, rest]) => ({ target: one, ...rest })),
  },
  { weight: 1, arbitrary: target.map((one) => ({ target: one })) },
  {
    weight: 1,
    arbitrary: fc.tuple(target, constrained).map(([one, rest]) => ({ target: one, ...rest })),
  },
)

export const generated: fc.Arbitrary<Generated> = fc.record({
  grants: fc.array(grant, { maxLength: 5 }),
  never: fc.array(target, { maxLength: 2 }),
})

/** The same tool may be granted twice only by the mandate and by a role: what repeats a target goes into the role. */
export function load(made: Generated): CompiledMandate | undefined {
  const [own, role] = split(made.grants)
  if (!role) return undefined
  const roles = { 'policies/roles/more.yaml': JSON.stringify({ role: 'more', tools: role }) }
  const text = JSON.stringify({
    mandate: 'm',
    agent: 'a',
    purpose: 'p',
    valid: { until: '2030-01-01T00:00:00Z' },
    roles: ['more'],
    tools: own,
    never: [...new Set(made.never)],
  })
  return parse(text, roles).mandate ? compiledText(text, roles) : undefined
}

function split(
  grants: readonly GeneratedGrant[],
): readonly [Record<string, JsonObject>, Record<string, JsonObject> | undefined] {
  const own: Record<string, JsonObject> = {}
  const role: Record<string, JsonObject> = {}
  for (const one of grants) {
    const place = Object.hasOwn(own, one.target) ? role : own
    if (Object.hasOwn(place, one.target)) return [own, undefined]
    place[one.target] = written(one)
  }
  return [own, role]
}

function written(one: GeneratedGrant): JsonObject {
  const { effect, args, otherArgs, when, approval } = one
  return {
    ...(effect !== undefined && { effect }),
    ...(args && {
      args: Object.fromEntries(
        Object.entries(args).map(([name, { written: text }]) => [name, text]),
      ),
    }),
    ...(otherArgs && { otherArgs }),
    ...(when && { when: when.cel }),
    ...(approval && {
      approval: { from: ['lee'], ...(approval.when && { when: approval.when.cel }) },
    }),
  }
}

/** Values that rules speak of, and some that they do not. */
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Json>('a', 'b', 1, 3, 4) },
  { weight: 1, arbitrary: fc.constantFrom<Json>(null, true, '', 'A', ['a'], { x: 'a' }) },
)

export const someArgs: fc.Arbitrary<JsonObject> = fc.record(
  { x: value, y: value, z: value },
  { requiredKeys: [] },
)

export const anyArgs: fc.Arbitrary<JsonObject> = fc.oneof(
  someArgs,
  fc.dictionary(
    fc.oneof(fc.constantFrom('x', 'y', '__proto__', 'constructor'), fc.string()),
    fc.jsonValue(),
  ) as fc.Arbitrary<JsonObject>,
)

/** One mandate is loaded for many calls: loading is most of the time. */
export const manyArgs: fc.Arbitrary<readonly JsonObject[]> = fc.array(someArgs, {
  minLength: 4,
  maxLength: 12,
})

/** What the design says, in the plainest words there are. */
export function oracle(
  made: Generated,
  { server, name }: ToolDefinition,
  { args }: CallContext,
): 'permitted' | 'forbidden' | 'outside_mandate' | 'evaluation_error' | 'approval_required' {
  if (made.never.some((one) => names(one, server, name))) return 'forbidden'
  const naming = made.grants.filter((one) => names(one.target, server, name))
  if (!naming.some((one) => permitsArgs(one, args))) return 'outside_mandate'
  const whens = naming.map(({ when }) => when?.judge(args) ?? true)
  if (whens.includes(false)) return 'outside_mandate'
  if (whens.includes('error')) return 'evaluation_error'
  const asks = naming.some(
    ({ approval }) => approval && (approval.when?.judge(args) ?? true) !== false,
  )
  return asks ? 'approval_required' : 'permitted'
}

export function names(pattern: string, server: string, name: string): boolean {
  const slash = pattern.indexOf('/')
  return like(pattern.slice(0, slash), server) && like(pattern.slice(slash + 1), name)
}

function like(pattern: string, text: string): boolean {
  const source = pattern.replaceAll('?', '[^]').replaceAll('*', '[^]*')
  return new RegExp(`^${source}$`, 'u').test(text)
}

function permitsArgs(one: GeneratedGrant, args: JsonObject): boolean {
  const limits = Object.entries(one.args ?? {})
  const closed = one.otherArgs === 'refuse' || (one.args && one.otherArgs !== 'permit')
  const known = limits.map(([name]) => name)
  if (closed && Object.keys(args).some((name) => !known.includes(name))) return false
  return limits.every(([name, { holds }]) =>
    holds(Object.hasOwn(args, name) ? args[name] : undefined),
  )
}
