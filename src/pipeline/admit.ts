/** admit: is this one well-formed message, of a method and era in the table? Time is read here, once. */
import { ACTIONS as DECIDED, type Action } from '../model/call.ts'
import type { Instant } from '../model/id.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { RequestFacts } from '../model/record.ts'
import { refusal } from '../model/verdict.ts'
import { methodRow } from './method.ts'
import type { CancelSignal, Inbound } from './port.ts'
import type { StageRow } from './stage.ts'

/** What is acted on, as the message says it; `resolve` finds out what that is. */
export type Asked =
  | { readonly kind: 'tool'; readonly name: string; readonly args: JsonObject }
  | { readonly kind: 'resource'; readonly uri: string }
  | { readonly kind: 'prompt'; readonly name: string; readonly args: JsonObject }

export interface Admitted {
  readonly inbound: Inbound
  readonly at: Instant
  readonly startedMs: number
  readonly action: Action
  readonly asked: Asked
  readonly request: RequestFacts
  readonly cancelled: CancelSignal
  readonly movedBack: boolean
}

/** The members each decided method may have; an unknown member is refused, never passed on unjudged. */
const MEMBERS: Readonly<Record<Action, ReadonlySet<string>>> = {
  'tools/call': new Set(['name', 'arguments', '_meta']),
  'resources/read': new Set(['uri', '_meta']),
  'resources/subscribe': new Set(['uri', '_meta']),
  'prompts/get': new Set(['name', 'arguments', '_meta']),
  'completion/complete': new Set(['ref', 'argument', 'context', '_meta']),
}

const NO_ARGUMENTS: JsonObject = {}

export const admit: StageRow<Inbound, Admitted> = {
  name: 'admit',
  question: 'is it one well-formed message, within limits?',
  codes: ['malformed', 'unsupported', 'header_mismatch', 'input_unanswered'],
  why: 'nothing may be decided about bytes that two parsers could read differently',
  run: (inbound, ports) => {
    if (inbound.malformed !== undefined) return refusal('admit', 'malformed', inbound.malformed)
    const action = actionOf(inbound)
    if (action === undefined)
      return refusal('admit', 'unsupported', 'a method in no row of the table')
    if (hasOther(inbound.params, MEMBERS[action]))
      return refusal('admit', 'malformed', 'an unknown member in params')
    const asked = askedOf(action, inbound.params)
    if (!asked) return refusal('admit', 'malformed', 'params do not have the form of the method')
    const time = ports.time.read()
    return {
      inbound,
      at: time.at,
      movedBack: time.movedBack,
      startedMs: ports.clock.monotonic(),
      action,
      asked,
      request: {
        era: inbound.era,
        method: inbound.method,
        name: asked.kind === 'resource' ? asked.uri : asked.name,
        ...continuing(inbound),
        ...traced(inbound.params),
      },
      cancelled: inbound.cancelled,
    }
  },
}

/** What a message of this method, in this era, asks to do. */
function actionOf({ method, era, within }: Inbound): Action | undefined {
  if (within === undefined) return methodRow(method, era)?.action
  return methodRow(within, era) && DECIDED.find((action) => action === method)
}

function continuing({ continuation }: Inbound): Pick<RequestFacts, 'continues'> {
  return continuation?.continues === undefined ? {} : { continues: continuation.continues }
}

/** W3C Trace Context, section 3.2.2: what has another form is left out. */
function traced({ _meta: meta }: JsonObject): Pick<RequestFacts, 'traceparent'> {
  if (meta === undefined || !isObject(meta)) return UNTRACED
  const text = Object.hasOwn(meta, 'traceparent') ? meta['traceparent'] : undefined
  if (typeof text !== 'string' || text.length !== TRACEPARENT_LENGTH) return UNTRACED
  return TRACEPARENT.test(text) ? { traceparent: text } : UNTRACED
}

const UNTRACED = {}
const TRACEPARENT_LENGTH = 55
/** Neither version 255 nor an id of zeros is one. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

function askedOf(action: Action, params: JsonObject): Asked | undefined {
  switch (action) {
    case 'tools/call':
      return named('tool', params)
    case 'prompts/get':
      return named('prompt', params)
    case 'resources/read':
    case 'resources/subscribe': {
      const uri = params['uri']
      return typeof uri === 'string' && uri !== '' ? { kind: 'resource', uri } : undefined
    }
    case 'completion/complete':
      return completed(params)
  }
}

function named(kind: 'tool' | 'prompt', params: JsonObject): Asked | undefined {
  const name = params['name']
  const args = params['arguments']
  if (typeof name !== 'string' || name === '') return undefined
  if (args === undefined) return { kind, name, args: NO_ARGUMENTS }
  return isObject(args) ? { kind, name, args } : undefined
}

/** A completion acts on what its `ref` names: values of a hidden prompt or template would leak otherwise. */
function completed(params: JsonObject): Asked | undefined {
  const { ref, argument, context } = params
  if (!isObject(ref) || !isObject(argument)) return undefined
  if (hasOther(ref, REF) || hasOther(argument, ARGUMENT) || typeof argument['value'] !== 'string')
    return undefined
  const half = typeof argument['name'] === 'string' ? argument['name'] : undefined
  const given = isObject(context) ? (context['arguments'] ?? NO_ARGUMENTS) : NO_ARGUMENTS
  if (half === undefined || !isObject(given)) return undefined
  if (context !== undefined && (!isObject(context) || hasOther(context, CONTEXT))) return undefined
  const { type, name, uri } = ref
  if (type === 'ref/prompt' && typeof name === 'string') {
    // The names are judged by the closed world of the grant; the value is only half typed.
    const args = Object.fromEntries([...Object.entries(given), [half, argument['value']]])
    return { kind: 'prompt', name, args }
  }
  if (type === 'ref/resource' && typeof uri === 'string') return { kind: 'resource', uri }
  return undefined
}

const REF: ReadonlySet<string> = new Set(['type', 'name', 'title', 'uri'])
const ARGUMENT: ReadonlySet<string> = new Set(['name', 'value'])
const CONTEXT: ReadonlySet<string> = new Set(['arguments'])

function hasOther(value: JsonObject, known: ReadonlySet<string>): boolean {
  for (const key in value) if (!known.has(key)) return true
  return false
}
