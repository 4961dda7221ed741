/** `chaperone diff`: what does a change of policies permit that was not, and what no longer? */
import { readFileSync, statSync } from 'node:fs'
import { posix, resolve } from 'node:path'
import { digestOf } from '../model/digest.ts'
import type { Problem } from '../model/document.ts'
import { type EngineConfig, engineFiles } from '../model/engine.ts'
import { GuardError } from '../model/error.ts'
import { countsOf, diffPolicies } from '../policy/diff/diff.ts'
import type { Direction } from '../policy/diff/change.ts'
import type { DiffSide } from '../policy/diff/version.ts'
import { loadPolicies } from '../policy/load.ts'
import { parseFlags } from './arguments.ts'
import { problemLine } from './check-report.ts'
import { printDiff } from './diff-report.ts'
import { type CliIo, type Command, paint } from './io.ts'
import { type PolicyLoad, readPolicies } from './policies.ts'

const HELP = `usage: chaperone diff <old> <new> [options]

Compares two folders of policies, or two policy files, and says in words what widened (calls are permitted that were not) and
what narrowed, rule by rule, where it can with a call that shows it. What cannot be told is called unclear. Nothing is
started, and no engine is asked.

  --fail-on <direction>   exit with 1 where something widened, narrowed or is unclear; may be repeated
  --json                  one JSON document instead of text

Exit codes: 0 compared, 1 what --fail-on names was found, or a policy is bad, 2 usage, 3 a folder cannot be read.
`

const OPTIONS = {
  'fail-on': { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const

export const command: Command = {
  name: 'diff',
  summary: 'what does a change of policies widen or narrow?',
  help: HELP,
  run: (argv, io) => Promise.resolve(diff(argv, io)),
}

function diff(argv: readonly string[], io: CliIo): number {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const [old, now, ...more] = positionals
  if (old === undefined || now === undefined || more.length > 0)
    throw new GuardError('ERR_USAGE', 'two folders are compared (chaperone diff policies new/)')
  const failing = (values['fail-on'] ?? []).map(directionOf)
  const before = sideOf(old, io)
  const after = sideOf(now, io)
  if (before === 'unread' || after === 'unread') return 3
  if (before === 'bad' || after === 'bad') return 1
  const changes = diffPolicies(before, after)
  printDiff(changes, io, values.json === true ? 'json' : 'text')
  const counts = countsOf(changes)
  return failing.some((one) => counts[one] > 0) ? 1 : 0
}

const DIRECTIONS = ['widened', 'narrowed', 'unclear'] as const

function directionOf(word: string): Direction {
  const found = DIRECTIONS.find((one) => one === word)
  if (found) return found
  const message = `\`--fail-on ${word}\` is no direction (use ${DIRECTIONS.join(', ')})`
  throw new GuardError('ERR_USAGE', message)
}

/** What is wrong was said. */
function sideOf(given: string, io: CliIo): DiffSide | 'bad' | 'unread' {
  const path = resolve(io.cwd, given)
  const say = (text: string): void => io.stderr(`${paint(io, 'red', 'chaperone')}: ${text}\n`)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) {
    say(`there is no \`${given}\``)
    return 'unread'
  }
  const { side, problems } = stat.isFile() ? fileSide(path) : folderSide(path)
  if (side) return side
  for (const problem of problems) {
    if (problem.level === 'error') io.stderr(`${problemLine(problem, io)}\n`)
  }
  say(`\`${given}\` cannot be compared`)
  return problems.some(({ id }) => id.startsWith('unreadable_')) ? 'unread' : 'bad'
}

interface Read {
  readonly side?: DiffSide
  readonly problems: readonly Problem[]
}

function fileSide(path: string): Read {
  const bytes = readFileSync(path)
  const texts = [{ file: path, text: bytes.toString('utf8') }]
  const { policies, problems } = loadPolicies(texts, [], digestOf(bytes))
  return { ...(policies && { side: { policies } }), problems }
}

/** Whom to notify stands in the settings, which are not compared. */
const ANYBODY = { has: () => true }

function folderSide(path: string): Read {
  const { load, problems } = readPolicies(path, ANYBODY)
  if (!load) return { problems }
  const engines = load.engines.map((one) => ({ ...one, fingerprint: fingerprint(one, load) }))
  return { side: { policies: load.policies, engines }, problems }
}

/** All that it decides by, but what it is asked about. */
function fingerprint(config: EngineConfig, { documents }: PolicyLoad): string {
  const { place: _, targets: __, effects: ___, mode: ____, ...rest } = config
  const headers = 'headers' in rest ? [...rest.headers] : []
  const names = engineFiles(config).map((name) => posix.normalize(name))
  const files = documents.filter(({ relative }) => names.includes(relative))
  return JSON.stringify([rest, headers, files.map(({ relative, digest }) => [relative, digest])])
}
