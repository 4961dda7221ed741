/** `chaperone simulate`: what would another revision have said to the calls on record? */
import { resolve } from 'node:path'
import { readRecord } from '../audit/read.ts'
import { systemClock } from '../config/system.ts'
import { compileMandate } from '../mandate/compile.ts'
import { loadMandate } from '../mandate/load.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { Problems } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { Clock } from '../model/port.ts'
import { decidesBeside, readPolicies } from './policies.ts'
import { parseFlags } from './arguments.ts'
import { problemLine } from './check-report.ts'
import { placeOf } from './explain-decision.ts'
import { type CliIo, type Command, paint } from './io.ts'
import { timeOf } from './log.ts'
import { type Candidate, Simulation } from './simulation.ts'
import { printSimulated, Tallied } from './simulate-report.ts'

const FAILS = ['newly-permitted', 'newly-denied', 'newly-held', 'changed'] as const
type Fail = (typeof FAILS)[number]

const HELP = `usage: chaperone simulate --policies <folder> [--mandate <file>] [options]

What would another revision have said to the calls on record? Every decision of the record is made again under these
policies, or this mandate, by the values that the record keeps: newly permitted, newly denied, newly held for an approval.

  --policies <folder>     the policies to try; else those of then
  --mandate <file>        the mandate to try, in place of those on record with its name; whether it is valid at the time of
                          a call, and for its agent, is not asked
  --log <folder>          the record: a state folder, or the folder of one log
  --state-dir <folder>    the same (or CHAPERONE_STATE_DIR)
  --since <time>          only calls since 2026-11-22T10:30:00+01:00, or so long ago: 90s, 15m, 2h, 7d
  --agent <name>          only calls of this agent
  --examples <count>      how many of each are shown; default 5
  --fail-on <what>        exit with 1 where there is any: ${FAILS.join(', ')}; may be repeated.
                          Calls of which it is not known fail every one of them
  --json                  one JSON document instead of text

Unknown is what hangs on a value that the record does not keep: it holds what the rules of then read, and not more, unless
whole arguments were captured (\`--capture arguments\`). So is what hangs on an engine that was not asked, or whose policies
are not the same. Each call is tried by itself, after the calls that were let out on record: these count, and leave the
labels that the policies to try give them. Labels on record that none of these explains, as those of what an upstream
said by itself, are kept where the policies to try know them. What was refused before any rule was asked is not tried.

Exit codes: 0 fine, 1 --fail-on found something (or the policies or the mandate are bad), 2 usage, 3 no record, it could
not all be read, it was altered, or no call could be tried.
`

