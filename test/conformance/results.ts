/** Reads what the official suite wrote: one folder for each scenario that it ran, with its checks in `checks.json`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { isList, isObject, type Json } from '../../src/model/json.ts'

/** The suite tests servers, and clients; each has its own scenarios. */
export const MODES = ['server', 'client'] as const
export type Mode = (typeof MODES)[number]

const STATUSES = ['SUCCESS', 'FAILURE', 'WARNING', 'INFO', 'SKIPPED'] as const
type Status = (typeof STATUSES)[number]

export interface Check {
  readonly id: string
  /** The same id can stand for several cases; the name says which. */
  readonly name: string
  readonly status: Status
  /** Why it did not pass, in the suite's words; empty where it did. */
  readonly why: string
}

/** The checks of every scenario that ran to its end. */
export type Results = ReadonlyMap<string, readonly Check[]>

/** Not a check of the suite's, which makes none of it: its client ended with an error, as it says in its last line. */
export const GAVE_UP = 'client-gave-up'
const GIVING_UP = /^client: (.*)$/m

const CHECKS = 'checks.json'
const CLIENT_SAID = 'stderr.txt'
/** A folder is named for its scenario and the moment it was run. */
const MOMENT = /-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d+Z$/

/**
 * A scenario's name may hold slashes and is a path then; those that test servers begin with `server-`.
 *
 * @throws Error when a file is not what the suite writes: a comparison of what was misread proves nothing.
 */
export function readResults(folder: string, mode: Mode): Results {
  const results = new Map<string, readonly Check[]>()
  if (!existsSync(folder)) return results
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.name !== CHECKS) continue
    const name = relative(folder, entry.parentPath).split(sep).join('/').replace(MOMENT, '')
    const scenario = mode === 'server' ? name.replace(/^server-/, '') : name
    if (results.has(scenario)) throw new Error(`\`${scenario}\` was run twice in ${folder}`)
    const checks = readChecks(join(entry.parentPath, CHECKS))
    results.set(scenario, [...checks, ...givingUp(join(entry.parentPath, CLIENT_SAID))])
  }
  return results
}

function readChecks(file: string): readonly Check[] {
  const written: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (!isList(written)) throw new Error(`${file} holds no list`)
  return written.map((one) => {
    const check = checkOf(one)
    if (check === undefined) throw new Error(`${file} holds something that is no check`)
    return check
  })
}

function givingUp(file: string): readonly Check[] {
  const why = existsSync(file) ? GIVING_UP.exec(readFileSync(file, 'utf8'))?.[1] : undefined
  return why === undefined ? [] : [{ id: GAVE_UP, name: GAVE_UP, status: 'INFO', why }]
}

function checkOf(written: Json): Check | undefined {
  if (!isObject(written)) return undefined
  const { id, name, errorMessage: why } = written
  const status = STATUSES.find((known) => known === written['status'])
  if (typeof id !== 'string' || typeof name !== 'string' || status === undefined) return undefined
  return { id, name, status, why: typeof why === 'string' ? why : '' }
}
