/**
 * Reads and writes `chaperone.lock`. It has one form only, the one that `chaperone pin` writes: sorted, one member a
 * line, with whatever cannot be seen escaped. A file in any other form is refused, so that what a reviewer read is what
 * counts; of what it approves, only the effects are for people to edit.
 *
 * It holds the definitions themselves beside their hashes: a change can then be read where it is reviewed, and told at
 * run time on a machine that never saw the definition that was approved.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readText } from '../document/read.ts'
import { EFFECT_CLASSES } from '../model/call.ts'
import { digestOf } from '../model/digest.ts'
import { type Problem, Problems } from '../model/document.ts'
import { canonicalExact, type Exact, isExactObject, parseExact } from '../model/exact.ts'
import { isList, isObject, type Json } from '../model/json.ts'
import {
  type ApprovedDefinition,
  type ApprovedUpstream,
  DEFINITION_KINDS,
  type DefinitionKind,
  type Lock,
  type WrittenLaunch,
} from '../model/lock.ts'
import { spelt } from '../model/plain-name.ts'
import { approvedAs } from './written-launch.ts'

export const LOCK_NAME = 'chaperone.lock'
const FORMAT = 1
const LARGEST = 64 * 1024 * 1024
const UNCLASSIFIED = 'unclassified'

/** The member that holds the definitions of each kind. */
const MEMBERS: Readonly<Record<DefinitionKind, string>> = {
  tool: 'tools',
  prompt: 'prompts',
  template: 'templates',
}

export interface ReadLock {
  /** Absent when there is an error among the problems. */
  readonly lock?: Lock
  readonly problems: readonly Problem[]
}

/** Where a lock file that nobody names is looked for: beside the mandate, and beside the upstreams. */
export function lockPlaces(files: {
  readonly mandate?: string
  readonly upstreams: string
}): readonly string[] {
  const named = files.mandate === undefined ? [] : [files.mandate]
  const places = [...named, files.upstreams].map((file) => join(dirname(file), LOCK_NAME))
  return [...new Set(places)]
}

/** The lock file that was named, or the one that is found; undefined where there is none, or a problem was reported. */
export function findLock(
  files: Parameters<typeof lockPlaces>[0],
  named: string | undefined,
  problems: Problems,
): string | undefined {
  if (named !== undefined) return named
  const [file, second] = lockPlaces(files).filter((place) => existsSync(place))
  if (file === undefined || second === undefined) return file
  problems.add(twoLocks(file, second))
  return undefined
}

/** Nobody can say which of the two counts. */
export function twoLocks(file: string, second: string): Problem {
  return {
    id: 'two_locks',
    level: 'error',
    place: { file, line: 1, column: 1 },
    message: `there are two lock files, \`${file}\` and \`${second}\``,
    remedy: 'name one with --lock',
  }
}

/** Reads a lock file. Whatever stands in the way is a problem, never a fault. */
export function readLock(file: string): ReadLock {
  const bytes = bytesOf(file)
  if (typeof bytes === 'string')
    return bad(file, { line: 1, message: bytes, remedy: 'check the path' })
  // A checkout may have turned its line ends; nothing else of it may differ.
  const text = bytes.toString('utf8').replaceAll('\r\n', '\n')
  const found = approvedIn(text)
  if ('wrong' in found) return bad(file, found.wrong)
  return { lock: { file, digest: digestOf(bytes), upstreams: found.upstreams }, problems: [] }
}

interface Wrong {
  readonly line: number
  /** Absent: the first. */
  readonly column?: number
  readonly message: string
  readonly remedy: string
}

function bad(file: string, { line, column = 1, message, remedy }: Wrong): ReadLock {
  const problems = new Problems()
  problems.error({ place: { file, line, column } }, 'bad_lock', message, remedy)
  return { problems: problems.list }
}

type Approved = { readonly upstreams: Lock['upstreams'] } | { readonly wrong: Wrong }

