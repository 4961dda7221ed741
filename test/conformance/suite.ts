/** Runs the official suite as its own command, bounded in time, and reads what it wrote. */
import { pidOf, start, stop, type LaunchLine } from '../bench/child.ts'
import type { Revision } from './options.ts'
import { SUITE } from './requirements.ts'
import { readResults, type Mode, type Results } from './results.ts'

/** What the suite is pointed at: a server that listens, or a command that is a client. */
export type Target =
  | { readonly mode: 'server'; readonly url: string }
  | {
      readonly mode: 'client'
      readonly command: readonly string[]
      readonly env: Readonly<Record<string, string>>
    }

export interface SuiteRun {
  readonly revision: Revision
  readonly target: Target
  /** Empty for all scenarios of the revision. */
  readonly only: readonly string[]
  /** Where the suite writes its result files; a folder of this run's own. */
  readonly folder: string
}

/** All scenarios of a revision; the suite gives up on a single client before. */
const LIMIT_MS: Readonly<Record<Mode, number>> = { server: 120_000, client: 330_000 }
/** As long as dozens of clients may have to wait for each other. */
const CLIENT_MS = 300_000
const TAIL = 4000

/**
 * Scenarios that did not run to their end are not among the results.
 *
 * @throws Error with the end of what the suite said, where there is no result at all.
 */
export async function runSuite(run: SuiteRun): Promise<Results> {
  const { target, folder } = run
  let said = ''
  for (const line of linesOf(run)) said = await runOnce(line, LIMIT_MS[target.mode])
  const results = readResults(folder, target.mode)
  if (results.size === 0) throw new Error(`the suite gave no result:\n${said}`)
  return results
}

/** One command for the whole set, or one for each scenario that is named. */
function linesOf({ revision, target, only, folder }: SuiteRun): readonly LaunchLine[] {
  const { mode } = target
  const at =
    target.mode === 'server'
      ? ['--url', target.url]
      : ['--command', target.command.map(quoted).join(' '), '--timeout', String(CLIENT_MS)]
  const env = target.mode === 'server' ? {} : target.env
  const line = (...what: readonly string[]): LaunchLine => ({
    command: process.execPath,
    args: [SUITE, mode, ...at, ...what, '--output-dir', folder],
    env,
  })
  if (only.length === 0) return [line('--requirements', revision)]
  // Forced: a set of requirements may hold what its revision has only as an extension.
  return only.map((name) => line('--scenario', name, '--spec-version', revision, '--force'))
}

/** The suite hands the command to a shell. */
function quoted(word: string): string {
  return `"${word}"`
}

/** Resolves with the end of what was said, when the command has ended or its time is up. */
async function runOnce(line: LaunchLine, limitMs: number): Promise<string> {
  const child = start(line)
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      said = (said + chunk).slice(-TAIL)
    })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // The whole group: clients are processes of the suite's.
  const timer = setTimeout(() => process.kill(-pidOf(child), 'SIGKILL'), limitMs)
  await ended
  clearTimeout(timer)
  await stop(child)
  return said
}
