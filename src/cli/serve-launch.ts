/** What `serve` reads before anything is started: who may come with what, and under which mandate. */
import { dirname, resolve } from 'node:path'
import { hostInHeader, isLoopback } from '../config/host.ts'
import { twoLocks } from '../config/lock.ts'
import { type Listening, NO_LISTENING } from '../config/listening.ts'
import type { Upstream } from '../config/mcp-json.ts'
import { ownFile } from '../config/own-files.ts'
import { twoPolicies } from '../config/policies-place.ts'
import type { ServeSettings, Settings } from '../config/settings.ts'
import type { HttpGuardOptions } from '../guard.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { type Problem, Problems, problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { Instant, Sha256 } from '../model/id.ts'
import type { Lock } from '../model/lock.ts'
import { settingsFile, upstreamsFile } from './arguments.ts'
import type { CliIo } from './io.ts'
import { type PolicySet, prepare, type Prepared, realpath, type GivenSettings } from './launch.ts'

export interface ServeFiles {
  readonly mandate?: string
  readonly upstreams: string
  /** Absent: there is none, and none was asked for. */
  readonly settings?: string
}

/** Everything that is served, once there is nothing wrong with it. */
export interface Serving extends Pick<
  HttpGuardOptions,
  'host' | 'port' | 'rules' | 'maxSessions' | 'sessionIdleMs'
> {
  readonly metricsPort?: number
  readonly settings: Settings
  readonly upstreams: readonly Upstream[]
  /** What is approved, for all agents alike. */
  readonly lock?: Lock
  /** The folder of policies that all of them are under. */
  readonly policies?: string
  readonly policySet?: PolicySet
  /** `key`: the hash of the one that stands for the mandate; absent: no key is due. */
  readonly agents: readonly { readonly mandate: CompiledMandate; readonly key?: Sha256 }[]
  readonly problems: readonly Problem[]
}

/** @throws GuardError ERR_USAGE where neither a mandate nor settings are named */
export function serveFiles(
  flags: {
    readonly mandate?: string | undefined
    readonly upstreams?: string | undefined
    readonly settings?: string | undefined
  },
  io: Pick<CliIo, 'cwd' | 'env'>,
): ServeFiles {
  const named = flags.mandate ?? io.env['CHAPERONE_MANDATE']
  if (named === '') throw new GuardError('ERR_USAGE', '`--mandate` has no value')
  const mandate = named === undefined ? undefined : resolve(io.cwd, named)
  const settings = settingsFile(flags, mandate === undefined ? io.cwd : dirname(mandate), io)
  const beside = mandate ?? settings
  if (beside === undefined) {
    const remedy = 'give `--mandate m.yaml`, or write keys into chaperone.yaml'
    throw new GuardError('ERR_USAGE', `no mandate is named (${remedy})`)
  }
  return {
    ...(mandate !== undefined && { mandate }),
    ...(settings !== undefined && { settings }),
    upstreams: upstreamsFile(flags, dirname(beside), io),
  }
}

const PORT = 8931
/** A session of a legacy client has upstream connections of its own: where these are processes, fewer are borne. */
const SESSIONS = 1000
const SESSIONS_WITH_PROCESSES = 64

/**
 * Reads everything, goes on past the first problem, and starts nothing.
 *
 * @throws GuardError ERR_USAGE where what is named contradicts itself
 */