function approvedIn(text: string): Approved {
  const reading: Reading = { faults: [] }
  const upstreams = parsed(text, reading)
  if (upstreams === undefined) return { wrong: unreadable(text, reading) }
  const line = firstDifferentLine(text, printLock(upstreams))
  if (line === undefined) return { upstreams }
  const message = 'this line is not as `chaperone pin` writes it'
  return { wrong: { line, message, remedy: WRITE_AGAIN } }
}

function unreadable(text: string, { faults: [fault] }: Reading): Wrong {
  const format = /"lock": (\d{1,9})/.exec(text.slice(0, 100))?.[1]
  if (format !== undefined && format !== String(FORMAT)) {
    const message = `its format is ${format}, and this version reads ${FORMAT}`
    return { line: 2, message, remedy: 'use the chaperone that wrote it' }
  }
  const message = 'it is not what `chaperone pin` writes'
  if (!fault) return broken(text) ?? { line: 1, message, remedy: WRITE_AGAIN }
  const at = text.split('\n').indexOf(fault.line)
  return { line: at + 1 || 1, message: fault.message, remedy: WRITE_AGAIN }
}

/** Where it stops being JSON; undefined where it does not. */
function broken(text: string): Wrong | undefined {
  const conflict = text.split('\n').findIndex((line) => /^(?:<{7}|={7}|>{7})(?: |$)/.test(line))
  if (conflict !== -1) {
    const message = 'a merge left a conflict in it'
    return { line: conflict + 1, message, remedy: 'take one side, then run `chaperone pin`' }
  }
  const found = readText(text, `${LOCK_NAME}.json`).problems
  const syntax = found.find(({ id }) => id === 'syntax')
  if (!syntax?.place) return undefined
  const { line, column } = syntax.place
  return { line, column, message: `it is no JSON: ${syntax.message}`, remedy: WRITE_AGAIN }
}

const WRITE_AGAIN =
  'restore the file from where it was reviewed, or remove it and run `chaperone pin`'

function bytesOf(file: string): Buffer | string {
  try {
    const stat = statSync(file)
    if (!stat.isFile()) return `\`${file}\` is not a regular file`
    return stat.size > LARGEST ? `it is larger than ${LARGEST} bytes` : readFileSync(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return `cannot read \`${file}\`: ${code === 'ENOENT' ? 'no such file' : code.toLowerCase()}`
  }
}

function firstDifferentLine(text: string, expected: string): number | undefined {
  if (text === expected) return undefined
  const [lines, others] = [text.split('\n'), expected.split('\n')]
  return lines.findIndex((line, index) => line !== others[index]) + 1 || lines.length
}

/** The line on which each upstream that the lock approves begins; the first for any other. */
export function lockLines(lock: Pick<Lock, 'upstreams'>): (server: string) => number {
  const lines = printLock(lock.upstreams).split('\n')
  return (server) => Math.max(1, lines.indexOf(keyLine(4, server)) + 1)
}

/** The text of a lock file that approves this. */
export function printLock(upstreams: Lock['upstreams']): string {
  const value = { lock: FORMAT, upstreams: sorted(upstreams, upstreamValue) }
  return `${escaped(JSON.stringify(value, undefined, 2))}\n`
}

function sorted<T>(map: ReadonlyMap<string, T>, print: (value: T) => Exact): Exact {
  const entries = [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, value]) => [key, print(value)]))
}

function upstreamValue({ launch, definitions }: ApprovedUpstream): Exact {
  const kinds = DEFINITION_KINDS.map((kind) => [
    MEMBERS[kind],
    sorted(definitions[kind], (one) => definitionValue(one, kind)),
  ])
  const launched = { sha256: launch.digest, ...launch.written }
  return { launch: launched, ...Object.fromEntries(kinds) }
}

function definitionValue(
  { digest, effect, value }: ApprovedDefinition,
  kind: DefinitionKind,
): Exact {
  const effects = kind === 'tool' ? { effect: effect ?? UNCLASSIFIED } : {}
  return { sha256: digest, ...effects, definition: value }
}

