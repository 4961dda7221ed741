/** The record of a guard that starts: opened, with the documents that were agreed to, and who approved them. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FileLog, openLog } from '../audit/log.ts'
import { type Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import { version } from '../config/version.ts'
import { GuardError } from '../model/error.ts'
import type { Principal } from '../model/call.ts'
import type { Sha256 } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { Lock } from '../model/lock.ts'
import type { Mandate } from '../model/mandate.ts'
import type { Acting, EntryBody, EventName } from '../model/record.ts'
import type { CliIo } from './io.ts'

export interface Opened {
  readonly log: FileLog
  readonly instance: string
  /** The folder it is kept in. */
  readonly record: string
}

/** Agents call less often than this; only a flood of calls shares a look at the file. */
const LOOK_HOLDS_MS = 20

/** `acting`: where every entry is about the same agent. */
export function openRecord(settings: Settings, io: Pick<CliIo, 'env'>, acting?: Acting): Opened {
  const instance = `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`
  const record = join(stateDir(io.env, settings.stateDir), 'log', instance)
  const head = { log: instance, ...acting }
  const log = openLog({
    dir: record,
    clock: systemClock,
    head,
    lookHoldsMs: LOOK_HOLDS_MS,
    capture: settings.capture === 'arguments',
  })
  return { log, instance, record }
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
