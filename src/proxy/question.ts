/** What upstreams ask agents for (elicitation, sampling, roots): which kinds there are, and which the guard holds back whatever the mandate says. */
import type { UpstreamRequest } from '../model/call.ts'
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import { asksForSecrets } from './elicitation.ts'
import { parseExact, printExact } from '../model/exact.ts'
import { CAPABILITY } from './session.ts'

const KINDS: ReadonlyMap<Json | undefined, UpstreamRequest> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
])

/** The kind of a question by its method; undefined for what is none. */
export function kindOf(method: Json | undefined): UpstreamRequest | undefined {
  return KINDS.get(method)
}

/** Whether a client can be asked for this at all, by what it declares (MCP, Client Capabilities). */
export function declares(
  declared: JsonObject,
  kind: UpstreamRequest,
  params: Json | undefined,
): boolean {
  const capability = declared[CAPABILITY[kind]]
  if (!isObject(capability)) return false
  if (kind === 'roots') return true
  if (kind === 'sampling') return isObject(capability['tools']) || !usesTools(params)
  // MCP 2025-11-25, Elicitation: an empty capability stands for forms alone.
  if (isObject(params) && params['mode'] === 'url') return isObject(capability['url'])
  return isObject(capability['form']) || !isObject(capability['url'])
}

/**
 * MCP 2025-11-25, Sampling: only a client that declares it may be asked with tools. `includeContext` is no such matter:
 * a client may leave it aside, and before 2025-11-25 had no way to declare it.
 */
function usesTools(params: Json | undefined): boolean {
  return isObject(params) && ['tools', 'toolChoice'].some((name) => Object.hasOwn(params, name))
}

/** True for a question that is never passed on: for a secret in a form, or for a visit to an address that is not https. */
export function isImproper(kind: UpstreamRequest, params: Json | undefined): boolean {
  if (kind !== 'elicitation') return false
  if (!isObject(params)) return true
  if (params['mode'] !== 'url') return asksForSecrets(params)
  const url = params['url']
  return typeof url !== 'string' || !URL.canParse(url) || new URL(url).protocol !== 'https:'
}

/**
 * What was judged is what is sent: one value for each name, as the parser took it, without the fields of the hop it came
 * over. Numbers keep their spelling; what was left out stays out.
 */
export function onward(paramsText: string | undefined): string | undefined {
  if (paramsText === undefined) return undefined
  const params = parseExact(paramsText)
  if (typeof params !== 'object' || params === null) return '{}'
  return printExact(Object.fromEntries(Object.entries(params).filter(([key]) => key !== '_meta')))
}