export function prepareServe(
  files: ServeFiles,
  given: GivenSettings & { readonly flags: ServeSettings },
  io: Pick<CliIo, 'cwd' | 'env'>,
  now: Instant,
): Serving {
  const { settings, flags } = given
  const listening = given.file?.listening ?? NO_LISTENING
  const host = flags.host ?? listening.host ?? '127.0.0.1'
  const problems = new Problems()
  for (const problem of given.problems) problems.add(problem)
  if (!problems.bad) refuseContradiction(files, listening, { settings, host })
  const keyed = listening.keys.map(({ key, mandate }) => ({ key, mandate }))
  const rows = files.mandate === undefined ? keyed : [{ mandate: files.mandate }]
  const own = [
    ...(files.settings === undefined ? [] : [ownFile(files.settings, 'the settings')]),
    ...rows.map(({ mandate }) => ownFile(mandate, 'the mandate')),
  ]
  const said = new Set<string>()
  const agents: { mandate: CompiledMandate; key?: Sha256 }[] = []
  let upstreams: readonly Upstream[] = []
  let found: Found = {}
  for (const row of rows) {
    const launch = { ...files, mandate: row.mandate, also: own }
    const prepared = prepare(launch, settings, io, now)
    // What is wrong with the upstreams is found once for each mandate.
    for (const problem of prepared.problems) {
      // The remedy names the mandate.
      const { remedy: _, ...what } = problem
      if (!said.has(problemText(what))) problems.add(problem)
      said.add(problemText(what))
    }
    upstreams = prepared.upstreams
    found = { ...oneLock(found, prepared, problems), ...onePolicies(found, prepared, problems) }
    if (prepared.mandate)
      agents.push({ mandate: prepared.mandate, ...('key' in row && { key: row.key }) })
  }
  const processes = upstreams.some(({ kind }) => kind === 'stdio')
  return {
    settings,
    upstreams,
    ...found,
    agents,
    problems: problems.list,
    host,
    port: flags.port ?? listening.port ?? PORT,
    rules: {
      hosts: new Set([...listening.hosts, ...(isWildcard(host) ? [] : [hostInHeader(host)])]),
      origins: new Set(listening.origins),
      loopback: isLoopback(host),
    },
    maxSessions: flags.maxSessions ?? (processes ? SESSIONS_WITH_PROCESSES : SESSIONS),
    sessionIdleMs: flags.sessionIdleMs,
    ...(flags.metricsPort !== undefined && { metricsPort: flags.metricsPort }),
  }
}

type Found = Pick<Prepared, 'lock' | 'policies' | 'policySet'>

/** What is approved is approved for all agents of a guard: each may find it beside its own mandate, but only one of it. */
function oneLock({ lock: known }: Found, { lock: found }: Found, problems: Problems): Found {
  if (known && found && known.file !== found.file) problems.add(twoLocks(known.file, found.file))
  const lock = known ?? found
  return lock ? { lock } : {}
}

/** What nobody may do is the same for all agents of a guard, whichever mandate it was found beside. */
function onePolicies(
  { policies: known, policySet: before }: Found,
  { policies: found, policySet: after }: Found,
  problems: Problems,
): Found {
  if (known !== undefined && found !== undefined && realpath(known) !== realpath(found))
    problems.add(twoPolicies(known, found))
  const policies = known ?? found
  const policySet = before ?? after
  return { ...(policies !== undefined && { policies }), ...(policySet && { policySet }) }
}

function refuseContradiction(
  { mandate, settings: file }: ServeFiles,
  { keys, hosts }: Listening,
  { settings, host }: { readonly settings: Settings; readonly host: string },
): void {
  const wrong = (what: string, remedy: string): GuardError =>
    new GuardError('ERR_USAGE', `${what} (${remedy})`)
  if (mandate !== undefined && keys.length > 0) {
    const remedy = 'leave out the mandate, or the keys'
    throw wrong(`a mandate is named, and \`${file}\` has keys with theirs`, remedy)
  }
  if (mandate === undefined && keys.length === 0) {
    const remedy = 'give `--mandate m.yaml`, or write keys into it'
    throw wrong(`no mandate is named, and \`${file}\` has no keys`, remedy)
  }
  if (mandate === undefined && settings.agent !== undefined)
    throw wrong(
      '`--agent` is given, and each key has a mandate that says whose it is',
      'leave it out',
    )
  if (mandate !== undefined && !isLoopback(host)) {
    const remedy = 'listen on 127.0.0.1, or give every agent a key in chaperone.yaml'
    throw wrong(`whoever reaches ${host} could act under the mandate`, remedy)
  }
  if (isWildcard(host) && hosts.length === 0) {
    const remedy = 'add `listen: { hosts: [guard.example] }` to chaperone.yaml'
    throw wrong(`nothing says by which name ${host} is reached`, remedy)
  }
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
