/** `chaperone check`: would this run? Everything that `run` or `serve` would refuse, and what it would only find out later. */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { directlyReachable } from '../config/client-configs.ts'
import type { Upstream } from '../config/mcp-json.ts'
import { readServeSettings, type SettingFlags, type Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import { warnOfUnlimited } from '../mandate/budget-findings.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { BudgetSource } from '../model/budget.ts'
import { type Problem, Problems, problemText } from '../model/document.ts'
import type { Instant } from '../model/id.ts'
import type { Clock } from '../model/port.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { guarded } from '../policy/guarded.ts'
import { LAUNCH_HELP, LAUNCH_OPTIONS, launchFiles, parseFlags } from './arguments.ts'
import { type AgentRow, type CheckReport, printReport, type UpstreamRow } from './check-report.ts'
import { policyFindings, toolsKnown } from './check-policies.ts'
import type { CliIo, Command } from './io.ts'
import { pinningOf, type Prepared, prepare, realpath, settingsOf } from './launch.ts'
import { classified, judgeOffer, reportOffer } from './offered.ts'
import type { Probe, Probed } from './probe.ts'
import { prepareServe, serveFiles } from './serve-launch.ts'

const HELP = `usage: chaperone check --mandate <file> [options]
       chaperone check --settings chaperone.yaml [options]

Would this run? Reads the mandate, its roles and mcp.json, looks for client configs on this machine that still reach
an upstream past the guard, starts the upstreams, and compares what they offer with what the mandate grants. No tool
is called. Policies are held against all of these: tools and arguments that do not exist, rules that never match or change
nothing, rules without a test. With settings that have keys, and no mandate: would this serve? Does the same for the mandate of each key.

${LAUNCH_HELP}
  --offline               do not start the upstreams: tools and arguments are only checked where a lock file has them
  --strict                warnings count as errors
  --json                  one JSON document instead of text

Exit codes: 0 it would run, 1 it would not (or not as written), 2 usage, 3 an upstream could not be started, so that
it could not be checked.
`

const OPTIONS = {
  ...LAUNCH_OPTIONS,
  offline: { type: 'boolean' },
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** What a test puts in place of the real thing. */
export interface CheckParts {
  readonly probe: () => Promise<Probe>
  readonly clock: Pick<Clock, 'now'>
  readonly platform: NodeJS.Platform
}

/** The command over these parts. */
export function checkCommand(parts: CheckParts): Command {
  return {
    name: 'check',
    summary: 'would this run?',
    help: HELP,
    run: (argv, io) => check(argv, io, parts),
  }
}

export const command: Command = checkCommand({
  probe: async () => (await import('../guard.ts')).probeUpstreams,
  clock: systemClock,
  platform: process.platform,
})

async function check(argv: readonly string[], io: CliIo, parts: CheckParts): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const subject = subjectOf(values, io, parts.clock.now())
  const problems = new Problems()
  for (const problem of subject.problems) problems.add(problem)
  for (const problem of bypasses(subject, io, parts)) problems.add(problem)
  // Nothing is started from documents that cannot be trusted.
  const asks = values.offline !== true && subject.mandates.length > 0 && !problems.bad
  const agents: AgentRow[] = []
  const all: Probed[] = []
  for (const mandate of subject.mandates) {
    const given = { mandate, upstreams: subject.upstreams, settings: subject.settings }
    const probed = asks ? await ask(given, io, parts, values.json) : undefined
    const known = { ...subject, pinning: pinningOf(mandate.mandate.file, io) }
    const upstreams = probed ? compare(mandate, known, probed, problems) : []
    agents.push({ mandate: mandate.mandate, upstreams })
    if (probed) all.push(probed)
  }
  for (const found of await findings(subject, all, io)) problems.add(found)
  for (const { mandate } of subject.mandates) warnOfUnlimited(mandate, budgetsOf(subject), problems)
  const report: CheckReport = {
    problems: inOrder(onceEach(problems.list)),
    agents,
    asked: asks,
    offline: values.offline === true,
    serves: subject.serves,
    strict: values.strict === true,
  }
  printReport(report, io, values.json === true ? 'json' : 'text')
  if (problems.list.some(({ level, id }) => level === 'error' && id !== UNREACHED)) return 1
  if (values.strict === true && problems.list.some(({ level }) => level === 'warning')) return 1
  return problems.bad ? 3 : 0
}

/** Those of policies that could be about a tool that pays. */
function budgetsOf({ policySet }: Pick<Subject, 'policySet'>): readonly BudgetSource[] {
  return (policySet?.load.policies.budgets ?? [])
    .map(({ source }) => source)
    .filter(
      ({ mode, effects }) =>
        mode === 'enforce' && (effects.length === 0 || effects.includes('pay')),
    )
}

async function findings(
  subject: Subject,
  probed: readonly Probed[],
  { env }: Pick<CliIo, 'env'>,
): Promise<readonly Problem[]> {
  const { policySet, mandates, upstreams, lock } = subject
  if (!policySet) return []
  const servers = upstreams.map(({ server }) => server)
  const known = { mandates, servers, probed, ...(lock && { lock }) }
  const engines =
    policySet.load.engines.length === 0
      ? []
      : await (await import('./engines.ts')).engineProblems(policySet.load, toolsKnown(known), env)
  return [...policyFindings(policySet, known), ...engines]
}

/** What would run: under one mandate, or under that of each key. */
interface Subject extends Pick<
  Prepared,
  'upstreams' | 'lock' | 'policies' | 'policySet' | 'problems'
> {
  readonly mandates: readonly CompiledMandate[]
  /** Where `mcp.json` stands. */
  readonly folder: string
  readonly settings: Settings
  /** It is `serve` that is asked about. */
  readonly serves: boolean
}

function subjectOf(
  flags: SettingFlags & Parameters<typeof serveFiles>[0],
  io: CliIo,
  now: Instant,
): Subject {
  const named = flags.settings ?? io.env['CHAPERONE_SETTINGS']
  const underOne = (flags.mandate ?? io.env['CHAPERONE_MANDATE']) !== undefined
  return underOne || named === undefined ? ofRun(flags, io, now) : ofServe(flags, io, now)
}

function ofRun(
  flags: SettingFlags & Parameters<typeof launchFiles>[0],
  io: CliIo,
  now: Instant,
): Subject {
  const files = launchFiles(flags, io)
  const given = settingsOf(flags, files.settings, io, 'run')
  const { mandate, ...prepared } = prepare(files, given.settings, io, now)
  return {
    ...prepared,
    problems: [...given.problems, ...prepared.problems],
    mandates: mandate ? [mandate] : [],
    folder: dirname(files.upstreams),
    settings: given.settings,
    serves: false,
  }
}

function ofServe(
  flags: SettingFlags & Parameters<typeof serveFiles>[0],
  io: CliIo,
  now: Instant,
): Subject {
  const files = serveFiles(flags, io)
  const given = settingsOf(flags, files.settings, io, 'serve')
  const serve = { ...given, flags: readServeSettings({}, io.env) }
  const { agents, upstreams, lock, policies, policySet, problems } = prepareServe(
    files,
    serve,
    io,
    now,
  )
  // Several keys may stand for one mandate.
  const byFile = new Map(agents.map(({ mandate }) => [mandate.mandate.file, mandate]))
  return {
    mandates: [...byFile.values()],
    upstreams,
    ...(lock && { lock }),
    ...(policies !== undefined && { policies }),
    ...(policySet && { policySet }),
    problems,
    folder: dirname(files.upstreams),
    settings: given.settings,
    serves: true,
  }
}

/** What is wrong with an upstream is found under each mandate; the remedy may name the mandate. */
function onceEach(problems: readonly Problem[]): readonly Problem[] {
  const found = new Map<string, Problem>()
  for (const problem of problems) {
    const { remedy: _, ...what } = problem
    const text = problemText(what)
    if (!found.has(text)) found.set(text, problem)
  }
  return [...found.values()]
}

/** Document by document, each from its top. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const groups = [...Map.groupBy(problems, ({ place }) => place?.file).values()]
  return groups.flatMap((group) =>
    group.toSorted(({ place: a }, { place: b }) =>
      a && b ? a.line - b.line || a.column - b.column : 0,
    ),
  )
}

const UNREACHED = 'upstream_failed'

/** Entries of clients on this machine that start a guarded server themselves. */
function bypasses(
  { upstreams, folder }: Subject,
  io: CliIo,
  { platform }: CheckParts,
): readonly Problem[] {
  const projects = [io.cwd, folder]
  return directlyReachable(upstreams, { platform, env: io.env, projects }, readable, realpath)
}

function readable(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Most of these files do not exist on most machines.
    return undefined
  }
}

