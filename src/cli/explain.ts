/** `chaperone explain`: would this call be permitted, and why or why not, conjunct by conjunct. */
import { agentOf } from '../config/fit.ts'
import { inForce } from '../config/posture.ts'
import { readRisk, riskFile } from '../config/risk-file.ts'
import type { Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { GuardError } from '../model/error.ts'
import { type Instant, instant } from '../model/id.ts'
import type { Clock } from '../model/port.ts'
import { LAUNCH_HELP, LAUNCH_OPTIONS, launchFiles, parseFlags } from './arguments.ts'
import { classified, judgeOffer } from './offered.ts'
import { problemLine } from './check-report.ts'
import { readArgs } from './explain-args.ts'
import { type DecisionQuestion, explainDecision, placeOf } from './explain-decision.ts'
import { type ReadCounters, readCounters } from './counters.ts'
import { withCounters } from './explain-budgets.ts'
import { judge, type Judgement, type Supposed } from './explain-judge.ts'
import { type Explained, printExplained } from './explain-report.ts'
import { labelsLeft, refuseUnknown, warnOfLabels } from './explain-known.ts'
import { findTarget, namedServer, type Question } from './explain-target.ts'
import { supposedBefore } from './explain-suppose.ts'
import type { CliIo, Command } from './io.ts'
import { type Prepared, prepare, settingsOf } from './launch.ts'
import { guarded } from '../policy/guarded.ts'
import type { Probe, Probed } from './probe.ts'

const HELP = `usage: chaperone explain --mandate <file> [options] <server/tool>
       chaperone explain --decision <call> [--state-dir <folder> | --log <folder>] [--json]

Would this call be permitted, and why or why not? Shows every conjunct of the decision with the value it read, the one
that decides, and the least that would have to be different. The tool is not called.

With --decision a call on record is decided again: under the mandate and the policies of that time, by the values that the
record keeps, and what engines answered then. Values that it does not keep are unknown, and so is what hangs on them.

  <server/tool>           or only the tool, where one upstream has it
  --resource <uri>        a resource instead of a tool; server/uri where several upstreams are granted it
  --prompt <name>         a prompt instead of a tool
  --args <json>           the arguments; - reads them from standard input
  --args-file <file>      the arguments from a file
  --at <time>             at this time instead of now: 2026-11-24T10:30:00+01:00
  --risk <posture>        while the risk posture is this, instead of what it is now
  --label <name>          as if a result had left this label on the session; may be repeated
  --history <tool>=<n>    as if server/tool had been called so often in this task, and had left its labels
  --engine <id>=<answer>  as if this external engine had said permit, deny or error; engines are never asked

  --decision <call>       decide this call on record again: its id, or the end of it that \`chaperone log\` shows
  --log <folder>          the record to look in, instead of that of the state folder

${LAUNCH_HELP}
  --offline               do not start the upstream: whether it has the tool is not checked
  --json                  one JSON document instead of text

Exit codes: 0 permitted (--decision: the same again), 1 denied, or the mandate or mcp.json is bad (--decision: not the same),
2 usage, 3 the upstream could not be asked, or an engine that has a say was not (--decision: it cannot be made again).
`

const OPTIONS = {
  ...LAUNCH_OPTIONS,
  resource: { type: 'string' },
  prompt: { type: 'string' },
  args: { type: 'string' },
  'args-file': { type: 'string' },
  at: { type: 'string' },
  label: { type: 'string', multiple: true },
  history: { type: 'string', multiple: true },
  engine: { type: 'string', multiple: true },
  decision: { type: 'string' },
  log: { type: 'string' },
  offline: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** What a test puts in place of the real thing. */
export interface ExplainParts {
  readonly probe: () => Promise<Probe>
  readonly clock: Pick<Clock, 'now'>
  /** Absent: nothing is known of what is used of budgets. */
  readonly counters?: ReadCounters
}

/** The command over these parts. */
export function explainCommand(parts: ExplainParts): Command {
  return {
    name: 'explain',
    summary: 'would this call be permitted, and why or why not?',
    help: HELP,
    run: (argv, io) => explainCall(argv, io, parts),
  }
}

export const command: Command = explainCommand({
  probe: async () => (await import('../guard.ts')).probeUpstreams,
  clock: systemClock,
  counters: readCounters,
})

async function explainCall(
  argv: readonly string[],
  io: CliIo,
  parts: ExplainParts,
): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  if (values.decision !== undefined || values.log !== undefined)
    return explainDecision(recordQuestion(positionals, values, io), io)
  const question = questionOf(positionals, values)
  const before = supposedBefore(values)
  const args = await readArgs({ text: values.args, file: values['args-file'] }, io)
  const files = launchFiles(values, io)
  const given = settingsOf(values, files.settings, io, 'ask')
  const { settings } = given
  const at = values.at === undefined ? parts.clock.now() : timeOf(values.at)
  const found = prepare(files, settings, io, at)
  const prepared = { ...found, problems: [...given.problems, ...found.problems] }
  const mandate = restricted(prepared, settings)
  const offline = values.offline === true
  const bad = blocking(prepared, offline)
  if (!mandate || bad.length > 0) {
    for (const problem of bad) io.stderr(`${problemLine(problem, io)}\n`)
    return 1
  }
  const servers = serversOf(prepared, mandate)
  const probed = offline ? undefined : await ask({ question, prepared, settings }, io, parts)
  const judged = probed && judgeOffer(mandate, prepared, probed)
  const approved = prepared.lock ? { approved: prepared.lock.upstreams } : {}
  const offer = probed && judged && { probed, judged }
  const target = findTarget(question, { servers, mandate, ...approved, ...offer })
  const { agent } = agentOf(mandate, settings)
  const { environment } = settings
  const risk = values.risk === undefined ? seenRisk(settings, at, io) : settings.risk
  const known = { load: prepared.policySet?.load, ...approved, ...offer }
  refuseUnknown(before, known)
  const said = [...new Set(values.label)]
  warnOfLabels(said, known.load?.policies, io)
  const { counts, ...past } = before
  const around = { agent, environment, risk, labels: said, at, ...past, ...approved, ...offer }
  const left = labelsLeft(counts, mandate, { set: known.load?.policies, supposed: around })
  const supposed: Supposed = { ...around, target, args, labels: [...new Set([...said, ...left])] }
  const unasked = probed?.failed.find(({ server }) => server === target.server)
  const explained: Explained = {
    supposed,
    mandate: mandate.mandate,
    judgement: await counted(judge(mandate, supposed), values.at, { settings, io, parts }),
    skipped: skipped(target.kind, offline, unasked?.why),
  }
  printExplained(explained, io, values.json === true ? 'json' : 'text')
  return exitOf(explained, unasked !== undefined)
}

/** What is used of budgets is known of now alone. */
async function counted(
  judgement: Judgement,
  at: string | undefined,
  {
    settings,
    io,
    parts,
  }: { readonly settings: Settings; readonly io: CliIo; readonly parts: ExplainParts },
): Promise<Judgement> {
  const { decision } = judgement
  if (at !== undefined || decision.effect === 'deny' || !decision.debits) return judgement
  return withCounters(judgement, await parts.counters?.(stateDir(io.env, settings.stateDir)))
}

function exitOf({ judgement }: Explained, unasked: boolean): number {
  if (judgement.decision.effect === 'deny') return 1
  return unasked || judgement.unasked.length > 0 ? 3 : 0
}

/** What is said is supposed; else it is what a guard of this state folder would see. */
function seenRisk(settings: Settings, at: Instant, io: CliIo): Settings['risk'] {
  const state = stateDir(io.env, settings.stateDir)
  return inForce(readRisk(riskFile(state)), settings.risk, at).risk
}

/** Under the policies of its folder, where there is one. */
function restricted(
  { mandate, policySet }: Prepared,
  { environment }: Settings,
): CompiledMandate | undefined {
  return mandate && policySet ? guarded(mandate, policySet.load.policies, environment) : mandate
}

/** What supposes a call, and means nothing for one on record. */
function beside(values: Readonly<Record<string, unknown>>): readonly string[] {
  const own = new Set(['decision', 'log', 'state-dir', 'json'])
  return Object.keys(values).flatMap((flag) => (own.has(flag) ? [] : [`--${flag}`]))
}

function recordQuestion(
  positionals: readonly string[],
  values: Readonly<Partial<Record<'decision' | 'log' | 'state-dir', string | undefined>>> & {
    readonly json?: boolean | undefined
  },
  io: CliIo,
): DecisionQuestion {
  const { decision: call = '' } = values
  if (call === '') throw new GuardError('ERR_USAGE', 'no call is named (give `--decision <call>`)')
  const [other] = [...positionals, ...beside(values)]
  if (other === undefined) return { call, place: placeOf(values, io), json: values.json === true }
  const remedy = 'ask about a call on record, or about one that is supposed'
  throw new GuardError('ERR_USAGE', `\`${other}\` is given beside \`--decision\` (${remedy})`)
}

/** What keeps the question from being answered; that the mandate does not fit is part of the answer. */
function blocking({ problems }: Prepared, offline: boolean): Prepared['problems'] {
  const answered = new Set(['agent_mismatch', 'environment_mismatch', 'mandate_expired'])
  return problems.filter(({ level, id }) => {
    if (level !== 'error' || answered.has(id)) return false
    // A mandate alone can be asked about without its upstreams.
    return !(offline && id === 'no_such_file')
  })
}

/** The servers of mcp.json; without it, those that the mandate names in full. */
function serversOf({ upstreams }: Prepared, { mandate }: CompiledMandate): readonly string[] {
  if (upstreams.length > 0) return upstreams.map(({ server }) => server)
  const named = mandate.grants.map(({ server }) => server).filter((name) => !/[*?]/.test(name))
  return [...new Set(named)]
}

async function ask(
  given: {
    readonly question: Question
    readonly prepared: Prepared
    readonly settings: Settings
  },
  io: CliIo,
  parts: ExplainParts,
): Promise<Probed> {
  const { question, prepared, settings } = given
  const all = prepared.upstreams
  const server = namedServer(
    question,
    all.map((upstream) => upstream.server),
  )
  const upstreams = server === undefined ? all : all.filter((one) => one.server === server)
  const probe = await parts.probe()
  const { mandate } = prepared
  const told = { ...(mandate && { mandate }), ...(io.signal && { signal: io.signal }) }
  const logins = stateDir(io.env, settings.stateDir)
  const probed = await probe({ upstreams, settings, stateDir: logins, ...told })
  return classified(probed, prepared.lock)
}

function questionOf(
  positionals: readonly string[],
  values: { readonly resource?: string | undefined; readonly prompt?: string | undefined },
): Question {
  const asked: Question[] = positionals.map((name) => ({ kind: 'tool', name }))
  if (values.resource !== undefined) asked.push({ kind: 'resource', name: values.resource })
  if (values.prompt !== undefined) asked.push({ kind: 'prompt', name: values.prompt })
  const [question, second] = asked
  if (!question || question.name === '') {
    throw new GuardError('ERR_USAGE', 'nothing is asked about (name a tool: `server/tool`)')
  }
  if (second) {
    throw new GuardError('ERR_USAGE', `\`${second.name}\` is one too many (ask about one call)`)
  }
  return question
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/

/** RFC 3339: a time without a zone means another moment on every machine. */
function timeOf(text: string): Instant {
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isSafeInteger(ms)) return instant(ms)
  const expected = 'write it with its zone: 2026-11-24T10:30:00+01:00'
  throw new GuardError('ERR_USAGE', `--at is \`${text}\`, which is no time (${expected})`)
}

function skipped(
  kind: Question['kind'],
  offline: boolean,
  why: string | undefined,
): readonly string[] {
  if (!offline && why === undefined) return []
  const cause = why === undefined ? 'offline' : why
  if (kind === 'resource') return [`whether the upstream can be reached (${cause})`]
  if (kind === 'prompt') return [`whether the upstream has the prompt (${cause})`]
  return [
    `whether the upstream has the tool (${cause})`,
    `whether the mandate fits the tool's arguments (${cause})`,
  ]
}
