/** One exchange over undici's dispatcher: whatever that does, nothing is sent twice. */
import type { Dispatcher } from 'undici'
import { expect, test } from 'vitest'
import type { ExchangeEvents, Outgoing } from '../../../../src/proxy/upstream/http/exchange.ts'
import { sendOver } from '../../../../src/proxy/upstream/http/pool.ts'

/** A dispatcher that starts requests when it is told to, as undici does when a connection broke off under one. */
class FakeDispatcher {
  readonly sent: string[] = []
  #handler: Dispatcher.DispatchHandler | undefined

  dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.#handler = handler
    return true
  }

  /** Writes the request, unless it is aborted while it starts. */
  start(): void {
    let failed: Error | undefined
    const controller: Dispatcher.DispatchController = {
      aborted: false,
      paused: false,
      reason: null,
      abort: (reason) => {
        failed = reason
        this.#handler?.onResponseError?.(controller, reason)
      },
      pause: () => undefined,
      resume: () => undefined,
    }
    this.#handler?.onRequestStart?.(controller, {})
    if (!failed) this.sent.push('request')
  }
}

const OUTGOING: Outgoing = { method: 'POST', path: '/', headers: [], body: '{}' }

function heard(): { events: ExchangeEvents; told: string[] } {
  const told: string[] = []
  const tell = (what: string) => () => void told.push(what)
  const events = {
    onLeaving: tell('leaving'),
    onHead: tell('head'),
    onData: tell('data'),
    onEnd: tell('end'),
    onBroken: tell('broken'),
  }
  return { events, told }
}

test('a request that would be sent again is broken off before it leaves', () => {
  const dispatcher = new FakeDispatcher()
  const { events, told } = heard()
  sendOver(dispatcher, OUTGOING, events)
  dispatcher.start()
  dispatcher.start()
  expect(dispatcher.sent).toEqual(['request'])
  expect(told).toEqual(['leaving', 'broken'])
})

test('a request that was let go of before it started never leaves, and nobody is told', () => {
  const dispatcher = new FakeDispatcher()
  const { events, told } = heard()
  sendOver(dispatcher, OUTGOING, events).abort()
  dispatcher.start()
  expect(dispatcher.sent).toEqual([])
  expect(told).toEqual([])
})