const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Z}\u2800]/u

/** As JSON escapes it: what cannot be seen, and every blank but the plain one. */
function escaped(text: string): string {
  return text.replaceAll(/[^\n -~]/gu, (char) => (UNSEEN.test(char) ? escapes(char) : char))
}

function escapes(char: string): string {
  const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}

/** What is wrong, and the line that it stands on. */
interface Reading {
  readonly faults: { readonly line: string; readonly message: string }[]
}

/** What the text approves; undefined where it is no lock, or says something that its hashes do not. */
function parsed(text: string, reading: Reading): Lock['upstreams'] | undefined {
  try {
    const value = parseExact(text)
    if (!isExactObject(value) || value['lock'] !== FORMAT) return undefined
    return mapOf(value['upstreams'], (upstream, server) => upstreamOf(upstream, server, reading))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** All of them or nothing. */
function mapOf<T>(
  value: Exact,
  read: (value: Exact, name: string) => T | undefined,
): ReadonlyMap<string, T> | undefined {
  if (!isExactObject(value)) return undefined
  const found = new Map<string, T>()
  for (const [name, item] of Object.entries(value)) {
    const one = read(item, name)
    if (one === undefined) return undefined
    found.set(name, one)
  }
  return found
}

function upstreamOf(value: Exact, server: string, reading: Reading): ApprovedUpstream | undefined {
  if (!isExactObject(value)) return undefined
  const launch = launchOf(value['launch'])
  if (!launch)
    fault(reading, keyLine(4, server), `the launch line of \`${server}\` and its hash do not agree`)
  const [tool, prompt, template] = DEFINITION_KINDS.map((kind) =>
    mapOf(value[MEMBERS[kind]], (one, name) => definitionOf(one, { kind, name }, reading)),
  )
  return launch && tool && prompt && template
    ? { launch, definitions: { tool, prompt, template } }
    : undefined
}

function fault(reading: Reading, line: string, message: string): undefined {
  reading.faults.push({ line, message })
  return undefined
}

/** The line on which the member of that name begins. */
function keyLine(indent: number, key: string): string {
  return `${' '.repeat(indent)}${escaped(JSON.stringify(key))}: {`
}

function launchOf(value: Exact): WrittenLaunch | undefined {
  if (!isJson(value) || !isObject(value)) return undefined
  const { sha256, ...written } = value
  const launch = approvedAs(written)
  return launch.digest === sha256 ? launch : undefined
}

/** True where no number is in it whose text was kept: then it is plain JSON. */
function isJson(value: Exact): value is Json {
  if (isList(value)) return value.every(isJson)
  if (isExactObject(value)) return Object.values(value).every(isJson)
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

function definitionOf(
  entry: Exact,
  { kind, name }: { readonly kind: DefinitionKind; readonly name: string },
  reading: Reading,
): ApprovedDefinition | undefined {
  if (!isExactObject(entry) || !isExactObject(entry['definition'])) return undefined
  const value = entry['definition']
  const said = `the definition of the ${kind} \`${spelt(name)}\``
  const digest = digestOf(canonicalExact(value))
  if (digest !== entry['sha256'])
    return fault(reading, keyLine(8, name), `${said} and its hash do not agree`)
  if (value[kind === 'template' ? 'uriTemplate' : 'name'] !== name)
    return fault(reading, keyLine(8, name), `${said} is of another name`)
  const effect = entry['effect']
  if (kind !== 'tool' || effect === UNCLASSIFIED) return { name, digest, value }
  const known = EFFECT_CLASSES.find((one) => one === effect)
  if (known) return { name, digest, value, effect: known }
  const classes = [...EFFECT_CLASSES, UNCLASSIFIED].join(', ')
  return fault(reading, keyLine(8, name), `the effect of \`${spelt(name)}\` is none of ${classes}`)
}
