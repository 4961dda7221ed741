/** `chaperone audit verify`: an independent reader of logs, and of proofs. Needs files and a public key, and writes nothing. */
import { resolve } from 'node:path'
import { destroyed } from '../audit/verify/gone.ts'
import { twinsAmong } from '../audit/verify/fork.ts'
import { type Anchors, type LogReport, verifyLog } from '../audit/verify/log.ts'
import { ORIGIN, readNotes, signatureFault, type VerifierKey } from '../audit/verify/note.ts'
import { keyOf, keysAt, logsIn, textOf } from '../audit/verify/place.ts'
import { aboutText, proven } from '../audit/verify/proof.ts'
import { GuardError } from '../model/error.ts'
import { parseFlags } from './arguments.ts'
import { noKey, stateFolder } from './audit-key.ts'
import { anchoringText, logLines } from './audit-report.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'

const HELP = `usage: chaperone audit verify [<folder>] [options]
       chaperone audit verify --proof <file> --key <key>

Reads a record as somebody would who trusts nobody: its files and a public key are enough. Finds what was edited,
deleted, inserted, swapped, cut off or replaced, with the number of the record, and says how far the record is signed and
how far it is anchored. The folder is a state folder, its log folder, or that of one log.

  --key <key>             the public key, or a file with it; may be repeated. Else log.vkey of the state folder: whoever
                          could write that could sign anew, so keep a copy elsewhere
  --anchors <file>        checkpoints that were kept elsewhere (chaperone audit anchor); may be repeated
  --content               also opens whatever is sealed and has its key, to find keys that were altered
  --proof <file>          checks one proof (chaperone audit prove) in place of a record
  --state-dir <folder>    where the record is kept (or CHAPERONE_STATE_DIR), where no folder is named
  --json                  one JSON document instead of text

Exit codes: 0 nothing was done to it, 1 something was, 2 usage, 3 it could not be checked (nothing signed is among it, too).
`

const OPTIONS = {
  key: { type: 'string', multiple: true },
  anchors: { type: 'string', multiple: true },
  content: { type: 'boolean' },
  proof: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

/** An anchor takes 200 bytes, and one a minute is kept for years. */
const LARGEST_ANCHORS = 512 * 1024 * 1024
const LARGEST_PROOF = 1024 * 1024

export const command: Command = {
  name: 'verify',
  summary: 'was anything done to the record? finds what, with the number of the record',
  help: HELP,
  run: verify,
}

async function verify(argv: readonly string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const [named, second] = positionals
  if (second !== undefined) throw usage(`\`${second}\` is one too many (name one folder)`)
  if (named !== undefined && values['state-dir'] !== undefined)
    throw usage('a folder and `--state-dir` are both given (keep one)')
  const place = named === undefined ? stateFolder(values['state-dir'], io) : resolve(io.cwd, named)
  const given = (values.key ?? []).map((key) => keyOf(key, io.cwd))
  const keys = given.length > 0 ? given : keysAt(place)
  if (keys.length === 0) throw noKey(place)
  if (values.proof !== undefined)
    return verifyProof(resolve(io.cwd, values.proof), keys, io, values.json)
  const anchors = (values.anchors ?? []).map((file) => anchorsIn(resolve(io.cwd, file)))
  const question: Question = { place, keys, anchors, content: values.content === true }
  return verifyAll(question, io, values.json === true)
}

function usage(message: string): GuardError {
  return new GuardError('ERR_USAGE', message)
}

function anchorsIn(file: string): Anchors {
  return { file, found: readNotes(Buffer.from(textOf(file, LARGEST_ANCHORS)), false) }
}

interface Question {
  readonly place: string
  readonly keys: readonly VerifierKey[]
  readonly anchors: readonly Anchors[]
  readonly content: boolean
}

async function verifyAll(question: Question, io: CliIo, json: boolean): Promise<number> {
  const { place, keys, anchors, content } = question
  const { folders, all } = logsIn(place)
  const reports: LogReport[] = []
  for (const folder of folders) {
    const options = { folder, keys, anchors, content }
    const report = await checked(
      () => verifyLog({ ...options, ...(io.signal && { signal: io.signal }) }),
      folder,
    )
    reports.push(report)
    if (!json) io.stdout(`${logLines(report, io).join('\n')}\n`)
  }
  const beside = [...badAnchors(question), ...(all ? lostLogs(question, reports) : [])]
  if (reports.length === 0 && beside.length === 0)
    throw new GuardError('ERR_AUDIT_READ', `no record in \`${place}\` (name its state folder)`)
  const { forks, notes } = await checked(() => twinsAmong(reports, io.signal), place)
  // Of one log alone nobody can tell: an erasure stands in whichever log was free.
  const wiped = all ? destroyed(reports) : []
  const faults = [...forks, ...wiped]
  const tampered =
    beside.length > 0 || faults.length > 0 || reports.some(({ verdict }) => verdict === 'tampered')
  const unproven = reports.some(({ verdict }) => verdict === 'unproven')
  const verdict = tampered ? 'tampered' : unproven ? 'unproven' : 'fine'
  if (json)
    io.stdout(
      `${JSON.stringify({ verdict, logs: reports.map(shown), anchors: beside, forks, wiped, notes }, undefined, 2)}\n`,
    )
  else {
    const label = paint(io, 'red', 'tampered')
    for (const { file, line, message } of beside)
      io.stdout(`${label}: ${printable(`${file}:${line}: ${message}`)}\n`)
    for (const { message } of faults) io.stdout(`${label}: ${printable(message)}\n`)
    for (const note of notes) io.stdout(`note: ${printable(note)}\n`)
    const bad = beside.length + faults.length
    io.stdout(`${anchoringText(reports, anchors.length > 0, bad)}\n`)
  }
  return tampered ? 1 : unproven ? 3 : 0
}

/** What is gone is counted in `erased`. */
function shown(whole: LogReport): Omit<LogReport, 'gone'> {
  const { gone: _, ...report } = whole
  return report
}

/** What cannot be read is no verdict. */
async function checked<T>(work: () => Promise<T>, folder: string): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof GuardError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GuardError('ERR_AUDIT_READ', `\`${folder}\` cannot be read: ${why}`, { cause })
  }
}

