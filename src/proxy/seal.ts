/**
 * Seals what an upstream gives an agent to keep (MCP 2026-07-28, Multi Round-Trip Requests, `requestState`): the agent
 * hands it back word for word, for the same request, within a time, to the guard that sealed it, or not at all.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import { callId, type CallId } from '../model/id.ts'
import { canonical, isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import type { Clock } from '../model/port.ts'

/** What a sealed state says. */
export interface State {
  readonly server: string
  /** The call that was asked back. */
  readonly call: CallId
  /** The keys of what was asked: answers under others are left out. */
  readonly keys: readonly string[]
  /** The upstream's own state, where it has one. */
  readonly state?: string
  /** The call is still under way upstream, under this ticket. */
  readonly ticket?: string
}

/** The request that a state belongs to: the retry must be the same. */
export interface Retried {
  readonly method: string
  readonly params: JsonObject
}

/** How long an answer may take. In milliseconds of the clock that only grows. */
const SEAL_MS = 15 * 60_000

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'

/** One key for each front: what one mandate's agents were given cannot be used under another. */
export class Seal {
  readonly #key: Uint8Array = randomBytes(32)
  readonly #clock: Pick<Clock, 'monotonic'>

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  close(state: State, request: Retried): string {
    const until = Math.ceil(this.#clock.monotonic() + SEAL_MS)
    const { server, call, keys, state: own, ticket } = state
    const plain = JSON.stringify([VERSION, until, server, call, keys, own ?? null, ticket ?? null])
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(about(request))
    const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  /** Undefined for what this guard has not sealed, for another request, or not lately. */
  open(text: string, request: Retried): State | undefined {
    const plain = this.#decrypt(text, request)
    const said: unknown = plain === undefined ? undefined : JSON.parse(plain)
    if (!isList(said)) return undefined
    const [version, until, server, call, keys, own, ticket] = said
    if (version !== VERSION || typeof until !== 'number' || until < this.#clock.monotonic())
      return undefined
    if (typeof server !== 'string' || typeof call !== 'string' || !isList(keys)) return undefined
    return {
      server,
      call: callId(call),
      keys: keys.filter((key) => typeof key === 'string'),
      ...(typeof own === 'string' ? { state: own } : {}),
      ...(typeof ticket === 'string' ? { ticket } : {}),
    }
  }

  #decrypt(text: string, request: Retried): string | undefined {
    const bytes = Buffer.from(text, 'base64url')
    // The decoder skips what is no base64url: only the one spelling of these bytes is taken.
    if (bytes.length <= NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== text)
      return undefined
    const [tagged, sealed] = [NONCE_BYTES, NONCE_BYTES + TAG_BYTES]
    const cipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, tagged), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(about(request))
      .setAuthTag(bytes.subarray(tagged, sealed))
    try {
      return Buffer.concat([cipher.update(bytes.subarray(sealed)), cipher.final()]).toString('utf8')
    } catch {
      // Not ours, or not whole.
      return undefined
    }
  }
}

/** The method, what is acted on, and the arguments: what the agent must not change between the question and the answer. */
function about({ method, params }: Retried): Buffer {
  const same: Json = [method, params['name'] ?? params['uri'] ?? null, params['arguments'] ?? null]
  return Buffer.from(hash('sha256', canonical(same), 'hex'), 'hex')
}

/** True for answers in the form that the specification gives them: one object for each key. */
export function isResponses(
  value: Json | undefined,
): value is Readonly<Record<string, JsonObject>> {
  return isObject(value) && Object.values(value).every((response) => isObject(response))
}