const OPTIONS = {
  policies: { type: 'string' },
  mandate: { type: 'string' },
  log: { type: 'string' },
  'state-dir': { type: 'string' },
  since: { type: 'string' },
  agent: { type: 'string' },
  examples: { type: 'string' },
  'fail-on': { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const

/** What a test puts in place of the real thing. */
export interface SimulateParts {
  readonly clock: Pick<Clock, 'now'>
}

/** The command over these parts. */
export function simulateCommand(parts: SimulateParts): Command {
  return {
    name: 'simulate',
    summary: 'what would other policies, or another mandate, have said to the calls on record?',
    help: HELP,
    run: (argv, io) => simulate(argv, io, parts),
  }
}

export const command: Command = simulateCommand({ clock: systemClock })

interface Question {
  readonly place: string
  readonly policies?: string
  readonly mandate?: string
  /** RFC 3339 in UTC. */
  readonly since: string
  readonly agent?: string
  readonly examples: number
  readonly failOn: readonly Fail[]
  readonly json: boolean
}

async function simulate(argv: readonly string[], io: CliIo, parts: SimulateParts): Promise<number> {
  const question = questionOf(argv, io, parts)
  const candidate = candidateOf(question, io)
  if (!candidate) return 1
  const tallied = new Tallied(question.examples)
  const whole = await simulateAll(question, candidate, { tallied, io })
  printSimulated(tallied, { ...question, candidate, whole }, io)
  if (!whole) return 3
  const none = tallied.all > 0 && tallied.tried === 0
  if (tallied.altered > 0 || none) {
    const what = none ? 'no call could be tried' : `${tallied.altered} calls could not be tried`
    const why = none ? 'what they were decided by is missing or altered' : 'altered, or another key'
    io.stderr(`${paint(io, 'red', what)}: ${why}\n`)
    return 3
  }
  return question.failOn.some((fail) => tallied.fails(fail)) ? 1 : 0
}

const EVERY = 10_000
/** Nobody is told of anything. */
const ANYBODY = { has: () => true }

/** False when not all of the record could be read. */
async function simulateAll(
  { place, since, agent }: Question,
  candidate: Candidate,
  { tallied, io }: { readonly tallied: Tallied; readonly io: CliIo },
): Promise<boolean> {
  const simulation = new Simulation(candidate)
  let whole = true
  let read = 0
  for await (const { items } of readRecord(place)) {
    for (const item of items) {
      read += 1
      if (io.watched === true && read % EVERY === 0) io.stderr(`\r${read} entries read`)
      if (item.kind === 'damage') {
        whole = false
        io.stderr(`${paint(io, 'red', 'damaged')}: ${item.file}:${item.line}: ${item.message}\n`)
      }
      // What comes before is needed for the state in which later calls were made.
      const verdict = simulation.take(item)
      if (!verdict || verdict.recorded.ts < since) continue
      if (agent === undefined || verdict.recorded.agent.agent === agent) tallied.take(verdict)
    }
    if (io.signal?.aborted === true) {
      whole = false
      break
    }
  }
  if (io.watched === true && read >= EVERY) io.stderr('\r')
  tallied.undecided = simulation.undecided
  tallied.shown = simulation.shown
  tallied.uncounted = simulation.uncounted
  return whole
}

/** The policies and the mandate to try; undefined when what is wrong with them was said. */
function candidateOf({ policies, mandate }: Question, io: CliIo): Candidate | undefined {
  const problems = new Problems()
  const read = policies === undefined ? undefined : readPolicies(policies, ANYBODY)
  for (const problem of read?.problems ?? []) problems.add(problem)
  const compiled = mandate === undefined ? undefined : mandateIn(mandate, problems)
  for (const problem of problems.list)
    if (problem.level === 'error' || policies === undefined)
      io.stderr(`${problemLine(problem, io)}\n`)
  if (problems.bad) return undefined
  const load = read?.load
  return {
    ...(load && { policies: { set: load.policies, engines: decidesBeside(load) } }),
    ...(compiled && { mandate: compiled }),
  }
}

function mandateIn(path: string, problems: Problems): CompiledMandate | undefined {
  const loaded = loadMandate(path)
  for (const problem of loaded.problems) problems.add(problem)
  return loaded.mandate && compileMandate(loaded.mandate, problems)
}

function questionOf(argv: readonly string[], io: CliIo, { clock }: SimulateParts): Question {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const { policies, mandate, agent } = values
  if (policies === undefined && mandate === undefined) {
    const remedy = 'give `--policies new/`, or `--mandate new.yaml`, or both'
    throw new GuardError('ERR_USAGE', `nothing is to be tried (${remedy})`)
  }
  return {
    place: placeOf(values, io),
    ...(policies !== undefined && { policies: resolve(io.cwd, policies) }),
    ...(mandate !== undefined && { mandate: resolve(io.cwd, mandate) }),
    since: timeOf('--since', values.since, clock) ?? '',
    ...(agent !== undefined && { agent }),
    examples: countOf(values.examples),
    failOn: (values['fail-on'] ?? []).map(failOf),
    json: values.json === true,
  }
}

function failOf(text: string): Fail {
  const found = FAILS.find((one) => one === text)
  if (found) return found
  throw new GuardError('ERR_USAGE', `\`--fail-on ${text}\` is none of ${FAILS.join(', ')}`)
}

function countOf(text = '5'): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new GuardError('ERR_USAGE', `\`--examples ${text}\` is no count (write 0 to 9999)`)
}
