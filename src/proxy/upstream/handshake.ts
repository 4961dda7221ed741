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

/** One opening under way. */
interface Shaking extends HandshakeOptions {
  readonly wire: HandshakeWire
  readonly wish: Wish
  /** How the upstream refused, for who has to find out why. */
  readonly refusals: string[]
}

/** @throws GuardError ERR_UPSTREAM_DOWN when the upstream opens in neither era. */
export async function shakeHands(
  wire: HandshakeWire,
  wish: Wish,
  options: HandshakeOptions,
): Promise<Agreement> {
  const shaking: Shaking = { ...options, wire, wish, refusals: [] }
  const agreement = await eitherEra(shaking)
  if (!agreement) {
    const refusals = shaking.refusals.join(', ')
    throw new GuardError('ERR_UPSTREAM_DOWN', `it opened in neither era of MCP: ${refusals}`)
  }
  wire.agreed(agreement)
  if (agreement.era === 'legacy') wire.notify('notifications/initialized')
  return agreement
}

async function eitherEra(shaking: Shaking): Attempt {
  const first = shaking.wish.era === 'modern' ? discover : initialize
  const second = shaking.wish.era === 'modern' ? initialize : discover
  const opened = await withPatience(first(shaking), shaking)
  if (opened.agreement) return opened.agreement
  const other = second(shaking)
  // A silent first probe may still answer while the second runs: whichever agrees first wins.
  return opened.still ? firstAgreement([opened.still, other]) : other
}

type Attempt = Promise<Agreement | undefined>

async function withPatience(
  attempt: Attempt,
  { timers, probeMs }: Shaking,
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

async function initialize(shaking: Shaking): Attempt {
  const { wire, wish, self, timeoutMs } = shaking
  const answer = await wire.request(
    'initialize',
    {
      protocolVersion: wish.version ?? LATEST_LEGACY,
      capabilities: wish.capabilities,
      clientInfo: { name: self.name, version: self.version },
    },
    { timeoutMs },
  )
  if (answer === 'cancelled' || answer.part === 'error')
    return refused(shaking, 'initialize', answer)
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

/** Asks in the newest version; a server that knows it not says which it knows, and is asked once more. */
async function discover(shaking: Shaking): Attempt {
  const first = await askDiscover(shaking, LATEST_MODERN)
  if (!isUnsupported(first)) return discovered(shaking, first)
  const supported = supportedVersions(first.value['data'])
  const version = MODERN_VERSIONS.find((known) => supported.includes(known))
  if (version !== undefined) return discovered(shaking, await askDiscover(shaking, version))
  if (LEGACY_VERSIONS.some((known) => supported.includes(known)))
    return refused(shaking, 'server/discover', first)
  throw new GuardError(
    'ERR_UPSTREAM_DOWN',
    'it is a modern server, but of no protocol version that is known',
  )
}

function isUnsupported(answer: RawAnswer | 'cancelled'): answer is RawAnswer {
  return (
    answer !== 'cancelled' &&
    answer.part === 'error' &&
    answer.value['code'] === CODE.unsupportedVersion
  )
}

function askDiscover(
  { wire, wish, self, timeoutMs }: Shaking,
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

function discovered(shaking: Shaking, answer: RawAnswer | 'cancelled'): Agreement | undefined {
  if (answer === 'cancelled' || answer.part === 'error')
    return refused(shaking, 'server/discover', answer)
  const versions = member(answer.value, 'supportedVersions')
  const capabilities = member(answer.value, 'capabilities')
  const version = isList(versions)
    ? MODERN_VERSIONS.find((known) => versions.includes(known))
    : undefined
  if (version === undefined) {
    shaking.refusals.push('`server/discover` names no version that is known')
    return undefined
  }
  return { era: 'modern', version, capabilities: isObject(capabilities) ? capabilities : {} }
}

/** Notes the code alone: the words are the upstream's. */
function refused(shaking: Shaking, method: string, answer: RawAnswer | 'cancelled'): undefined {
  const code = answer === 'cancelled' ? undefined : answer.value['code']
  const how = typeof code === 'number' ? `error ${code}` : 'nothing'
  shaking.refusals.push(`\`${method}\` was answered with ${how}`)
  return undefined
}
