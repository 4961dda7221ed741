/** `risk.json` in the state folder: the risk posture that an operator set, until when, and why. For its owner alone. */
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { instantOf, membersOf, required, textOf, wordOf } from '../document/form.ts'
import { readDocument } from '../document/read.ts'
import { RISK_POSTURES, type RiskPosture } from '../model/call.ts'
import { type DocNode, type Problem, Problems, problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { makeFolders } from '../model/folder.ts'
import type { Instant } from '../model/id.ts'

/** What an operator said. */
export interface SaidRisk {
  readonly posture: RiskPosture
  readonly since: Instant
  /** Absent: until somebody says otherwise. */
  readonly until?: Instant
  readonly why: string
}

export type ReadRisk =
  | { readonly kind: 'none' }
  | { readonly kind: 'said'; readonly said: SaidRisk }
  | { readonly kind: 'bad'; readonly why: string }

const FORMAT = 1
const MEMBERS = ['v', 'posture', 'since', 'until', 'why']

export function riskFile(stateDir: string): string {
  return join(stateDir, 'risk.json')
}

/** Differs whenever the file does; undefined where there is none. */
export function riskStamp(path: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    const code = codeOf(error)
    return code === 'ENOENT' && !isThere(path) ? undefined : code
  }
}

/** A link that leads nowhere is there, and cannot be read. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** What cannot be read, or is not of this form, is bad: nobody can say what was meant by it. */
export function readRisk(path: string): ReadRisk {
  if (riskStamp(path) === undefined) return { kind: 'none' }
  const { node, problems: found } = readDocument(path)
  const problems = new Problems()
  for (const problem of found) problems.add(problem)
  const said = node && saidIn(node, problems)
  return said && !problems.bad ? { kind: 'said', said } : { kind: 'bad', why: whyOf(problems.list) }
}

function whyOf([first]: readonly Problem[]): string {
  return first ? problemText(first) : 'it says nothing'
}

const REMEDY = 'set it anew: chaperone risk'

function saidIn(node: DocNode, problems: Problems): SaidRisk | undefined {
  const members = membersOf(node, MEMBERS, problems)
  if (!members) return undefined
  const format = members.get('v')
  if (format?.kind !== 'scalar' || format.value !== FORMAT)
    problems.error(node, 'format', `its format is not ${FORMAT}`, REMEDY)
  const need = (key: string): DocNode | undefined =>
    required(node, members, key, { problems, remedy: REMEDY })
  const posture = wordOf(need('posture'), RISK_POSTURES, problems)
  const since = instantOf(need('since'), problems)
  const why = textOf(need('why'), problems)
  const until = instantOf(members.get('until'), problems)
  if (posture === undefined || since === undefined || why === undefined) return undefined
  return { posture, since, why, ...(until !== undefined && { until }) }
}

const OWNER_FOLDER = 0o700
const OWNER_FILE = 0o600

/**
 * It appears whole under its name, or not at all.
 *
 * @throws GuardError ERR_STATE_WRITE
 */
export function writeRisk(stateDir: string, { posture, since, until, why }: SaidRisk): void {
  const iso = (at: Instant): string => new Date(at).toISOString()
  const form = { v: FORMAT, posture, since: iso(since), until: until && iso(until), why }
  const path = riskFile(stateDir)
  const part = `${path}.${randomUUID()}.part`
  try {
    makeFolders(stateDir, (one) => mkdirSync(one, OWNER_FOLDER))
    const file = openSync(part, 'wx', OWNER_FILE)
    try {
      writeFileSync(file, `${JSON.stringify(form)}\n`, { flush: true })
    } finally {
      closeSync(file)
    }
    renameSync(part, path)
  } catch (cause) {
    rmSync(part, { force: true })
    const why = `the risk posture \`${path}\` cannot be written: ${codeOf(cause)}`
    throw new GuardError('ERR_STATE_WRITE', why, { cause })
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
