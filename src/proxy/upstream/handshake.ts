/**
 * Finds out which era an upstream speaks, the agent's own first, and opens the connection in it: `initialize`
 * (legacy) or `server/discover` (modern; MCP 2026-07-28, stdio, Backward Compatibility).
 */
import { GuardError } from '../../model/error.ts'
import { isList, isObject, member, type Json, type JsonObject } from '../../model/json.ts'
import type { Timers } from '../../model/port.ts'
import type { Era } from '../../model/record.ts'
import {
  CODE,
  LATEST_LEGACY,
  LATEST_MODERN,
  LEGACY_VERSIONS,
  META,
  MODERN_VERSIONS,
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
  /** `version`: what a request of the modern era says that it is written in. */
  request(
    method: string,
    params: JsonObject,
    options: { readonly timeoutMs: number; readonly version?: string },
  ): Promise<RawAnswer | 'cancelled'>
  /** Told once, before anything else is sent. */
  agreed(agreement: Agreement): void
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
  const agreement = await eitherEra(wire, wish, options)
  if (!agreement)
    throw new GuardError(
      'ERR_UPSTREAM_DOWN',
      'it opened in neither era of MCP: no `initialize`, no `server/discover`',
    )
  wire.agreed(agreement)
  if (agreement.era === 'legacy') wire.notify('notifications/initialized')
  return agreement
}

async function eitherEra(wire: HandshakeWire, wish: Wish, options: HandshakeOptions): Attempt {
  const first = wish.era === 'modern' ? discover : initialize
  const second = wish.era === 'modern' ? initialize : discover
  const opened = await withPatience(first(wire, wish, options), options)
  if (opened.agreement) return opened.agreement
  const other = second(wire, wish, options)
  // A silent first probe may still answer while the second runs: whichever agrees first wins.
  return opened.still ? firstAgreement([opened.still, other]) : other
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
    { timeoutMs: options.timeoutMs },
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
  return { era: 'legacy', version, capabilities: isObject(capabilities) ? capabilities : {} }
}

function isLegacy(version: string): boolean {
  return LEGACY_VERSIONS.some((known) => known === version)
}

/** Asks in the newest version that both can speak: a server that knows it not says which it does. */
async function discover(wire: HandshakeWire, wish: Wish, options: HandshakeOptions): Attempt {
  const first = await askDiscover(wire, wish, options, LATEST_MODERN)
  if (first === 'cancelled') return undefined
  if (first.part === 'result') return discovered(first.value)
  if (first.value['code'] !== CODE.unsupportedVersion) return undefined
  const supported = supportedVersions(first.value['data'])
  const version = MODERN_VERSIONS.find((known) => supported.includes(known))
  if (version === undefined) {
    if (LEGACY_VERSIONS.some((known) => supported.includes(known))) return undefined
    throw new GuardError(
      'ERR_UPSTREAM_DOWN',
      'it is a modern server, but of no protocol version that is known',
    )
  }
  const second = await askDiscover(wire, wish, options, version)
  return second === 'cancelled' || second.part === 'error' ? undefined : discovered(second.value)
}

function askDiscover(
  wire: HandshakeWire,
  wish: Wish,
  { self, timeoutMs }: HandshakeOptions,
  version: string,
): Promise<RawAnswer | 'cancelled'> {
  const meta = {
    [META.version]: version,
    [META.capabilities]: wish.capabilities,
    [META.clientInfo]: { name: self.name, version: self.version },
  }
  return wire.request('server/discover', { _meta: meta }, { timeoutMs, version })
}

/** What an `UnsupportedProtocolVersionError` says of itself (MCP 2026-07-28, Versioning). */
function supportedVersions(data: Json | undefined): readonly Json[] {
  const supported = isObject(data) ? member(data, 'supported') : undefined
  return isList(supported) ? supported : []
}

function discovered(value: JsonObject): Agreement | undefined {
  const versions = member(value, 'supportedVersions')
  const capabilities = member(value, 'capabilities')
  const version = isList(versions)
    ? MODERN_VERSIONS.find((known) => versions.includes(known))
    : undefined
  if (version === undefined) return undefined
  return { era: 'modern', version, capabilities: isObject(capabilities) ? capabilities : {} }
}
