/** `chaperone audit anchor`: publishes what logs signed where whoever writes them cannot take it back. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { latestChecked } from '../audit/prove.ts'
import { logFolders } from '../audit/read.ts'
import { type Checkpoint, ORIGIN, readNotes, type VerifierKey } from '../audit/verify/note.ts'
import { keyOf, keysAt, textOf } from '../audit/verify/place.ts'
import { GuardError } from '../model/error.ts'
import { durationMs } from '../model/time.ts'
import { parseFlags } from './arguments.ts'
import { noKey, stateFolder } from './audit-key.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'

const HELP = `usage: chaperone audit anchor --to <file> [options]
       chaperone audit anchor --exec <command> [options] [-- <argument>...]

Publishes the latest signed checkpoint of each log, once it was checked against the records: whoever has it later can tell that
no record before it was changed, not even by somebody with the private key. Nothing of a record is in it but its number and a
hash. What was published before is checked, too; a record that does not go on from it is refused.

  --to <file>             appends it to this file, once each: on another machine's disk, in a repository, where only adding is
                          possible. The file is what audit verify --anchors takes
  --exec <command>        gives it to this command on standard input, one run each; without a shell, with the arguments
                          behind --
  --log <name>            this log only
  --every <time>          goes on, so often (1m), until Ctrl-C
  --key <key>             the public key, or a file with it; else log.vkey of the state folder
  --state-dir <folder>    where the record is kept (or CHAPERONE_STATE_DIR)

Exit codes: 0 fine, 2 usage, 3 a log is not what it signed, nothing is signed of it, or it could not be published.
`

const OPTIONS = {
  to: { type: 'string' },
  exec: { type: 'string' },
  log: { type: 'string' },
  every: { type: 'string' },
  key: { type: 'string' },
  'state-dir': { type: 'string' },
} as const

const LARGEST_ANCHORS = 512 * 1024 * 1024
const LEAST_MS = 1000

/** What a test puts in place of the real thing. */
export interface AnchorParts {
  /** Waits so long, or until the signal ends it. */
  readonly wait: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

export function anchorCommand(parts: AnchorParts): Command {
  return {
    name: 'anchor',
    summary: 'publish what is signed where nobody can take it back',
    help: HELP,
    run: (argv, io) => anchor(argv, io, parts),
  }
}

export const command: Command = anchorCommand({
  wait: async (ms, signal) => {
    await setTimeout(ms, undefined, signal && { signal }).catch(() => undefined)
  },
})

interface Question {
  readonly place: string
  readonly keys: readonly VerifierKey[]
  readonly log: string | undefined
  readonly target:
    | { readonly file: string }
    | { readonly command: string; readonly args: readonly string[] }
  /** Notes that this run has published. */
  readonly published: Map<string, string>
}

async function anchor(argv: readonly string[], io: CliIo, { wait }: AnchorParts): Promise<number> {
  const { question, every } = asked(argv, io)
  for (;;) {
    const code = await anchorAll(question, io)
    if (every === undefined) return code
    await wait(every, io.signal)
    if (io.signal?.aborted === true) return code
  }
}

function asked(
  argv: readonly string[],
  io: CliIo,
): { readonly question: Question; readonly every: number | undefined } {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const { to, exec, log } = values
  if ((to === undefined) === (exec === undefined))
    throw usage('where to is not said (give one of `--to <file>` and `--exec <command>`)')
  if (exec === undefined && positionals.length > 0)
    throw usage(`\`${positionals[0] ?? ''}\` is one too many (arguments are for \`--exec\`)`)
  const place = stateFolder(values['state-dir'], io)
  const keys = values.key === undefined ? keysAt(place) : [keyOf(values.key, io.cwd)]
  if (keys.length === 0) throw noKey(place)
  const target =
    exec === undefined ? { file: resolve(io.cwd, to ?? '') } : { command: exec, args: positionals }
  const every = values.every === undefined ? undefined : intervalOf(values.every)
  return { question: { place, keys, log, target, published: new Map() }, every }
}

function usage(message: string): GuardError {
  return new GuardError('ERR_USAGE', message)
}

function intervalOf(text: string): number {
  const ms = durationMs(text)
  if (ms !== undefined && ms >= LEAST_MS) return ms
  throw usage(`\`--every ${text}\` is no time (write 1m, 10s or 1h; at least 1s)`)
}

/** One log that cannot be published keeps no other from it. */
async function anchorAll(question: Question, io: CliIo): Promise<number> {
  const folders = (await logFolders(question.place)).filter(
    (folder) => question.log === undefined || basename(folder) === question.log,
  )
  if (folders.length === 0)
    throw usage(`there is no log \`${question.log ?? ''}\` (see its folder)`)
  let code = 0
  for (const folder of folders) {
    try {
      const said = await anchorOne(folder, question)
      io.stdout(`${printable(said)}\n`)
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      io.stderr(`${paint(io, 'red', 'not anchored')}: ${printable(error.message)}\n`)
      code = 3
    }
  }
  return code
}

async function anchorOne(folder: string, question: Question): Promise<string> {
  const { target, keys, published } = question
  const known = 'file' in target ? knownIn(target.file, basename(folder)) : []
  const last = known.at(-1)
  const latest = await latestChecked(folder, keys, last ? [last] : [])
  const { size, note, origin } = latest
  const name = origin.slice(ORIGIN.length)
  if (published.get(origin) === note || (last && last.size >= size))
    return `${name}: anchored up to ${size} before`
  if ('file' in target) await append(target.file, note)
  else await give(target.command, target.args, note)
  published.set(origin, note)
  return `${name}: anchored up to ${size}`
}

function knownIn(file: string, log: string): readonly Checkpoint[] {
  if (!existsSync(file)) return []
  const found = readNotes(Buffer.from(textOf(file, LARGEST_ANCHORS)), false)
  const bad = found.find((one) => 'fault' in one)
  if (bad) throw unpublished(`\`${file}\` holds something else at line ${bad.line}`)
  return found
    .flatMap((one) => ('checkpoint' in one ? [one.checkpoint] : []))
    .filter(({ origin }) => origin === `${ORIGIN}${log}`)
    .sort((a, b) => a.size - b.size)
}

function unpublished(why: string, cause?: unknown): GuardError {
  return new GuardError('ERR_AUDIT_READ', why, cause === undefined ? undefined : { cause })
}

async function append(file: string, note: string): Promise<void> {
  try {
    const handle = await open(file, 'a')
    try {
      await handle.write(`${note}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw unpublished(`\`${file}\` cannot be written: ${why}`, cause)
  }
}

/** Without a shell: nothing that stands in a note is ever read as a command. */
async function give(command: string, args: readonly string[], note: string): Promise<void> {
  const code = await new Promise<number | string>((done) => {
    const child = spawn(command, [...args], { stdio: ['pipe', 'inherit', 'inherit'] })
    child.on('error', (error) => done(error.message))
    child.on('close', (code, signal) => done(code ?? signal ?? 'gone'))
    // A command that does not read says so by its exit code.
    child.stdin.on('error', () => undefined)
    child.stdin.end(note)
  })
  if (code !== 0) throw unpublished(`\`${command}\` took nothing: ${code}`)
}
