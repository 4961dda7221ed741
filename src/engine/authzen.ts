/**
 * A policy decision point over AuthZEN 1.0 (OpenID): one evaluation a call, told as the MCP binding of COAZ does. Some
 * decision points show their policies the resource alone, so what is in `context` stands in the resource's properties, too.
 */
import { isObject, type Json, type JsonObject, member } from '../model/json.ts'
import type { EngineQuestion } from '../model/port.ts'
import type { Client } from './http.ts'
import { type Asking, decided, failed, type Said } from './said.ts'
import { type Evaluation, evaluationOf, fits, MOST_BYTES, type Telling } from './told.ts'

export interface AuthzenOptions {
  /** The decision point's identifier, without a slash at its end. */
  readonly url: URL
  readonly discover: boolean
  readonly telling: Telling
}

type Endpoint = { readonly url: URL } | { readonly wrong: Said }

export function authzenEngine(
  { url, discover, telling }: AuthzenOptions,
  client: Client,
): Asking<EngineQuestion> {
  let found: URL | undefined = discover ? undefined : evaluationAt(url)
  return {
    ask: async (question, signal) => {
      const body = evaluationText(evaluationOf(question, telling))
      if (!fits(body)) return failed(`the question is longer than ${MOST_BYTES} bytes`)
      const endpoint: Endpoint = found ? { url: found } : await discovered(url, client, signal)
      if ('wrong' in endpoint) return endpoint.wrong
      found = endpoint.url
      const outgoing = { method: 'POST', url: found, body, call: question.call.id } as const
      const answered = await client.send(outgoing, signal)
      return 'wrong' in answered ? answered.wrong : saidOf(answered.json)
    },
    close: () => {
      client.close()
      return Promise.resolve()
    },
  }
}

function evaluationAt(url: URL): URL {
  return new URL(`${url.origin}${pathOf(url)}/access/v1/evaluation`)
}

function pathOf(url: URL): string {
  return url.pathname.replace(/\/$/, '')
}

/** The text of the evaluation, the context written once and used twice. */
function evaluationText({ subject, action, resource, context }: Evaluation): string {
  const facts = JSON.stringify(context)
  const { properties, ...named } = resource
  const owned = JSON.stringify(properties).slice(0, -1)
  const about = `${JSON.stringify(named).slice(0, -1)},"properties":${owned},"context":${facts}}}`
  return `{"subject":${JSON.stringify(subject)},"action":${JSON.stringify(action)},"resource":${about},"context":${facts}}`
}

/** AuthZEN 1.0 §9: where it evaluates, by its own word, but nowhere else than where it was asked. */
async function discovered(url: URL, client: Client, signal: AbortSignal): Promise<Endpoint> {
  const document = new URL(`${url.origin}/.well-known/authzen-configuration${pathOf(url)}`)
  const answered = await client.send({ method: 'GET', url: document }, signal)
  if ('wrong' in answered) return answered
  const { json } = answered
  const own = isObject(json) ? textIn(json, 'policy_decision_point') : undefined
  if (own === undefined || own.replace(/\/$/, '') !== `${url.origin}${pathOf(url)}`)
    return { wrong: failed('its configuration is that of another decision point') }
  const text = isObject(json) ? textIn(json, 'access_evaluation_endpoint') : undefined
  if (text === undefined || !URL.canParse(text))
    return { wrong: failed('its configuration names no `access_evaluation_endpoint`') }
  const endpoint = new URL(text)
  if (endpoint.origin !== url.origin)
    return { wrong: failed('its `access_evaluation_endpoint` is of another origin') }
  return { url: endpoint }
}

function saidOf(json: Json): Said {
  const decision = isObject(json) ? member(json, 'decision') : undefined
  if (!isObject(json) || typeof decision !== 'boolean')
    return failed('it answers without the boolean `decision`')
  const context = member(json, 'context')
  if (context !== undefined && !isObject(context)) return failed('its `context` is no object')
  const why = context === undefined ? '' : reasonIn(context)
  return decided(decision, why, { of: json, known: ['decision', 'context'] })
}

/** `reason_admin` is for operators: a text, or one for each language. */
function reasonIn(context: JsonObject): string {
  const reason = member(context, 'reason_admin')
  if (typeof reason === 'string') return reason
  const first = isObject(reason) ? Object.values(reason)[0] : undefined
  return typeof first === 'string' ? first : ''
}

function textIn(object: JsonObject, key: string): string | undefined {
  const value = member(object, key)
  return typeof value === 'string' ? value : undefined
}
