/**
 * An upstream over HTTP: Streamable HTTP, or the older HTTP+SSE where the address says so or nothing else is spoken there
 * (MCP 2026-07-28, Streamable HTTP, Backward Compatibility).
 */
import { GuardError } from '../../../model/error.ts'
import type { Timers } from '../../../model/port.ts'
import type {
  Address,
  ConnectionEvents,
  OutboundRequest,
  UpstreamConnection,
} from '../connection.ts'
import type { Agreement } from '../handshake.ts'
import { EventStreamConnection } from './event-stream.ts'
import { StreamableConnection } from './streamable.ts'

/** @throws GuardError ERR_CONFIG_INVALID for what is no address of HTTP */
export function connectHttp(
  address: Address,
  events: ConnectionEvents,
  timers: Timers,
): UpstreamConnection {
  if (!isHttp(address.url)) {
    const why = `the address of \`${address.server}\` is no URL of HTTP`
    throw new GuardError('ERR_CONFIG_INVALID', why)
  }
  switch (address.transport) {
    case 'streamable':
      return new StreamableConnection(address, events, { timers })
    case 'sse':
      return new EventStreamConnection(address, events, { timers })
    case 'auto':
      return new EitherConnection(address, events, timers)
  }
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}

/** Streamable HTTP until it turns out that the server only speaks the older transport. */
class EitherConnection implements UpstreamConnection {
  readonly remote = true
  readonly #address: Address
  readonly #events: ConnectionEvents
  readonly #timers: Timers
  #current: UpstreamConnection
  #older: UpstreamConnection | undefined

  constructor(address: Address, events: ConnectionEvents, timers: Timers) {
    this.#address = address
    this.#events = events
    this.#timers = timers
    const newer: UpstreamConnection = new StreamableConnection(
      address,
      this.#whileCurrent(() => newer),
      { timers, onOlder: (frame, request, giveUp) => this.#tryOlder({ frame, request, giveUp }) },
    )
    this.#current = newer
  }

  send(frame: string, request?: OutboundRequest): boolean {
    return this.#current.send(frame, request)
  }

  agreed(agreement: Agreement): void {
    this.#current.agreed?.(agreement)
  }

  abandon(id: number): boolean {
    return this.#current.abandon?.(id) === true
  }

  async stop(graceMs?: number): Promise<void> {
    const older = this.#older === this.#current ? undefined : this.#older
    await Promise.all([this.#current.stop(graceMs), older?.stop(graceMs)])
  }

  /** The end of the one that is not in use is nobody's business. */
  #whileCurrent(which: () => UpstreamConnection): ConnectionEvents {
    return {
      ...this.#events,
      onExit: (exit) => {
        if (which() === this.#current) this.#events.onExit(exit)
      },
    }
  }

  /** Its opening request was refused, so it was not carried out: it goes out once more, the older way. */
  #tryOlder(refused: Refused): void {
    const { frame, request, giveUp } = refused
    const older: UpstreamConnection = new EventStreamConnection(
      this.#address,
      this.#whileCurrent(() => older),
      {
        timers: this.#timers,
        onOpen: () => {
          const newer = this.#current
          this.#current = older
          void newer.stop(0)
          older.send(frame, request)
        },
        onUnopened: (error) => {
          if (error.code === 'ERR_UPSTREAM_DENIED') this.#events.onFailed(request.id, error)
          else giveUp()
        },
      },
    )
    this.#older = older
  }
}

interface Refused {
  readonly frame: string
  readonly request: OutboundRequest
  readonly giveUp: () => void
}
