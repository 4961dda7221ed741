/** Where an existing log goes on: its last whole entry, and what a crash left behind it. */
import { canonical, isObject } from '../model/json.ts'
import { GuardError } from '../model/error.ts'
import type { Sha256 } from '../model/id.ts'
import { leafHash, NO_ENTRY } from './digest.ts'
import { readFrom, type Disk } from './disk.ts'
import { FORMAT, LONGEST_ENTRY } from './entry.ts'

const NEWLINE = 0x0a
const LOG_FILE = /^audit-(0|[1-9]\d{0,15})\.jsonl$/

export interface LogFile {
  readonly name: string
  readonly firstSeq: number
}

export interface Tail {
  /** The number that the next entry gets, and the leaf hash that it names. */
  readonly seq: number
  readonly prev: Sha256
  /** Bytes of the file that hold whole entries. */
  readonly size: number
  /** The bytes behind them: an entry that was not written to its end. Empty where there is none. */
  readonly torn: Uint8Array
}

interface Expected {
  readonly path: string
  readonly log: string
  readonly firstSeq: number
}

const FIRST = { seq: 0, prev: NO_ENTRY }

export function logFileName(firstSeq: number): string {
  return `audit-${firstSeq}.jsonl`
}

/** The files of one log among the names of its folder, oldest first. */
export function logFiles(names: readonly string[]): readonly LogFile[] {
  const found: LogFile[] = []
  for (const name of names) {
    const match = LOG_FILE.exec(name)
    if (match) found.push({ name, firstSeq: Number(match[1]) })
  }
  return found.sort((a, b) => a.firstSeq - b.firstSeq)
}

/**
 * Reads no more than the last two entries' worth of bytes. `before`: what the file before it ends with, where a file
 * without an entry follows another.
 *
 * @throws GuardError ERR_AUDIT_READ when what stands there is not this log.
 */
export function readTail(
  disk: Disk,
  file: number,
  expected: Expected,
  before?: () => Pick<Tail, 'seq' | 'prev'>,
): Tail {
  const { size } = disk.state(file)
  const from = Math.max(0, size - 2 * (LONGEST_ENTRY + 1))
  const bytes = readFrom(disk, file, from, size - from)
  const end = bytes.lastIndexOf(NEWLINE) + 1
  const torn = bytes.subarray(end)
  if (torn.length > LONGEST_ENTRY)
    throw notALog(expected.path, 'its last line is longer than an entry can be')
  if (end === 0) {
    const { seq, prev } = expected.firstSeq === 0 ? FIRST : (before?.() ?? FIRST)
    if (seq === expected.firstSeq) return { seq, prev, size: 0, torn }
    throw notALog(expected.path, 'it has no whole entry, and does not follow what stands before it')
  }
  const line = lastLine(bytes, end, expected.path)
  const seq = seqOf(line, expected)
  return { seq: seq + 1, prev: leafHash(line), size: from + end, torn }
}

function lastLine(bytes: Uint8Array, end: number, path: string): string {
  const start = end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1
  if (end - start > LONGEST_ENTRY + 1)
    throw notALog(path, 'its last entry is longer than an entry can be')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, end - 1))
  } catch (error) {
    throw notALog(path, 'its last entry is not UTF-8', error)
  }
}

function seqOf(line: string, expected: Expected): number {
  const entry = parsed(line, expected.path)
  if (!isObject(entry) || canonical(entry) !== line)
    throw notALog(expected.path, 'its last entry is not canonical JSON')
  const { v, log, seq } = entry
  if (v !== FORMAT) throw notALog(expected.path, 'its last entry has another format')
  if (log !== expected.log) throw notALog(expected.path, `it is not the log \`${expected.log}\``)
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < expected.firstSeq)
    throw notALog(expected.path, 'its last entry has no sequence number that fits')
  return seq
}

function parsed(line: string, path: string): unknown {
  try {
    const value: unknown = JSON.parse(line)
    return value
  } catch (error) {
    throw notALog(path, 'its last entry is not JSON', error)
  }
}

export function notALog(path: string, why: string, cause?: unknown): GuardError {
  return new GuardError(
    'ERR_AUDIT_READ',
    `the log \`${path}\` cannot be continued: ${why} (keep it as evidence and start with another folder)`,
    cause === undefined ? undefined : { cause },
  )
}
