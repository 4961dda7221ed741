/** `chaperone pin`: approves how upstreams are started and what they offer, by writing it into the lock file. */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { findLock, LOCK_NAME, printLock, readLock } from '../config/lock.ts'
import { loadUpstreams, type Upstreams } from '../config/mcp-json.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { compileMandate } from '../mandate/compile.ts'
import { loadMandate } from '../mandate/load.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { EFFECT_CLASSES, type EffectClass } from '../model/call.ts'
import { type Problem, Problems } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { DEFINITION_KINDS, type Lock } from '../model/lock.ts'
import { LAUNCH_OPTIONS, type LaunchFiles, launchFiles, parseFlags } from './arguments.ts'
import { problemLine } from './check-report.ts'
import type { CliIo, Command } from './io.ts'
import { realpath } from './launch.ts'
import { type Choice, choiceOf, seeNamed } from './pin-choice.ts'
import { applied, definitionSteps, launchSteps, type Step } from './pin-plan.ts'
import { type Outcome, printOutcome, stepLines } from './pin-report.ts'
import type { Probe, Probed } from './probe.ts'

const HELP = `usage: chaperone pin [--mandate <file>] [options]

Approves what upstreams offer and how they are started: starts them, reads their tools, prompts and resource templates,
and writes chaperone.lock. From then on a guard hides and refuses whatever is not as it was approved, and starts no
upstream whose launch line changed. Where there is a lock file, shows what differs and asks before it approves that.

  --upstreams <file>      the upstreams; else CHAPERONE_UPSTREAMS, mcp.json beside the mandate, ./mcp.json
  --mandate <file>        a mandate, for the effects that its grants say (or CHAPERONE_MANDATE)
  --lock <file>           the lock file; else CHAPERONE_LOCK, chaperone.lock beside the mandate or the upstreams
  --only <server[/name]>  only this upstream, or this tool, prompt or template of it; may be repeated
  --effect <class>        what tools do that no grant classifies: ${EFFECT_CLASSES.join(', ')}
  --yes                   approve everything that differs without asking
  --check                 write nothing, and start nothing whose launch line is not approved
  --start-timeout <time>  how long an upstream may take to start; default 20s
  --json                  one JSON document instead of text

Exit codes: 0 the lock file is in step (with --only: as to that), or was written, 1 it is not (or a document is bad), and nothing was written,
2 usage, 3 an upstream could not be asked, and nothing was written.
`

const OPTIONS = {
  ...LAUNCH_OPTIONS,
  only: { type: 'string', multiple: true },
  effect: { type: 'string' },
  yes: { type: 'boolean' },
  check: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** What a test puts in place of the real thing. */
export interface PinParts {
  readonly probe: () => Promise<Probe>
}

/** The command over these parts. */
export function pinCommand(parts: PinParts): Command {
  return {
    name: 'pin',
    summary: 'approve what upstreams offer and how they are started, in chaperone.lock',
    help: HELP,
    run: (argv, io) => pin(argv, io, parts),
  }
}

export const command: Command = pinCommand({
  probe: async () => (await import('../guard.ts')).probeUpstreams,
})

async function pin(argv: readonly string[], io: CliIo, parts: PinParts): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const settings = readSettings(values, io.env, io.cwd)
  const problems = new Problems()
  const documents = read(filesOf(values, io), settings, io, problems)
  for (const problem of problems.list) io.stderr(`${problemLine(problem, io)}\n`)
  if (!documents || problems.bad) return 1
  const wanted: Wanted = {
    choice: choiceOf(values.only, documents.upstreams),
    effect: effectOf(values.effect),
    yes: values.yes === true,
    check: values.check === true,
  }
  const outcome = await decide({ documents, settings, wanted, io, parts })
  printOutcome(outcome, io, values.json === true ? 'json' : 'text')
  if (outcome.failed.length > 0) return 3
  return outcome.written || (outcome.steps.length === 0 && !outcome.barred) ? 0 : 1
}

/** What the flags ask for. */
interface Wanted {
  readonly choice: Choice
  readonly effect: EffectClass | undefined
  readonly yes: boolean
  readonly check: boolean
}

interface Documents extends Upstreams {
  /** Where the lock file is, or will be. */
  readonly file: string
  /** Absent where there is none yet. */
  readonly lock?: Lock
  readonly mandate?: CompiledMandate
}

interface Work {
  readonly documents: Documents
  readonly settings: Settings
  readonly wanted: Wanted
  readonly io: CliIo
  readonly parts: PinParts
}

function effectOf(given: string | undefined): EffectClass | undefined {
  if (given === undefined) return undefined
  const effect = EFFECT_CLASSES.find((one) => one === given)
  if (effect) return effect
  const classes = EFFECT_CLASSES.join(', ')
  throw new GuardError('ERR_USAGE', `--effect is \`${given}\` (expected one of ${classes})`)
}

/** A mandate need not be named: without one nobody says what tools do. */
function filesOf(
  flags: { readonly mandate?: string | undefined; readonly upstreams?: string | undefined },
  io: Pick<CliIo, 'cwd' | 'env'>,
): Partial<Pick<LaunchFiles, 'mandate'>> & Pick<LaunchFiles, 'upstreams'> {
  const mandate = flags.mandate ?? io.env['CHAPERONE_MANDATE']
  if (mandate !== undefined) return launchFiles(flags, io)
  const upstreams = flags.upstreams ?? io.env['CHAPERONE_UPSTREAMS'] ?? 'mcp.json'
  return { upstreams: resolve(io.cwd, upstreams) }
}

