/**
 * Waits on this machine for the browser to come back from the authorization server (RFC 8252 §7.3): one answer, to one
 * request, at one path. Whatever else comes is turned away, and ends nothing: any page can make a browser ask here.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { GuardError } from '../model/error.ts'
import type { Timers } from '../model/port.ts'
import { HEADERS, nothingHere, pageHtml, type Page } from './page.ts'

const ADDRESS = '127.0.0.1'
const PATH = '/callback'
const MOST_CONNECTIONS = 32
/** A request is a line and a few headers. */
const LOOK_MS = 1000
const REQUEST_MS = 5000

/** The browser is back, and waits to be told what came of it. */
export interface Arrival {
  readonly parameters: URLSearchParams
  /** Resolves when the page has been sent, or nobody is there to take it. */
  readonly answer: (page: Page) => Promise<void>
}

export interface Waiting {
  /** What the authorization server has to send back. */
  readonly state: string
  readonly limitMs: number
  readonly timers: Timers
  readonly signal: AbortSignal | undefined
}

/** Undefined where something else listens at that port; 0 takes one that is free. */
export async function openCallback(port: number): Promise<Callback | undefined> {
  const server = createServer({
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: LOOK_MS,
  })
  server.maxConnections = MOST_CONNECTIONS
  try {
    return new Callback(server, await listen(server, port))
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EADDRINUSE') return undefined
    const why = `nothing can listen on ${ADDRESS} for the browser to come back (port ${port})`
    throw new GuardError('ERR_LOGIN_FAILED', why, { cause })
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: ADDRESS, exclusive: true }, () => {
      server.off('error', reject)
      const bound = server.address()
      resolve(typeof bound === 'object' && bound ? bound.port : port)
    })
  })
}

export class Callback {
  readonly redirectUri: string
  readonly #host: string
  readonly #server: Server
  #take: ((arrival: Arrival) => void) | undefined
  #state: string | undefined

  constructor(server: Server, port: number) {
    this.#server = server
    this.#host = `${ADDRESS}:${port}`
    this.redirectUri = `http://${this.#host}${PATH}`
    server.on('request', (request, response) => this.#onRequest(request, response))
  }

  /** @throws GuardError ERR_LOGIN_FAILED when nobody comes in time, or the waiting is given up */
  wait({ state, limitMs, timers, signal }: Waiting): Promise<Arrival> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        takeBack()
        signal?.removeEventListener('abort', stop)
        this.#take = undefined
      }
      const fail = (why: string): void => {
        end()
        reject(new GuardError('ERR_LOGIN_FAILED', why))
      }
      const stop = (): void => fail('stopped before the browser came back')
      const minutes = Math.round(limitMs / 60_000)
      const takeBack = timers.after(limitMs, () =>
        fail(`nobody logged in within ${minutes} minutes`),
      )
      this.#state = state
      this.#take = (arrival) => {
        end()
        resolve(arrival)
      }
      signal?.addEventListener('abort', stop, { once: true })
      if (signal?.aborted === true) stop()
    })
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', method } = request
    const at = url.indexOf('?')
    const path = at === -1 ? url : url.slice(0, at)
    const parameters = new URLSearchParams(at === -1 ? '' : url.slice(at + 1))
    // A page whose name was made to lead here says that name (DNS rebinding).
    if (request.headers.host !== this.#host) turnAway(response, 421)
    else if (path !== PATH) turnAway(response, 404)
    else if (method !== 'GET') turnAway(response, 405)
    else if (!this.#take || !this.#isOurs(parameters)) turnAway(response, 400)
    else this.#take({ parameters, answer: (page) => answer(response, page) })
  }

  #isOurs(parameters: URLSearchParams): boolean {
    const [state, ...others] = parameters.getAll('state')
    if (state === undefined || others.length > 0 || this.#state === undefined) return false
    return timingSafeEqual(digest(state), digest(this.#state))
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function turnAway(response: ServerResponse, status: number): void {
  void answer(response, nothingHere(status))
}

function answer(response: ServerResponse, page: Page): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) {
      resolve()
      return
    }
    response.once('close', resolve)
    response.once('error', () => resolve())
    response.writeHead(page.status, HEADERS)
    response.end(pageHtml(page))
  })
}
