/** `chaperone audit prove`: one decision, and the proof that it is on record, in a file that anybody can check. */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { proveDecision } from '../audit/prove.ts'
import { keyOf, keysAt } from '../audit/verify/place.ts'
import { aboutText } from '../audit/verify/proof.ts'
import { GuardError } from '../model/error.ts'
import { parseFlags } from './arguments.ts'
import { noKey, stateFolder } from './audit-key.ts'
import { type CliIo, type Command, paint, printable, shortPath } from './io.ts'

const HELP = `usage: chaperone audit prove <decision> [options]

Writes a proof (C2SP tlog-proof) that a decision is on record: the record itself, the path from it to the root of the log's
tree, and the signed checkpoint with that root. Whoever has the public key can check it anywhere, without the rest of the
record: chaperone audit verify --proof <file> --key <key>.

The decision is named by its id, or the end of it that \`chaperone log\` shows. What is sealed of it stays sealed.

  -o, --out <file>        default: standard output
  --key <key>             the public key, or a file with it; else log.vkey of the state folder
  --state-dir <folder>    where the record is kept (or CHAPERONE_STATE_DIR)
  --json                  with --out: what was proven, as one JSON document

Exit codes: 0 fine, 2 usage, 3 no such decision, not signed yet, or the record is not what was signed.
`

const OPTIONS = {
  out: { type: 'string', short: 'o' },
  key: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

export const command: Command = {
  name: 'prove',
  summary: 'one decision and the proof that it is on record, in a file for anybody',
  help: HELP,
  run: prove,
}

async function prove(argv: readonly string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const call = oneDecision(positionals)
  const place = stateFolder(values['state-dir'], io)
  const keys = values.key === undefined ? keysAt(place) : [keyOf(values.key, io.cwd)]
  if (keys.length === 0) throw noKey(place)
  const made = await proveDecision(place, call, keys)
  if (values.out === undefined) {
    io.stdout(made.text)
    return 0
  }
  const out = resolve(io.cwd, values.out)
  try {
    writeFileSync(out, made.text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GuardError('ERR_AUDIT_READ', `\`${out}\` cannot be written: ${why}`, { cause })
  }
  const { log, index, size, entry } = made.proven
  if (values.json === true) io.stdout(`${JSON.stringify({ file: out, log, index, size })}\n`)
  else {
    const label = paint(io, 'green', 'proven')
    io.stdout(
      `${label}: record ${index} of the log ${printable(log)}, signed among ${size} records, in ${shortPath(out, io.cwd)}\n`,
    )
    io.stdout(`  ${printable(aboutText(entry))}\n`)
  }
  return 0
}

/** @throws GuardError ERR_USAGE */
export function oneDecision([call, second]: readonly string[]): string {
  if (call === undefined || call === '')
    throw new GuardError('ERR_USAGE', 'no decision is named (its id stands in `chaperone log`)')
  if (second === undefined) return call
  throw new GuardError('ERR_USAGE', `\`${second}\` is one too many (name one decision)`)
}
