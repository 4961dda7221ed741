/** Fetches the lists of upstreams: each once at a time, again where it changed on its way, and not without end. */
import { digestOf } from '../model/digest.ts'
import { GuardError } from '../model/error.ts'
import type { Timers } from '../model/port.ts'
import { fetchOffer, type ListMethod, type Offer } from './offer.ts'
import type { Self } from './protocol.ts'
import { announces, holds, type Shelf } from './shelf.ts'
import type { Agreement, Wish } from './upstream/handshake.ts'

export interface SupplyOptions {
  readonly self: Self
  readonly timers: Timers
  /** How long a list waits for an upstream that starts slowly. */
  readonly openingMs: number
  /** What an upstream is asked to agree to; known once the agent has spoken. */
  readonly wish: (server: string) => Wish
  /** Puts a list on its shelf; returns the one that lies there now. */
  readonly onFetched: (shelf: Shelf, method: ListMethod, offer: Offer) => Offer
}

const FETCH_ATTEMPTS = 3

export class Supply {
  readonly #options: SupplyOptions

  constructor(options: SupplyOptions) {
    this.#options = options
  }

  /** One that starts slowly is left out of the list; the agent hears of a change when it is up. */
  offerInTime(shelf: Shelf, method: ListMethod): Promise<Offer | GuardError> {
    const offer = this.offer(shelf, method, 'fresh')
    if (shelf.link.agreement) return offer
    const { timers, openingMs } = this.#options
    return new Promise((resolve) => {
      const late = new GuardError('ERR_UPSTREAM_DOWN', `\`${shelf.link.server}\` is not up yet`)
      const stop = timers.after(openingMs, () => resolve(late))
      void offer.then((answer) => {
        stop()
        resolve(answer)
      })
    })
  }

  /** A list of one upstream; `fresh` asks again where the upstream does not announce changes. */
  async offer(
    shelf: Shelf,
    method: ListMethod,
    need: 'any' | 'fresh' = 'any',
  ): Promise<Offer | GuardError> {
    try {
      const agreement = await shelf.link.connect(this.#options.wish(shelf.link.server))
      const known = shelf.offers.get(method)
      if (known && (need === 'any' || announces(agreement, method))) return known
      return await this.#fetch(shelf, method, agreement)
    } catch (error) {
      if (error instanceof GuardError) return error
      throw error
    }
  }

  #fetch(shelf: Shelf, method: ListMethod, agreement: Agreement, attempt = 1): Promise<Offer> {
    if (!holds(agreement, method)) {
      const nothing: Offer = { items: [], strange: 0, digest: digestOf('') }
      return Promise.resolve(this.#options.onFetched(shelf, method, nothing))
    }
    const under = shelf.fetching.get(method)
    if (under) return under
    const { self, wish } = this.#options
    const { capabilities } = wish(shelf.link.server)
    const dress = { era: agreement.era, version: agreement.version, self, capabilities }
    const generation = shelf.generation.get(method)
    const fetching: Promise<Offer> = fetchOffer(shelf.link, method, dress)
      .then((offer) => {
        // It changed while it was on its way: what came is fetched again, but not without end.
        if (shelf.generation.get(method) !== generation && attempt < FETCH_ATTEMPTS) {
          if (shelf.fetching.get(method) === fetching) shelf.fetching.delete(method)
          return this.#fetch(shelf, method, agreement, attempt + 1)
        }
        return this.#options.onFetched(shelf, method, offer)
      })
      .finally(() => {
        if (shelf.fetching.get(method) === fetching) shelf.fetching.delete(method)
      })
    shelf.fetching.set(method, fetching)
    return fetching
  }
}
