/**
 * The method table: which messages from an agent there are, in which era, and which way each takes.
 * A method in no row is refused (design: side doors are closed by default).
 */
import type { Action } from '../model/call.ts'
import type { Era } from '../model/record.ts'
import { STAGES, type StageName } from '../model/verdict.ts'

/**
 * `decided` walks the whole line; `listed` is answered from the compiled mandate's view of the catalog;
 * `local` is answered by the guard itself; where it is handed on to upstreams, its stages hold `bind`.
 */
export type Way = 'decided' | 'listed' | 'local'

export interface MethodRow {
  readonly method: string
  readonly eras: readonly Era[]
  readonly way: Way
  readonly kind: 'request' | 'notification'
  readonly stages: readonly StageName[]
  readonly action?: Action
}

const LEGACY: readonly Era[] = ['legacy']
const MODERN: readonly Era[] = ['modern']
const BOTH: readonly Era[] = ['legacy', 'modern']
const LIST_STAGES: readonly StageName[] = ['admit', 'identify', 'bind', 'settle']
const LOCAL_STAGES: readonly StageName[] = ['admit']
/** Reaches upstreams, though it acts on nothing: only while the mandate binds. */
const BOUND_STAGES: readonly StageName[] = ['admit', 'identify', 'bind']

function decided(action: Action, eras: readonly Era[]): MethodRow {
  return { method: action, eras, way: 'decided', kind: 'request', stages: STAGES, action }
}
function listed(method: string): MethodRow {
  return { method, eras: BOTH, way: 'listed', kind: 'request', stages: LIST_STAGES }
}
function local(method: string, eras: readonly Era[], stages = LOCAL_STAGES): MethodRow {
  return { method, eras, way: 'local', kind: 'request', stages }
}
function notice(method: string, eras: readonly Era[], stages = LOCAL_STAGES): MethodRow {
  return { method, eras, way: 'local', kind: 'notification', stages }
}

export const METHODS: readonly MethodRow[] = [
  decided('tools/call', BOTH),
  decided('resources/read', BOTH),
  decided('resources/subscribe', LEGACY),
  decided('prompts/get', BOTH),
  decided('completion/complete', BOTH),
  listed('tools/list'),
  listed('resources/list'),
  listed('resources/templates/list'),
  listed('prompts/list'),
  local('initialize', LEGACY),
  local('ping', LEGACY),
  local('logging/setLevel', LEGACY, BOUND_STAGES),
  local('resources/unsubscribe', LEGACY, BOUND_STAGES),
  local('server/discover', MODERN),
  local('subscriptions/listen', MODERN, BOUND_STAGES),
  notice('notifications/initialized', LEGACY),
  notice('notifications/cancelled', BOTH),
  notice('notifications/progress', LEGACY),
  notice('notifications/roots/list_changed', LEGACY, BOUND_STAGES),
]

const BY_METHOD: ReadonlyMap<string, MethodRow> = new Map(METHODS.map((row) => [row.method, row]))

/** The row of a method in an era, or undefined: such a message is refused. */
export function methodRow(method: string, era: Era): MethodRow | undefined {
  const row = BY_METHOD.get(method)
  return row?.eras.includes(era) === true ? row : undefined
}
