/**
 * Connections over undici, by its dispatcher: half of what `node:http` costs a call, and a fraction of `fetch`. Nothing
 * is followed, unpacked, cached or sent twice on the way. The pool alone is loaded, not the package: that takes half the time.
 */
import UndiciPool from 'undici/lib/dispatcher/pool.js'
import type { Exchange, ExchangeEvents, Outgoing, Pool } from './exchange.ts'

/** Of a response's status line and headers, in bytes. */
const HEAD_MAX_BYTES = 16 * 1024
const CONNECT_MS = 10_000

export function openPool(origin: string): Pool {
  const pool = new UndiciPool(origin, {
    // One request at a time on each connection: a second one could be lost with the first, or sent again.
    pipelining: 1,
    connections: null,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: HEAD_MAX_BYTES,
    connect: { timeout: CONNECT_MS },
  })
  return {
    send: (outgoing, events) => sendOver(pool, outgoing, events),
    close: () => pool.destroy(),
  }
}

/** One exchange; where the dispatcher would send it a second time it is broken off before anything leaves. */
export function sendOver(
  pool: Pick<UndiciPool, 'dispatch'>,
  outgoing: Outgoing,
  events: ExchangeEvents,
): Exchange {
  const { method, path, headers, body, silenceMs = 0 } = outgoing
  let over = false
  let returned = false
  let abort: (() => void) | undefined
  pool.dispatch(
    {
      method,
      path,
      headers,
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      ...(body === undefined ? {} : { body }),
    },
    {
      onRequestStart: (controller) => {
        // Called again for what is sent a second time: nothing is.
        const again = abort !== undefined
        abort = () => controller.abort(new Error('let go of'))
        if (over || again) abort()
        else events.onLeaving()
      },
      onResponseStart: (_controller, status, given) => {
        // Interim responses (1xx) say nothing yet.
        if (!over && status >= 200) events.onHead(status, given)
      },
      onResponseData: (_controller, chunk) => {
        if (!over) events.onData(chunk)
      },
      onResponseEnd: () => {
        if (over) return
        over = true
        events.onEnd()
      },
      onResponseError: (_controller, error) => {
        if (over) return
        over = true
        // What cannot even be written is told before there is an exchange.
        if (returned) events.onBroken(error)
        else queueMicrotask(() => events.onBroken(error))
      },
    },
  )
  returned = true
  return {
    abort: () => {
      if (over) return
      over = true
      abort?.()
    },
  }
}