function read(
  files: ReturnType<typeof filesOf>,
  settings: Settings,
  io: CliIo,
  problems: Problems,
): Documents | undefined {
  const add = (found: readonly Problem[]): void => found.forEach((one) => problems.add(one))
  const loaded = files.mandate === undefined ? undefined : loadMandate(files.mandate)
  add(loaded?.problems ?? [])
  const mandate = loaded?.mandate && compileMandate(loaded.mandate, problems)
  const upstreams = loadUpstreams(files.upstreams, io.env, realpath)
  add(upstreams.problems)
  const found = findLock(files, settings.lock, problems)
  const file = found ?? join(dirname(files.upstreams), LOCK_NAME)
  if (!existsSync(file)) return { ...upstreams, file, ...(mandate && { mandate }) }
  const { lock, problems: bad } = readLock(file)
  add(bad)
  return lock && { ...upstreams, file, lock, ...(mandate && { mandate }) }
}

/** Finds out what differs, and writes what may be written. */
async function decide(work: Work): Promise<Outcome> {
  const { documents, wanted } = work
  const { lock, file, upstreams, launches, mandate } = documents
  const { choice, effect } = wanted
  const approved: Lock['upstreams'] = lock?.upstreams ?? new Map()
  const launching = launchSteps(approved, launches).filter(({ server }) => choice.touches(server))
  const held = await heldBack(launching, work)
  const asking = upstreams.filter(({ server }) => choice.touches(server) && !held.has(server))
  const probed = await ask(asking, work)
  const servers = asking.map(({ server }) => server)
  // What could not be asked may have what is named: nothing is written then anyway.
  if (probed.failed.length === 0) seeNamed(choice, [...probed.definitions, ...namesIn(approved)])
  const { steps: defined, leftOut } = definitionSteps({
    approved,
    servers,
    all: upstreams.map(({ server }) => server),
    probed,
    mandate,
    effect,
    isChosen: (one) => choice.names(one),
  })
  const all = [...launching, ...defined]
  const steps = all.filter((step) => choice.takes(step))
  const outcome: Outcome = {
    file,
    exists: lock !== undefined,
    steps,
    leftOut,
    failed: probed.failed,
    others: all.length - steps.length,
    whole: !choice.given,
    barred: leftOut.some(({ offered }) => choice.names(offered)),
    written: false,
  }
  const stuck = steps.length === 0 || held.size > 0 || probed.failed.length > 0
  if (stuck || !(await consents(steps, 'approve this?', work))) return outcome
  write(file, printLock(applied(approved, steps)))
  return { ...outcome, written: true }
}

function namesIn(
  approved: Lock['upstreams'],
): readonly { readonly server: string; readonly name: string }[] {
  return [...approved].flatMap(([server, { definitions }]) =>
    DEFINITION_KINDS.flatMap((kind) =>
      [...definitions[kind].keys()].map((name) => ({ server, name })),
    ),
  )
}

/**
 * Upstreams that are not started, not even to be asked what they offer: their launch lines are not the approved ones,
 * and nobody has said that they may be.
 */
async function heldBack(launching: readonly Step[], work: Work): Promise<ReadonlySet<string>> {
  const starting = launching.filter(({ change }) => change !== 'removed')
  const { choice } = work.wanted
  const untaken = starting.find((step) => !choice.takes(step))
  if (untaken && work.documents.lock) {
    const message = `how \`${untaken.server}\` is started is not approved`
    throw new GuardError('ERR_USAGE', `${message} (approve that first: --only ${untaken.server})`)
  }
  const free = starting.length === 0 || (await consents(starting, 'start this?', work))
  return new Set(free ? [] : starting.map(({ server }) => server))
}

/** A first lock file, and what a flag says, is written as it is found; for the rest a person has to say yes. */
async function consents(steps: readonly Step[], question: string, work: Work): Promise<boolean> {
  const { documents, wanted, io } = work
  if (wanted.check) return false
  if (!documents.lock || wanted.yes || wanted.choice.given) return true
  if (!io.confirm) return false
  io.stderr(`${stepLines(steps, io).join('\n')}\n`)
  return io.confirm(question)
}

async function ask(
  upstreams: Upstreams['upstreams'],
  { documents: { mandate }, settings, parts, io }: Work,
): Promise<Probed> {
  if (upstreams.length === 0) return { tools: [], prompts: [], definitions: [], failed: [] }
  if (io.watched === true)
    io.stderr(`starting ${upstreams.map(({ server }) => server).join(', ')} …\n`)
  const probe = await parts.probe()
  const told = { ...(mandate && { mandate }), ...(io.signal && { signal: io.signal }) }
  const logins = stateDir(io.env, settings.stateDir)
  return probe({ upstreams, settings, stateDir: logins, ...told })
}

/** Whole or not at all: a guard may be reading it. */
function write(file: string, text: string): void {
  const fresh = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(fresh, text)
    renameSync(fresh, file)
  } catch (cause) {
    rmSync(fresh, { force: true })
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GuardError('ERR_CONFIG_READ', `\`${file}\` could not be written: ${why}`, { cause })
  }
}
