/** One request on a connection of its own, as the OAuth functions of the SDK want it: what they ask is not hot, but bounded. */
import { GuardError } from '../../../model/error.ts'
import type { Fetch, Timers } from '../../../model/port.ts'
import { headerOf, type Exchange, type Outgoing, type Pool } from './exchange.ts'
import { brokenOff } from './failure.ts'
import { Gathering } from './gathering.ts'
import { AGENT } from './head.ts'

const LARGEST = 1024 * 1024
const LIMIT_MS = 10_000

/** Resolves with the answer whole. A redirect is an answer like another, without the address that it leads to. */
export function fetchWith(timers: Timers): Fetch {
  return async (given, init = {}) => {
    const url = new URL(given)
    const outgoing = outgoingOf(url, init)
    const pool = (await import('./pool.ts')).openPool(url.origin)
    try {
      return await answerTo(pool, outgoing, { host: url.host, timers })
    } finally {
      await pool.close()
    }
  }
}

function outgoingOf({ pathname, search }: URL, init: RequestInit): Outgoing {
  const { method = 'GET', body } = init
  if (method !== 'GET' && method !== 'POST') throw new TypeError(`no request is made by ${method}`)
  const text = body instanceof URLSearchParams ? body.toString() : body
  if (text !== undefined && text !== null && typeof text !== 'string')
    throw new TypeError('a body is a text or a form')
  const own = ['user-agent', AGENT, 'accept-encoding', 'identity']
  return {
    method,
    path: `${pathname}${search}`,
    headers: [...own, ...[...new Headers(init.headers ?? {})].flat()],
    ...(typeof text === 'string' && { body: text }),
  }
}

function answerTo(
  pool: Pool,
  outgoing: Outgoing,
  { host, timers }: { readonly host: string; readonly timers: Timers },
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const body = new Gathering(LARGEST)
    let exchange: Exchange | undefined
    let left = false
    let head = { status: 0, type: '' }
    const fail = (why: string): void => {
      takeBack()
      exchange?.abort()
      reject(new GuardError('ERR_LOGIN_FAILED', why))
    }
    const takeBack = timers.after(LIMIT_MS, () => fail(`\`${host}\` does not answer in time`))
    exchange = pool.send(outgoing, {
      onLeaving: () => {
        left = true
      },
      onHead: (status, headers) => {
        head = { status, type: headerOf(headers, 'content-type') ?? '' }
      },
      onData: (chunk) => {
        if (!body.add(chunk)) fail(`\`${host}\` answered with more than ${LARGEST} bytes`)
      },
      onEnd: () => {
        const answer = responseOf(head, body.take())
        if (!answer) fail(`\`${host}\` answered with what is no answer (HTTP ${head.status})`)
        takeBack()
        if (answer) resolve(answer)
      },
      onBroken: (error) => fail(brokenOff(host, error, left).message),
    })
  })
}

/** Undefined for a status that is none, or one that has no body and came with one. */
function responseOf(
  { status, type }: { readonly status: number; readonly type: string },
  bytes: Uint8Array,
): Response | undefined {
  const headers = type === '' ? {} : { 'content-type': type }
  try {
    return new Response(bytes.length === 0 ? null : new Uint8Array(bytes), { status, headers })
  } catch {
    return undefined
  }
}