interface Beside {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** What is in a file of anchors and is none. */
function badAnchors({ anchors }: Question): readonly Beside[] {
  return anchors.flatMap(({ file, found }) =>
    found.flatMap((one) => {
      if ('fault' in one) return [{ file, line: one.line, message: one.fault }]
      if (one.checkpoint.origin.startsWith(ORIGIN)) return []
      return [{ file, line: one.line, message: 'it is no checkpoint of a log of this guard' }]
    }),
  )
}

/** Logs that were anchored and are not there at all. */
function lostLogs({ anchors, keys }: Question, reports: readonly LogReport[]): readonly Beside[] {
  const there = new Set(reports.map(({ log }) => ORIGIN + log))
  const lost = new Map<string, Beside>()
  for (const { file, found } of anchors) {
    for (const one of found) {
      if ('fault' in one || there.has(one.checkpoint.origin)) continue
      const { origin, size, note } = one.checkpoint
      if (!origin.startsWith(ORIGIN)) continue
      const unsigned = signatureFault(note, keys)
      const log = origin.slice(ORIGIN.length)
      const message =
        unsigned ?? `the log \`${log}\` is not there, and ${size} of its records were anchored`
      lost.set(origin, { file, line: one.line, message })
    }
  }
  return [...lost.values()]
}

function verifyProof(
  file: string,
  keys: readonly VerifierKey[],
  io: CliIo,
  json: boolean | undefined,
): number {
  const found = proven(textOf(file, LARGEST_PROOF), keys)
  if ('fault' in found) {
    if (json === true) io.stdout(`${JSON.stringify({ verdict: 'refused', why: found.fault })}\n`)
    else io.stderr(`${paint(io, 'red', 'proves nothing')}: ${printable(found.fault)}\n`)
    return 1
  }
  const { log, index, size, entry } = found
  if (json === true)
    io.stdout(`${JSON.stringify({ verdict: 'proven', log, index, size, entry }, undefined, 2)}\n`)
  else {
    const label = paint(io, 'green', 'proven')
    io.stdout(
      `${label}: record ${index} of the log ${printable(log)}, signed among ${size} records\n`,
    )
    io.stdout(`  ${printable(aboutText(entry))}\n`)
  }
  return 0
}
