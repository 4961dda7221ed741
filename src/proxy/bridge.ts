/**
 * Requests that ask back (MCP 2026-07-28, Multi Round-Trip Requests) between ends of different eras, and the retries of
 * modern agents: what comes back with one is opened here, and nothing of it reaches an upstream as the agent wrote it.
 */
import type { Json, JsonObject } from '../model/json.ts'
import { isObject, member } from '../model/json.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import type { Concluded } from '../pipeline/line.ts'
import type { Continuation } from '../pipeline/port.ts'
import type { Asks } from './asks.ts'
import { parseExact, printExact } from '../model/exact.ts'
import { onward } from './question.ts'
import { isResponses, type Seal } from './seal.ts'
import type { Underway } from './session.ts'

/** How often one call may be asked back. */
const MOST_ROUNDS = 10

/** A request of the modern era that may be a retry. */
interface Retry {
  readonly method: string
  readonly params: JsonObject
}

export class Bridge {
  readonly #seal: Seal
  readonly #asks: Asks

  constructor(seal: Seal, asks: Asks) {
    this.#seal = seal
    this.#asks = asks
  }

  /**
   * The request without its retry members, and what they say. A state that this guard did not seal for this request is
   * refused; answers without any are passed on as the upstream would have them.
   */
  continued<T extends Retry>(retry: T): (T & { readonly continuation: Continuation }) | Refusal {
    const { inputResponses, requestState, ...params } = retry.params
    if (inputResponses !== undefined && !isResponses(inputResponses))
      return refusal('admit', 'malformed', '`inputResponses` is no map of answers')
    if (requestState === undefined) {
      const said = inputResponses === undefined ? {} : { inputResponses }
      return { ...retry, params, continuation: said }
    }
    const opened =
      typeof requestState === 'string'
        ? this.#seal.open(requestState, { method: retry.method, params })
        : undefined
    if (!opened)
      return refusal('admit', 'malformed', '`requestState` is none of this guard for this request')
    const { call, server, state, ticket, keys } = opened
    const answers = inputResponses && only(inputResponses, keys)
    return {
      ...retry,
      params,
      continuation: {
        continues: call,
        server,
        ...(answers && { inputResponses: answers }),
        ...(state === undefined ? {} : { requestState: state }),
        ...(ticket === undefined ? {} : { ticket }),
      },
    }
  }

  /** Asks a legacy agent what a modern upstream wants to know, round by round, and takes its call down the line with each answer. */
  async ask(
    underway: Underway,
    first: Concluded,
    again: (continuation: Continuation) => Promise<Concluded>,
  ): Promise<Concluded> {
    let concluded = first
    for (let round = 0; ; round += 1) {
      if (!('answer' in concluded) || concluded.answer.outcome !== 'input_required')
        return concluded
      const { call, answer } = concluded
      const state = stateOf(answer.text)
      const inputResponses =
        round < MOST_ROUNDS
          ? await this.#answers(underway, call.resource.server, answer.text)
          : undefined
      if (!inputResponses || underway.aborted) return unanswered(concluded, underway)
      concluded = await again({
        continues: call.id,
        server: call.resource.server,
        ...(Object.keys(inputResponses).length === 0 ? {} : { inputResponses }),
        ...(state === undefined ? {} : { requestState: state }),
      })
    }
  }

  async #answers(
    underway: Underway,
    server: string,
    text: string,
  ): Promise<Readonly<Record<string, JsonObject>> | undefined> {
    const answers: Record<string, JsonObject> = {}
    for (const [key, { method, params }] of questionsIn(text)) {
      if (!(await this.#asks.record(server, method, undefined))) return undefined
      const question = { server, method, params, about: underway.id }
      const reply = await this.#asks.ask(underway.session, question)
      // A form that cannot be shown is not filled in; other questions have no such answer.
      if (reply.part === 'result') answers[key] = reply.value
      else if (reply.part === 'error' && method === 'elicitation/create')
        answers[key] = { action: 'cancel' }
      else return undefined
    }
    return answers
  }
}

/** Left out is what was not asked for. */
function only(
  answers: Readonly<Record<string, JsonObject>>,
  keys: readonly string[],
): Readonly<Record<string, JsonObject>> {
  return Object.fromEntries(Object.entries(answers).filter(([key]) => keys.includes(key)))
}

/** The call was made, and its upstream still waits for what it asked: what came of it is not known. */
function unanswered(concluded: Concluded, { aborted, why: called }: Underway): Concluded {
  const why = refusal('admit', aborted ? (called ?? 'cancelled') : 'input_unanswered')
  if ('refusal' in concluded) return concluded
  const { era, action } = { era: 'legacy' as const, action: concluded.call.action }
  return { refusal: why, request: { era, method: action } }
}

function stateOf(text: string): string | undefined {
  const result: unknown = JSON.parse(text)
  const state = isObject(result) ? member(result, 'requestState') : undefined
  return typeof state === 'string' ? state : undefined
}

interface Asked {
  readonly method: string
  readonly params: string | undefined
}

/** What a result asks for, by key, ready to be asked: numbers keep their spelling. */
function questionsIn(text: string): readonly (readonly [string, Asked])[] {
  const result: unknown = JSON.parse(text)
  const requests = isObject(result) ? member(result, 'inputRequests') : undefined
  const exact = parseExact(text)
  const twins = isRecord(exact) ? exact['inputRequests'] : undefined
  if (!isObject(requests) || !isRecord(twins)) return []
  return Object.entries(requests).flatMap(([key, request]) => {
    const twin = twins[key]
    const method: Json | undefined = isObject(request) ? request['method'] : undefined
    if (typeof method !== 'string' || !isRecord(twin)) return []
    const params = twin['params'] === undefined ? undefined : printExact(twin['params'])
    return [[key, { method, params: onward(params) }] as const]
  })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
