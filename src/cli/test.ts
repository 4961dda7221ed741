/** `chaperone test`: do the policies do what their tests say, and would the tests notice if they did not? */
import { setImmediate } from 'node:timers/promises'
import { writeFileSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { globMatches } from '../audit/filter.ts'
import { Problems, problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import {
  type Covered,
  coverageOf,
  noteOutcomes,
  percentages,
  type Seen,
} from '../policy/scenario/coverage.ts'
import { countMutants, type Mutated, mutationRun } from '../policy/scenario/kill.ts'
import {
  type Chance,
  passed,
  runSuite,
  type Suite,
  type SuiteResult,
  type Wanted,
} from '../policy/scenario/suite.ts'
import { Task } from '../state/task.ts'
import { parseFlags } from './arguments.ts'
import { problemLine } from './check-report.ts'
import { type CliIo, type Command, paint, printable, shortPath } from './io.ts'
import { readSuites, testFiles } from './test-files.ts'
import { junitError, junitText } from './test-junit.ts'
import { isGood, jsonText, problemsJson } from './test-json.ts'
import { listText, type TestReport, textReport } from './test-report.ts'

const DEFAULT_RUNS = 1000
const MOST_RUNS = 1_000_000
const DEFAULT_SEED = 1

const HELP = `usage: chaperone test [dir] [options]

Runs the policy tests (*.test.yaml) at or below a folder; default ./policies. Cases say what a call gets; invariants say
what no call may get, and are checked with calls that are made up. docs/policy.md shows how they are written.

  --run <name>            only cases and invariants with this in their name, or matching a pattern with * and ?
  --mutate                also make mistakes in the policies, one at a time: tests that do not notice fail
  --seed <number>         other calls that are made up; default ${DEFAULT_SEED}
  --runs <count>          calls for each invariant; default ${DEFAULT_RUNS}
  --list                  the names of what would be run
  --json                  one JSON document instead of text
  --junit <file>          also write a JUnit report

Exit codes: 0 all passed, 1 a test failed, coverage is below what a test file asks for, or a mistake was not noticed,
2 usage, 3 policies or tests do not load, so that nothing could be tested.
`

const OPTIONS = {
  run: { type: 'string' },
  mutate: { type: 'boolean' },
  seed: { type: 'string' },
  runs: { type: 'string' },
  list: { type: 'boolean' },
  json: { type: 'boolean' },
  junit: { type: 'string' },
} as const

export const command: Command = {
  name: 'test',
  summary: 'do the policies do what their tests say?',
  help: HELP,
  run: test,
}

interface Question {
  readonly path: string
  readonly wanted: Wanted | undefined
  readonly chance: Chance
  readonly mutate: boolean
  readonly list: boolean
  readonly json: boolean
  readonly junit: string | undefined
}

async function test(argv: readonly string[], io: CliIo): Promise<number> {
  const question = questionOf(argv, io)
  const junit = question.list ? undefined : question.junit
  // Whatever ends the run before its report is written, none of an earlier run is left.
  if (junit !== undefined)
    writeReport(junit, junitError('the tests run to their end', 'they did not'))
  const files = testFiles(question.path)
  const problems = new Problems()
  if (files.length === 0)
    problems.add({
      id: 'no_tests',
      level: 'error',
      message: `there is no test below \`${shortPath(question.path, io.cwd)}\``,
      remedy: 'write one as `vendors.test.yaml`: docs/policy.md shows how',
    })
  const suites = readSuites(files, rootOf(question.path, io.cwd), (id) => new Task(id), problems)
  for (const problem of problems.list) io.stderr(`${problemLine(problem, io)}\n`)
  if (problems.bad) {
    if (question.json && !question.list) io.stdout(problemsJson(problems.list))
    if (junit !== undefined)
      writeReport(
        junit,
        junitError('policies and tests load', problems.list.map(problemText).join('\n')),
      )
    io.stderr(`${paint(io, 'red', 'could not test')}: policies or tests do not load\n`)
    return 3
  }
  if (question.list) {
    io.stdout(listText(suites, question.wanted ?? all, io))
    return 0
  }
  return run(suites, question, io)
}

/** How far up policies are looked for: to the folder that the command is run in, or the one that it is given. */
function rootOf(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short.startsWith('..') || isAbsolute(short) ? path : cwd
}

const all = (): boolean => true

async function run(suites: readonly Suite[], question: Question, io: CliIo): Promise<number> {
  const { wanted = all, chance, json, junit, mutate } = question
  const results: SuiteResult[] = []
  for (const suite of suites) {
    results.push(runSuite(suite, wanted, chance))
    if (await stopped(io)) return 3
  }
  if (!results.some(({ cases, invariants }) => cases.length + invariants.length > 0))
    throw new GuardError('ERR_USAGE', '`--run` names no case and no invariant (see --list)')
  const good = results.every(passed)
  // Of some cases alone it would say little.
  const coverage = question.wanted ? undefined : coverageIn(results, chance)
  const mutants = mutate && good ? await mutantsIn(suites, chance, io) : undefined
  if (mutants === 'stopped') return 3
  const report: TestReport = {
    results,
    seed: chance.seed,
    ...(coverage && { coverage }),
    ...(mutants && { mutants }),
    unmutated: mutate && !good,
  }
  io.stdout(json ? jsonText(report) : textReport(report, io))
  if (junit !== undefined) writeReport(junit, junitText(report, io.cwd))
  return isGood(report) ? 0 : 1
}

/** Lets a signal through between long pieces of work. */
async function stopped(io: CliIo): Promise<boolean> {
  await setImmediate()
  if (io.signal?.aborted !== true) return false
  io.stderr(`${paint(io, 'yellow', 'stopped')}: not everything was tested\n`)
  return true
}

/** Over all files together, and for each file what it asks for. */
function coverageIn(results: readonly SuiteResult[], { seed }: Chance): TestReport['coverage'] {
  const seen: Seen = new Map()
  for (const { suite, cases } of results)
    for (const { tried } of cases) noteOutcomes(suite.bench.policies.rules, tried, seen)
  return results.map(({ suite }) => {
    const { bench, generator, scenario } = suite
    const covered = coverageOf({ bench, generator, defaults: scenario.defaults }, seen, seed)
    return { suite, covered, ...percentages(covered), below: belowFloor(suite, covered) }
  })
}

function belowFloor(
  { scenario: { coverage } }: Suite,
  covered: readonly Covered[],
): readonly string[] {
  if (!coverage) return []
  const reached = percentages(covered)
  return (['rules', 'outcomes'] as const)
    .filter((what) => reached[what] < coverage[what])
    .map((what) => `${what} ${reached[what]}%, wanted ${coverage[what]}%`)
}

/** As often as a person can read it. */
const SHOWN_EVERY = 10

async function mutantsIn(
  suites: readonly Suite[],
  chance: Chance,
  io: CliIo,
): Promise<readonly Mutated[] | 'stopped'> {
  const found: Mutated[] = []
  const total = countMutants(suites)
  for (const mutated of mutationRun(suites, chance)) {
    found.push(mutated)
    if (found.length % SHOWN_EVERY !== 0) continue
    if (io.watched === true) io.stderr(`\r${found.length} of ${total} mistakes tried …`)
    if (await stopped(io)) return 'stopped'
  }
  if (io.watched === true && found.length >= SHOWN_EVERY) io.stderr('\r\u001B[K')
  return found
}

function writeReport(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new GuardError('ERR_STATE_WRITE', `\`${printable(file)}\` cannot be written: ${why}`)
  }
}

function questionOf(argv: readonly string[], io: CliIo): Question {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const [path = 'policies', second] = positionals
  if (second !== undefined)
    throw new GuardError('ERR_USAGE', `\`${second}\` is one too many (name one folder)`)
  const { run: pattern, junit } = values
  return {
    path: resolve(io.cwd, path),
    wanted: pattern === undefined ? undefined : wantedBy(pattern),
    chance: {
      seed: numberOf('--seed', values.seed, DEFAULT_SEED, 0),
      runs: numberOf('--runs', values.runs, DEFAULT_RUNS, 1),
    },
    mutate: values.mutate === true,
    list: values.list === true,
    json: values.json === true,
    junit: junit === undefined ? undefined : resolve(io.cwd, junit),
  }
}

function wantedBy(pattern: string): Wanted {
  if (pattern === '') throw new GuardError('ERR_USAGE', '`--run` has no value')
  const wild = /[*?]/.test(pattern)
  return (name) => (wild ? globMatches(pattern, name) : name.includes(pattern))
}

function numberOf(
  flag: string,
  given: string | undefined,
  otherwise: number,
  least: number,
): number {
  if (given === undefined) return otherwise
  const number = /^\d{1,7}$/.test(given) ? Number(given) : -1
  if (number >= least && number <= MOST_RUNS) return number
  throw new GuardError(
    'ERR_USAGE',
    `\`${flag} ${given}\` is no such number (${least} to ${MOST_RUNS})`,
  )
}
