/** What `run`, `check` and `explain` do alike before anything is started: read the documents and see that they agree. */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { LOG_KEY } from '../audit/log-key.ts'
import { unapprovedLaunches } from '../config/approved.ts'
import { misfits } from '../config/fit.ts'
import { findLock, readLock } from '../config/lock.ts'
import { loadUpstreams, type Upstream } from '../config/mcp-json.ts'
import {
  ownFile,
  ownFiles,
  type OwnSecret,
  refuseReadable,
  refuseWritable,
} from '../config/own-files.ts'
import { findPolicies } from '../config/policies-place.ts'
import { readSettings, type SettingFlags, type Settings } from '../config/settings.ts'
import { loadSettingsFile, type SettingsUse, type SettingsFile } from '../config/settings-file.ts'
import { loginsIn, stateDir } from '../config/state-dir.ts'
import { compileMandate } from '../mandate/compile.ts'
import { loadMandate } from '../mandate/load.ts'
import { asLocked } from '../mandate/locked.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { type Problem, Problems, problemText } from '../model/document.ts'
import type { Instant } from '../model/id.ts'
import type { Lock } from '../model/lock.ts'
import type { LaunchFiles } from './arguments.ts'
import { type CliIo, paint, shortPath } from './io.ts'
import { type ReadPolicies, readPolicies } from './policies.ts'

/** The policies of a folder, and the folder's signature as it was read. */
export type PolicySet = Required<Omit<ReadPolicies, 'problems'>>

export interface Prepared {
  /** Absent when the mandate has an error. */
  readonly mandate?: CompiledMandate
  readonly upstreams: readonly Upstream[]
  /** What is approved, where there is a lock file. */
  readonly lock?: Lock
  /** The folder of policies that it is under, where there is one. */
  readonly policies?: string
  /** What is in it; absent where that is bad. */
  readonly policySet?: PolicySet
  /** The command that approves what this guard sees: upstreams are told what its mandate permits, and some offer more then. */
  readonly pinning: string
  /** Start nothing when one of them is an error. */
  readonly problems: readonly Problem[]
}

export interface GivenSettings {
  readonly settings: Settings
  /** Absent where there is no `chaperone.yaml`. */
  readonly file?: SettingsFile
  /** What is wrong with it. */
  readonly problems: readonly Problem[]
}

/** The settings of flags, environment and `chaperone.yaml`. */
export function settingsOf(
  flags: SettingFlags,
  path: string | undefined,
  io: Pick<CliIo, 'cwd' | 'env'>,
  use: SettingsUse,
): GivenSettings {
  if (path === undefined) return { settings: readSettings(flags, io.env, io.cwd), problems: [] }
  const file = loadSettingsFile(path, io.env, use)
  const settings = readSettings(flags, io.env, io.cwd, file)
  return { settings, file, problems: file.problems }
}

/** Reads everything, goes on past the first problem, and starts nothing. */
export function prepare(
  files: LaunchFiles,
  settings: Settings,
  io: Pick<CliIo, 'cwd' | 'env'>,
  now: Instant,
): Prepared {
  const problems = new Problems()
  const loaded = loadMandate(files.mandate)
  for (const problem of loaded.problems) problems.add(problem)
  const mandate = loaded.mandate && compileMandate(loaded.mandate, problems)
  const loadedUpstreams = loadUpstreams(files.upstreams, io.env, realpath)
  const { upstreams } = loadedUpstreams
  for (const problem of loadedUpstreams.problems) problems.add(problem)
  const lock = approvals(files, settings, problems)
  const pinning = pinningOf(files.mandate, io)
  for (const problem of lock ? unapprovedLaunches(lock, loadedUpstreams, pinning) : [])
    problems.add(problem)
  const policies = findPolicies(files, settings.policies, problems)
  const policySet = policies === undefined ? undefined : policiesIn(policies, settings, problems)
  const approved = {
    ...(lock && { lock }),
    ...(policies !== undefined && { policies }),
    ...(policySet && { policySet }),
  }
  if (!mandate) return { upstreams, ...approved, pinning, problems: problems.list }
  for (const problem of misfits(mandate, settings, now)) problems.add(problem)
  for (const problem of exposed(files, settings, { mandate, upstreams, ...approved }, io))
    problems.add(problem)
  return { mandate, upstreams, ...approved, pinning, problems: problems.list }
}

