/** One JSON question and its JSON answer over HTTP: no redirect is followed, nothing is unpacked, and the size is bounded. */
import {
  Agent as PlainAgent,
  type IncomingMessage,
  request as plain,
  type RequestOptions,
} from 'node:http'
import { Agent as SecureAgent, request as secure } from 'node:https'
import type { Json } from '../model/json.ts'
import { namesAgree } from '../model/written-names.ts'
import { failed, type Said, unreachable } from './said.ts'

/** Largest answer in bytes. */
const LARGEST = 65_536
const LARGEST_HEAD = 16_384
const MOST_CONNECTIONS = 64
const IDLE_MS = 30_000

export interface Outgoing {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly body?: string
  /** Names the call, so that its line in the log of the engine can be found. */
  readonly call?: string
}

export type Answered = { readonly json: Json } | { readonly wrong: Said }

export interface Client {
  send(outgoing: Outgoing, signal: AbortSignal): Promise<Answered>
  close(): void
}

/** Connections to the origin of `url`, kept alive. */
export function clientOf(url: URL, headers: ReadonlyMap<string, string>): Client {
  const options = { keepAlive: true, maxSockets: MOST_CONNECTIONS, timeout: IDLE_MS }
  const agent = url.protocol === 'https:' ? new SecureAgent(options) : new PlainAgent(options)
  return {
    send: async (outgoing, signal) => {
      const common = { agent, signal, headers }
      const first = await exchange(outgoing, common)
      // The other end let go of an idle connection just then. Nothing was answered, and a question changes nothing.
      return first === 'stale' ? settled(await exchange(outgoing, common)) : first
    },
    close: () => agent.destroy(),
  }
}

function settled(answered: Answered | 'stale'): Answered {
  return answered === 'stale' ? { wrong: unreachable('it let go of the connection') } : answered
}

interface Common {
  readonly agent: PlainAgent
  readonly signal: AbortSignal
  readonly headers: ReadonlyMap<string, string>
}

function optionsOf(
  { method, body, call }: Outgoing,
  { agent, signal, headers }: Common,
): RequestOptions {
  return {
    method,
    agent,
    signal,
    maxHeaderSize: LARGEST_HEAD,
    headers: {
      ...Object.fromEntries(headers),
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'chaperone',
      ...(call !== undefined && { 'x-request-id': call }),
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
    },
  }
}

function exchange(outgoing: Outgoing, common: Common): Promise<Answered | 'stale'> {
  return new Promise((resolve) => {
    const send = outgoing.url.protocol === 'https:' ? secure : plain
    const request = send(outgoing.url, optionsOf(outgoing, common), (response) => {
      const fault = faultOf(response)
      if (fault) {
        response.on('error', () => {})
        response.destroy()
        resolve({ wrong: fault })
      } else gather(response, resolve)
    })
    request.on('error', (error: Error) => {
      const reset = 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      resolve(request.reusedSocket && reset ? 'stale' : { wrong: unreachable(error.message) })
    })
    request.end(outgoing.body)
  })
}

function faultOf({ statusCode = 0, headers }: IncomingMessage): Said | undefined {
  if (statusCode >= 300 && statusCode < 400) return failed(`it redirects (HTTP ${statusCode})`)
  if (statusCode >= 500) return unreachable(`it answers HTTP ${statusCode}`)
  if (statusCode !== 200) return failed(`it answers HTTP ${statusCode}`)
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') return failed('its answer is no JSON')
  const packed = (headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity'
  return packed ? failed('its answer is packed') : undefined
}

function gather(response: IncomingMessage, resolve: (answered: Answered) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= LARGEST) chunks.push(chunk)
    else {
      resolve({ wrong: failed(`its answer is larger than ${LARGEST} bytes`) })
      response.destroy()
    }
  })
  response.on('error', (error) => resolve({ wrong: unreachable(error.message) }))
  response.on('close', () => {
    if (!response.complete) resolve({ wrong: unreachable('its answer breaks off') })
  })
  response.on('end', () => resolve(parsed(Buffer.concat(chunks))))
}

/** A member that is given twice would be another to another reader. */
function parsed(bytes: Buffer): Answered {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- whatever JSON.parse returns is JSON
    const json = JSON.parse(text) as Json
    return namesAgree(text, json)
      ? { json }
      : { wrong: failed('a member of its answer is given twice') }
  } catch {
    return { wrong: failed('its answer is no JSON') }
  }
}
