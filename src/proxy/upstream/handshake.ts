/**
 * Finds out which era an upstream speaks, the agent's own first, and opens the connection in it: `initialize`
 * (legacy) or `server/discover` (modern; MCP 2026-07-28, stdio, Backward Compatibility).
 */
import { GuardError } from '../../model/error.ts'
import { isList, isObject, member, type JsonObject } from '../../model/json.ts'
import type { Timers } from '../../model/port.ts'
import type { Era } from '../../model/record.ts'
import {
  CODE,
  LATEST_LEGACY,
  LATEST_MODERN,
  LEGACY_VERSIONS,
  META,
  type Self,
} from '../protocol.ts'
import type { RawAnswer } from './pending.ts'

/** What the two ends agreed on. */
export interface Agreement {
  readonly era: Era
  readonly version: string
  readonly capabilities: JsonObject
}

export interface Wish {
  /** The era of the agent's own connection: in it nothing is lost. */
  readonly era: Era
  /** The legacy revision the agent asked for. */
  readonly version?: string
  /** What the agent can be asked for, as far as the mandate permits it. */
  readonly capabilities: JsonObject
}

export interface HandshakeWire {
  request(method: string, params: JsonObject, timeoutMs: number): Promise<RawAnswer | 'cancelled'>
  notify(method: string): void
}

export interface HandshakeOptions {
  readonly self: Self
  readonly timers: Timers
  readonly timeoutMs: number
  /** How long a probe may go unanswered before the other era is tried beside it. */
  readonly probeMs: number
}

/** @throws GuardError ERR_UPSTREAM_DOWN when the upstream opens in neither era. */
export async function shakeHands(
  wire: HandshakeWire,
  wish: Wish,
  options: HandshakeOptions,
): Promise<Agreement> {
  const first = wish.era === 'modern' ? discover : initialize
  const second = wish.era === 'modern' ? initialize : discover
  const opened = await withPatience(first(wire, wish, options), options)
  if (opened.agreement) return opened.agreement
  const other = second(wire, wish, options)
  // A silent first probe may still answer while the second runs: whichever agrees first wins.
  const agreement = await (opened.still ? firstAgreement([opened.still, other]) : other)
  if (agreement) return agreement
  throw new GuardError(
    'ERR_UPSTREAM_DOWN',
    'it opened in neither era of MCP: no `initialize`, no `server/discover`',
  )
}

type Attempt = Promise<Agreement | undefined>

async function withPatience(
  attempt: Attempt,
  { timers, probeMs }: HandshakeOptions,
): Promise<{ readonly agreement?: Agreement | undefined; readonly still?: Attempt }> {
  let stop = (): void => undefined
  const patience = new Promise<'silent'>((resolve) => {
    stop = timers.after(probeMs, () => resolve('silent'))
  })
  const winner = await Promise.race([attempt, patience])
  stop()
  return winner === 'silent' ? { still: attempt } : { agreement: winner }
}

async function firstAgreement(attempts: readonly Attempt[]): Attempt {
  const agreed = attempts.map(async (attempt) => {
    const agreement = await attempt
    if (!agreement) throw new GuardError('ERR_UPSTREAM_DOWN', 'no agreement')
    return agreement
  })
  try {
    return await Promise.any(agreed)
  } catch {
    // Every attempt ended without agreement; the caller says so.
    return undefined
  }
}

async function initialize(wire: HandshakeWire, wish: Wish, options: HandshakeOptions): Attempt {
  const answer = await wire.request(
    'initialize',
    {
      protocolVersion: wish.version ?? LATEST_LEGACY,
      capabilities: wish.capabilities,
      clientInfo: { name: options.self.name, version: options.self.version },
    },
    options.timeoutMs,
  )
  if (answer === 'cancelled' || answer.part === 'error') return undefined
  const version = member(answer.value, 'protocolVersion')
  const capabilities = member(answer.value, 'capabilities')
  if (typeof version !== 'string' || !isLegacy(version)) {
    throw new GuardError(
      'ERR_UPSTREAM_DOWN',
      'it answered `initialize` with a protocol version that is not known',
    )
  }
  wire.notify('notifications/initialized')
  return { era: 'legacy', version, capabilities: isObject(capabilities) ? capabilities : {} }
}

function isLegacy(version: string): boolean {
  return LEGACY_VERSIONS.some((known) => known === version)
}

async function discover(wire: HandshakeWire, wish: Wish, options: HandshakeOptions): Attempt {
  const answer = await wire.request(
    'server/discover',
    {
      _meta: {
        [META.version]: LATEST_MODERN,
        [META.capabilities]: wish.capabilities,
        [META.clientInfo]: { name: options.self.name, version: options.self.version },
      },
    },
    options.timeoutMs,
  )
  if (answer === 'cancelled') return undefined
  if (answer.part === 'error') {
    if (answer.value['code'] !== CODE.unsupportedVersion) return undefined
    throw new GuardError(
      'ERR_UPSTREAM_DOWN',
      'it is a modern server, but of no protocol version that is known',
    )
  }
  const versions = member(answer.value, 'supportedVersions')
  const capabilities = member(answer.value, 'capabilities')
  if (!isList(versions) || !versions.includes(LATEST_MODERN)) return undefined
  return {
    era: 'modern',
    version: LATEST_MODERN,
    capabilities: isObject(capabilities) ? capabilities : {},
  }
}