function policiesIn(
  folder: string,
  { webhooks }: Settings,
  problems: Problems,
): PolicySet | undefined {
  const read = readPolicies(folder, webhooks)
  for (const problem of read.problems) problems.add(problem)
  return read.load && { load: read.load, signature: read.signature }
}

/** The command that approves what a guard under this mandate sees. */
export function pinningOf(mandate: string, { cwd }: Pick<CliIo, 'cwd'>): string {
  return `chaperone pin --mandate ${typed(shortPath(mandate, cwd))}`
}

/** As it is typed into a shell. */
function typed(path: string): string {
  return /^[\w./\\:@+-]+$/.test(path) ? path : JSON.stringify(path)
}

/** The lock file that was named, or the one that is found; undefined where there is none, or it is bad. */
function approvals(files: LaunchFiles, settings: Settings, problems: Problems): Lock | undefined {
  const file = findLock(files, settings.lock, problems)
  if (file === undefined) return undefined
  const read = readLock(file)
  for (const problem of read.problems) problems.add(problem)
  return read.lock
}

/** Says what is wrong, all of it, and which command says more; true when nothing may be started for it. */
export function refused(
  problems: readonly Problem[],
  io: CliIo,
  more = 'chaperone check',
): boolean {
  for (const problem of problems) {
    const level =
      problem.level === 'error' ? paint(io, 'red', 'error') : paint(io, 'yellow', 'warning')
    io.stderr(`${level}: ${problemText(problem)}\n`)
  }
  if (problems.every(({ level }) => level !== 'error')) return false
  io.stderr(`${paint(io, 'red', 'chaperone')}: nothing was started (\`${more}\` says more)\n`)
  return true
}

/** The guard's own files that the agent could write, and logins that it could read. */
function exposed(
  files: LaunchFiles,
  settings: Settings,
  given: {
    readonly mandate: CompiledMandate
    readonly upstreams: readonly Upstream[]
    readonly lock?: Lock
    readonly policies?: string
  },
  io: Pick<CliIo, 'env'>,
): readonly Problem[] {
  const { mandate } = given.mandate
  const state = stateDir(io.env, settings.stateDir)
  const { key } = settings.audit
  const own = ownFiles({
    mandate: files.mandate,
    roles: mandate.roles.map(({ file }) => file),
    upstreams: files.upstreams,
    stateDir: state,
    ...(settings.logFile !== undefined && { logFile: settings.logFile }),
    also: [...(files.also ?? []), ...(key === undefined ? [] : [ownFile(key, SIGNS)])],
    ...(settings.lock !== undefined && { lock: settings.lock }),
    ...(given.policies !== undefined && { policies: given.policies }),
  })
  const strict = given.lock ? asLocked(mandate, given.lock) : mandate
  const authority = { mandate: strict, upstreams: given.upstreams }
  const ignoreCase = process.platform === 'win32' || process.platform === 'darwin'
  const disk = { realpath, ignoreCase }
  return [
    ...refuseWritable(own, authority, settings.allowWritable, disk),
    ...refuseReadable(secretsIn(state, key), authority, settings.allowWritable, disk),
  ]
}

const SIGNS = 'the key that signs the record'

/** What the agent must never read. Keys are made with the first run; where nobody has logged in, there are no logins. */
function secretsIn(state: string, key: string | undefined): readonly OwnSecret[] {
  const logins = loginsIn(state)
  return [
    ...(logins === undefined ? [] : [{ path: logins, what: 'the logins in', lent: true } as const]),
    ...[key, join(state, LOG_KEY)].flatMap((path) =>
      path === undefined ? [] : [ownFile(path, SIGNS)],
    ),
    // `keys-<n>.bin`, which seal values, and `args.key`.
    { path: join(state, 'log'), what: 'the keys of the record in', endings: ['bin', 'key'] },
  ]
}

/** The path with its links resolved; undefined where there is no such file, and it counts as it is written. */
export function realpath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
