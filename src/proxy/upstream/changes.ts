/**
 * A modern upstream tells of changes only to those who listen (MCP 2026-07-28, Subscriptions): the guard listens to each for its
 * lists, and for the resources that agents watch, by one request that is opened anew when these change.
 */
import { GuardError } from '../../model/error.ts'
import { isList, isObject, member, type Json, type JsonObject } from '../../model/json.ts'
import type { Timers } from '../../model/port.ts'
import { nextMeta } from '../envelope.ts'
import { META, type Self } from '../protocol.ts'
import type { Agreement } from './handshake.ts'
import type { Link } from './link.ts'
import type { RawAnswer } from './pending.ts'

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
/** How long an upstream may take to say what it honours before it is taken to honour nothing. */
const ACKNOWLEDGE_MS = 5000

interface Listening {
  readonly agreement: Agreement
  /** The id of the request that is on; notifications of an older one are echoes. */
  id: number | undefined
  uris: readonly string[]
  /** What the upstream honours of the request that is on, once it has said so. */
  opening: Promise<JsonObject | undefined>
  acknowledge: ((honoured: JsonObject) => void) | undefined
  failures: number
}

export class Hearing {
  readonly #self: Self
  readonly #timers: Timers
  readonly #listening = new Map<string, Listening>()

  constructor(self: Self, timers: Timers) {
    this.#self = self
    this.#timers = timers
  }

  /** Listens to an upstream that has just come up; does nothing for a legacy one, which tells by itself. */
  begin(link: Link, uris: readonly string[]): void {
    const { agreement } = link
    this.#listening.delete(link.server)
    if (agreement?.era !== 'modern') return
    this.#listening.set(link.server, {
      agreement,
      id: undefined,
      uris,
      opening: Promise.resolve(undefined),
      acknowledge: undefined,
      failures: 0,
    })
    void this.#open(link)
  }

  /** Listens for these resources, and says whether the upstream honours all of them. */
  async watch(link: Link, uris: readonly string[]): Promise<boolean> {
    const listening = this.#listening.get(link.server)
    if (!listening) return false
    listening.uris = uris
    const honoured = await this.#open(link)
    const said = honoured && member(honoured, 'resourceSubscriptions')
    return uris.every((uri) => isList(said) && said.includes(uri))
  }

  /** Resolves when every upstream that is listened to has said what it honours, or taken too long. */
  async on(): Promise<void> {
    await Promise.all([...this.#listening.values()].map(({ opening }) => opening))
  }

  /** The upstream says what it honours. */
  acknowledged(server: string, params: JsonObject): void {
    const listening = this.#listening.get(server)
    if (!listening || this.isEcho(server, params)) return
    const honoured = member(params, 'notifications')
    listening.failures = 0
    listening.acknowledge?.(isObject(honoured) ? honoured : {})
  }

  /** True for what came by a request that another has taken the place of. */
  isEcho(server: string, params: JsonObject): boolean {
    const meta = member(params, '_meta')
    const listening = this.#listening.get(server)
    const said = isObject(meta) ? member(meta, META.subscription) : undefined
    return said !== undefined && listening !== undefined && said !== listening.id
  }

  /** The new request is on before the old one is taken back: nothing falls in between. */
  #open(link: Link): Promise<JsonObject | undefined> {
    const listening = this.#listening.get(link.server)
    if (!listening || link.agreement !== listening.agreement) return Promise.resolve(undefined)
    const notifications = wantedOf(listening)
    const before = listening.id
    if (Object.keys(notifications).length === 0) {
      listening.id = undefined
      if (before !== undefined) link.cancel(before)
      return Promise.resolve({})
    }
    const { version } = listening.agreement
    const meta = nextMeta({}, { era: 'modern', version, self: this.#self }, { capabilities: {} })
    const params = JSON.stringify({ ...(meta ? { _meta: meta } : {}), notifications })
    try {
      const sent = link.send('subscriptions/listen', () => params, {
        timeoutMs: Number.POSITIVE_INFINITY,
      })
      listening.id = sent.id
      const ended = (answer?: RawAnswer | 'cancelled'): void => {
        // Who refuses once will refuse again.
        const refused = answer !== undefined && answer !== 'cancelled' && answer.part === 'error'
        this.#ended(link, listening, { id: sent.id, refused })
      }
      sent.answer.then(ended, () => ended())
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      return Promise.resolve(undefined)
    }
    if (before !== undefined) link.cancel(before)
    listening.acknowledge?.({})
    listening.opening = new Promise((resolve) => {
      const givenUp = this.#timers.after(ACKNOWLEDGE_MS, () => listening.acknowledge?.({}))
      listening.acknowledge = (honoured) => {
        listening.acknowledge = undefined
        givenUp()
        resolve(honoured)
      }
    })
    return listening.opening
  }

  /** A stream that ends while its upstream is up is opened again, after a pause that grows. */
  #ended(
    link: Link,
    listening: Listening,
    { id, refused }: { readonly id: number; readonly refused: boolean },
  ): void {
    if (listening.id !== id) return
    listening.id = undefined
    listening.acknowledge?.({})
    if (refused || link.agreement !== listening.agreement) return
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** listening.failures)
    listening.failures += 1
    this.#timers.after(pause, () => {
      if (listening.id !== undefined || link.agreement !== listening.agreement) return
      void this.#open(link)
      link.noteMissed()
    })
  }
}

function wantedOf({ agreement, uris }: Listening): JsonObject {
  const wanted: Record<string, Json> = {}
  for (const kind of ['tools', 'prompts', 'resources']) {
    const capability = agreement.capabilities[kind]
    if (isObject(capability) && capability['listChanged'] === true)
      wanted[`${kind}ListChanged`] = true
  }
  if (uris.length > 0) wanted['resourceSubscriptions'] = uris
  return wanted
}
