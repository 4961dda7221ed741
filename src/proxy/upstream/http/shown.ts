/**
 * Shows an upstream the login that was made for it, with every request, and tells the login what the upstream thinks of it.
 * What is refused with 401 was not carried out: it is sent once more where there is something else to show.
 */
import type { Credential } from '../../../model/port.ts'
import type { Address } from '../connection.ts'
import type { Exchange, ExchangeEvents, Outgoing, Pool, ResponseHeaders } from './exchange.ts'
import { denied, isDenial } from './failure.ts'

/** Connections to an upstream; each request on them has what the upstream is to be shown. */
export async function poolTo({ server, url, credential }: Address): Promise<Pool> {
  const pool = (await import('./pool.ts')).openPool(new URL(url).origin)
  if (!credential) return pool
  return {
    send: (outgoing, events) => {
      const shown = new Shown({ pool, credential, server }, outgoing, events)
      shown.start()
      return shown
    },
    close: () => pool.close(),
  }
}

interface Showing {
  readonly pool: Pool
  readonly credential: Credential
  readonly server: string
}

class Shown implements Exchange {
  readonly #showing: Showing
  readonly #outgoing: Outgoing
  readonly #events: ExchangeEvents
  #exchange: Exchange | undefined
  #isOver = false
  /** What was refused before. */
  #before: { readonly value: string | undefined } | undefined

  constructor(showing: Showing, outgoing: Outgoing, events: ExchangeEvents) {
    this.#showing = showing
    this.#outgoing = outgoing
    this.#events = events
  }

  start(): void {
    const value = this.#showing.credential.authorization()
    if (value instanceof Promise) void value.then((renewed) => this.#send(renewed))
    else this.#send(value)
  }

  abort(): void {
    this.#isOver = true
    this.#exchange?.abort()
  }

  #send(value: string | undefined): void {
    if (this.#isOver) return
    if (this.#before && this.#before.value === value) {
      // It could not be renewed, after all.
      this.#isOver = true
      this.#events.onBroken(denied(this.#showing.server, 401))
      return
    }
    let left = false
    const { headers } = this.#outgoing
    const outgoing =
      value === undefined
        ? this.#outgoing
        : { ...this.#outgoing, headers: [...headers, 'authorization', value] }
    this.#exchange = this.#showing.pool.send(outgoing, {
      onLeaving: () => {
        left = true
        if (!this.#before) this.#events.onLeaving()
      },
      onHead: (status, responded) => this.#onHead(status, responded, value),
      onData: (chunk) => this.#events.onData(chunk),
      onEnd: () => this.#events.onEnd(),
      // All that left, then, was refused.
      onBroken: (error) =>
        this.#events.onBroken(this.#before && !left ? denied(this.#showing.server, 401) : error),
    })
  }

  #onHead(status: number, headers: ResponseHeaders, value: string | undefined): void {
    const refused = isDenial(status)
    const again = refused && this.#isToBeRenewed(status, headers, value)
    if (!again) {
      this.#events.onHead(status, headers)
      return
    }
    this.#before = { value }
    this.#exchange?.abort()
    this.start()
  }

  #isToBeRenewed(status: number, headers: ResponseHeaders, value: string | undefined): boolean {
    const challenge = headers['www-authenticate']
    const text = typeof challenge === 'string' ? challenge : challenge?.join(', ')
    return this.#showing.credential.refused(value, status, text) && !this.#before
  }
}