async function ask(
  given: {
    readonly mandate: CompiledMandate
    readonly upstreams: readonly Upstream[]
    readonly settings: Settings
  },
  io: CliIo,
  parts: CheckParts,
  json: boolean | undefined,
): Promise<Probed> {
  if (io.watched === true && json !== true) {
    const names = given.upstreams.map(({ server }) => server).join(', ')
    io.stderr(`starting ${names} …\n`)
  }
  const probe = await parts.probe()
  const logins = stateDir(io.env, given.settings.stateDir)
  return probe({ ...given, stateDir: logins, ...(io.signal && { signal: io.signal }) })
}

/** Compares what is granted with what is offered; a server that could not be asked is no reason to doubt its grants. */
function compare(
  mandate: CompiledMandate,
  prepared: Pick<Prepared, 'upstreams' | 'lock' | 'pinning' | 'policySet'> & {
    readonly settings: Settings
  },
  probed: Probed,
  problems: Problems,
): readonly UpstreamRow[] {
  const { upstreams } = prepared
  const failed = new Map(probed.failed.map(({ server, why }) => [server, why]))
  const { tools, prompts } = classified(probed, prepared.lock)
  const servers = upstreams.map(({ server }) => server)
  for (const problem of mandate.unmatched({ servers, tools, prompts })) {
    if (!concerns(problem, mandate, failed)) problems.add(problem)
  }
  for (const upstream of upstreams) {
    const why = failed.get(upstream.server)
    if (why === undefined) continue
    const message = `\`${upstream.server}\` could not be asked what it offers: ${why}`
    const remedy =
      upstream.kind === 'stdio'
        ? 'see that its command works when run by hand'
        : `see that its address can be reached from here and its headers are right, or log in: chaperone login ${upstream.server}`
    problems.error(upstream, UNREACHED, message, remedy)
  }
  const judged = judgeOffer(mandate, prepared, probed)
  reportOffer(mandate, prepared, judged, problems)
  const { policySet, settings } = prepared
  const under = policySet
    ? guarded(mandate, policySet.load.policies, settings.environment)
    : mandate
  const sees = (tool: ToolDefinition): boolean =>
    under.tool(tool).listed && !judged.isHidden({ ...tool, kind: 'tool' })
  return upstreams.map(({ server }) => {
    const own = tools.filter((tool) => tool.server === server)
    const offered = own.filter(sees).length
    return { server, tools: own.length, offered, failed: failed.has(server) }
  })
}

/** True for a grant that seems to match nothing, where a server that it may mean could not be asked. */
function concerns(
  problem: Problem,
  { mandate }: CompiledMandate,
  failed: ReadonlyMap<string, string>,
): boolean {
  if (problem.id !== 'unknown_tool' && problem.id !== 'unknown_prompt') return false
  return [...mandate.grants, ...mandate.never].some(
    ({ place, server }) =>
      place === problem.place && (failed.has(server) || (failed.size > 0 && /[*?]/.test(server))),
  )
}
