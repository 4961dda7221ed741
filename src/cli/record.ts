/** The record of a guard that starts: opened, with the documents that were agreed to, and who approved them. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { claimLog } from '../audit/claim.ts'
import type { FileLog } from '../audit/log.ts'
import { openLogKey } from '../audit/log-key.ts'
import { type Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { settingsObject } from '../config/settings-object.ts'
import { systemClock, systemTimers } from '../config/system.ts'
import { version } from '../config/version.ts'
import { GuardError } from '../model/error.ts'
import type { Principal } from '../model/call.ts'
import type { Sha256 } from '../model/id.ts'
import { canonical, type JsonObject } from '../model/json.ts'
import type { Lock } from '../model/lock.ts'
import type { Mandate } from '../model/mandate.ts'
import type { OperationalLog } from '../model/port.ts'
import type { Acting, EntryBody, EventName, Receipt } from '../model/record.ts'
import { hold } from '../state/hold.ts'
import type { CliIo } from './io.ts'

export interface Opened {
  readonly log: FileLog
  /** Names this run of a guard; its calls are named after it. */
  readonly instance: string
  /** The name of the log, which may be that of an earlier run. */
  readonly logName: string
  /** The folder it is kept in. */
  readonly record: string
  /** Logs that could not be gone on with, and why: they are kept as they are. */
  readonly ended: readonly { readonly log: string; readonly why: string }[]
}

/** Agents call less often than this; only a flood of calls shares a look at the file. */
const LOOK_HOLDS_MS = 20

/**
 * Goes on with a log that nobody writes, or begins one. `acting`: where every entry is about the same agent.
 *
 * @throws GuardError ERR_AUDIT_APPEND when no entry can be written, ERR_CONFIG_READ when nothing can be signed.
 */
export function openRecord(
  settings: Settings,
  io: Pick<CliIo, 'env'>,
  acting?: Acting,
  operational?: OperationalLog,
): Opened {
  const instance = `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`
  const state = stateDir(io.env, settings.stateDir)
  const { fields, rotateBytes, key } = settings.audit
  const claim = claimLog(state, instance, {
    clock: systemClock,
    timers: systemTimers,
    hold,
    key: () => openLogKey(state, key),
    lookHoldsMs: LOOK_HOLDS_MS,
    capture: settings.capture === 'arguments',
    ...(acting && { acting }),
    ...(fields && { fields }),
    ...(rotateBytes !== undefined && { rotateBytes }),
    ...(operational && {
      trouble: (error: GuardError) => operational.warn({ why: error.message }, 'no checkpoint'),
    }),
  })
  const { log, name, dir, ended } = claim
  for (const { log: left, why } of ended)
    operational?.error({ log: left, why }, 'a log is kept as it is: another one was begun')
  return { log, instance, logName: name, record: dir, ended }
}

/** The first entries of a run: the settings it was started with, and which logs it could not go on with. */
export async function beginRun(
  { log, ended }: Pick<Opened, 'log' | 'ended'>,
  settings: Settings,
): Promise<void> {
  const text = canonical(settingsObject(settings))
  const s256 = log.putObject(Buffer.from(text))
  await Promise.all([
    log.append(event('settings_loaded', { s256 })),
    ...ended.map((one) => log.append(event('log_abandoned', { ...one }))),
  ])
}

/**
 * Puts one event on record, and on the disk, for a command that an operator gives.
 *
 * @throws GuardError ERR_AUDIT_APPEND
 */
export async function recordEvent(
  io: Pick<CliIo, 'env'>,
  settings: Settings,
  name: EventName,
  facts: JsonObject,
): Promise<Receipt & { readonly log: string }> {
  const { log, logName, ended } = openRecord(settings, io)
  try {
    for (const one of ended) await log.append(event('log_abandoned', { ...one }))
    const { seq, leaf } = await log.append(event(name, facts), 'disk')
    return { seq, leaf, log: logName }
  } finally {
    await log.close()
  }
}

export function actingOf({ agent, assurance }: Principal, mandate: Mandate): Acting {
  const { name, digest, signed } = mandate
  return { agent, assurance, mandate: { name, digest, signed } }
}

/** The bytes that were agreed to are kept beside the record, which names them by their hash. */
export function keepDocuments(log: FileLog, mandate: Mandate): void {
  for (const document of [mandate, ...mandate.roles]) keepDocument(log, document)
}

export function keepDocument(
  log: FileLog,
  { file, digest }: { readonly file: string; readonly digest: Sha256 },
): void {
  if (log.putObject(readFileSync(file)) === digest) return
  const why = `\`${file}\` changed while it was being read`
  throw new GuardError('ERR_MANDATE_INVALID', `${why} (start again)`)
}

export function event(name: EventName, facts: JsonObject): EntryBody {
  return { type: 'event', at: systemClock.now(), event: name, facts }
}

/** Who approved it, for what, until when: so that the record alone can answer. */
export function mandateFacts({ purpose, owner, approved, valid, roles }: Mandate): JsonObject {
  const iso = (at: number): string => new Date(at).toISOString()
  return {
    purpose: purpose.text,
    ...(purpose.ref === undefined ? {} : { ref: purpose.ref }),
    ...(owner === undefined ? {} : { owner }),
    ...(approved ? { approved_by: approved.by, approved_at: iso(approved.at) } : {}),
    ...(valid.from === undefined ? {} : { valid_from: iso(valid.from) }),
    valid_until: iso(valid.until),
    roles: roles.map(({ name, digest }) => ({ name, s256: digest })),
  }
}

export function startFacts(
  settings: Settings,
  upstreams: readonly { readonly server: string }[],
  lock?: Lock,
): JsonObject {
  return {
    version: version(),
    node: process.versions.node,
    environment: settings.environment,
    upstreams: upstreams.map(({ server }) => server),
    ...(settings.capture === 'none' ? {} : { capture: settings.capture }),
    pinned: lock ? 'lock' : 'first_sight',
    ...(lock && { lock_s256: lock.digest }),
  }
}
