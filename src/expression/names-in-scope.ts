/**
 * What a condition may name. In a mandate: `args`, `now`, `agent`, `purpose`, `purposeRef`, `environment`, `risk`,
 * `session.labels`. A policy is bound to no mandate: there the purpose is the call's, and `mandate`, `owner`, `tool`,
 * `server` and `sets` can be named, too.
 */
import { type CallContext, ENVIRONMENTS, RISK_POSTURES } from '../model/call.ts'
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import { charge, type Frame, type Typed, type Value } from './run.ts'
import {
  either,
  KIND,
  kindOf,
  TEXT,
  TIME,
  type Type,
  typeOfSchema,
  UNDECLARED,
  UNKNOWN,
} from './typing.ts'

interface Schemed {
  /** The tool's schema; absent: parse and profile are checked, arguments are untyped. */
  readonly inputSchema?: JsonObject
}

/** Of a mandate's condition. */
export interface MandateScope extends Schemed {
  readonly purpose: string
  readonly ref?: string
}

/** Of a policy's condition. */
export interface PolicyScope extends Schemed {
  readonly policy: {
    /** Constant lists by name: `sets.partners`. */
    readonly sets: ReadonlyMap<string, readonly (string | number | boolean)[]>
    /** Zone of a `within` that names none. */
    readonly timezone?: string
  }
}

export type ConditionScope = MandateScope | PolicyScope

export type Names = ReadonlyMap<string, Typed>

export interface Scope {
  readonly names: Names
  /** `session` and `sets` are no values of their own: only what stands below them can be read. */
  readonly spaces: ReadonlyMap<string, Names>
  readonly timezone?: string
}

const LABELS: Typed = {
  type: { kinds: KIND.list, item: TEXT },
  run: (frame) => frame.call.session.labels,
}

/** All conditions of a policy file, and all of a mandate about one tool, have the same. */
const made = new WeakMap<ConditionScope, Scope>()

export function scopeOf(scope: ConditionScope): Scope {
  const found = made.get(scope) ?? makeScope(scope)
  made.set(scope, found)
  return found
}

function makeScope(scope: ConditionScope): Scope {
  const names: readonly (readonly [string, Typed])[] = [
    ['args', { type: argsType(scope.inputSchema), run: (frame) => frame.call.args }],
    ['now', { type: TIME, run: (frame) => frame.call.at }],
    ['agent', { type: TEXT, run: (frame) => frame.call.principal.agent }],
    ['environment', { type: oneOf(ENVIRONMENTS), run: (frame) => frame.call.environment }],
    ['risk', { type: oneOf(RISK_POSTURES), run: (frame) => frame.call.risk }],
  ]
  const session: Names = new Map([['labels', LABELS]])
  if (!('policy' in scope)) {
    const { purpose, ref } = scope
    const given = ref === undefined ? [] : [['purposeRef', constant(ref)] as const]
    return {
      names: new Map([...names, ['purpose', constant(purpose)], ...given]),
      spaces: new Map([['session', session]]),
    }
  }
  const { sets, timezone } = scope.policy
  const lists = new Map([...sets].map(([name, values]) => [name, set(values)]))
  return {
    names: new Map([...names, ...POLICY_NAMES]),
    spaces: new Map([
      ['session', session],
      ['sets', lists],
    ]),
    ...(timezone !== undefined && { timezone }),
  }
}

/** What a call says of itself and of the mandate that it is made under; a fault where it says nothing. */
const POLICY_NAMES: readonly (readonly [string, Typed])[] = [
  ['server', ofCall('`server` is absent', (call) => call.resource.server)],
  ['tool', { type: TEXT, run: toolOf }],
  ['mandate', ofCall('the call names no mandate', (call) => call.mandate?.name)],
  ['owner', ofCall('the mandate names no owner', (call) => call.mandate?.owner)],
  ['purpose', ofCall('the call names no purpose', (call) => call.mandate?.purpose.text)],
  ['purposeRef', ofCall('the purpose has no `ref`', (call) => call.mandate?.purpose.ref)],
]

function ofCall(absence: string, read: (call: CallContext) => string | undefined): Typed {
  const absent = Symbol(absence)
  return { type: TEXT, run: (frame): Value => read(frame.call) ?? absent }
}

/** `server/name`, of a resource `server/uri`. */
function toolOf(frame: Frame): Value {
  const { resource } = frame.call
  const text = `${resource.server}/${resource.kind === 'resource' ? resource.uri : resource.name}`
  return charge(frame, 4 + (text.length >>> 2)) ?? text
}

function constant(value: Json): Typed {
  return { type: TEXT, run: () => value, constant: value }
}

function set(values: readonly (string | number | boolean)[]): Typed {
  const types = values.map((value): Type => ({ kinds: kindOf(value) }))
  const item = types.length === 0 ? UNDECLARED : types.reduce(either)
  return { type: { kinds: KIND.list, item }, run: () => values, constant: values }
}

function oneOf(texts: readonly string[]): Type {
  return { kinds: KIND.text, texts }
}

/** Arguments are always an object; without a schema, one of which nothing is known. */
function argsType(schema: JsonObject | undefined): Type {
  if (!schema) return { kinds: KIND.object, others: UNKNOWN }
  const type = typeOfSchema(schema, schema)
  const known = isObject(schema) && (type.members ?? type.others) !== undefined
  const { members, others } = known ? type : { members: undefined, others: UNDECLARED }
  return { kinds: KIND.object, ...(members && { members }), ...(others && { others }) }
}
