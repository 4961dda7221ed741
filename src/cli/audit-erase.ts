/** `chaperone audit erase`: makes the content of a decision unreadable for good, and puts on record that this was done. */
import { eraseCall } from '../audit/erase.ts'
import { stateDir } from '../config/state-dir.ts'
import { parseFlags, settingsFile } from './arguments.ts'
import { oneDecision } from './audit-prove.ts'
import { problemLine } from './check-report.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'
import { settingsOf } from './launch.ts'
import { recordEvent } from './record.ts'
import { REAL_PARTS } from './take-back.ts'
import { reasonOf } from './why.ts'

const HELP = `usage: chaperone audit erase <decision> --why <text> [options]

Overwrites the keys under which the values of a decision are sealed: arguments, resources and details cannot be read again,
by nobody. The record itself stays as it is, so that it verifies as before: who called which tool, when, and what was decided.
That it was done, and why, goes on record. Copies of the key files (backups) have to be erased where they are.

  --why <text>            why: kept on record
  --settings <file>       the settings of the guards; else CHAPERONE_SETTINGS, ./chaperone.yaml
  --state-dir <folder>    where the record is kept (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text

Exit codes: 0 fine, 1 there is no such decision, 2 usage, 3 it could not be erased, or not put on record.
`

const OPTIONS = {
  why: { type: 'string' },
  settings: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

export const command: Command = {
  name: 'erase',
  summary: 'make the content of a decision unreadable for good; every proof still holds',
  help: HELP,
  run: erase,
}

async function erase(argv: readonly string[], io: CliIo): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const named = oneDecision(positionals)
  const why = reasonOf(values.why)
  const { settings, problems } = settingsOf(values, settingsFile(values, io.cwd, io), io, 'ask')
  for (const problem of problems) io.stderr(`${problemLine(problem, io)}\n`)
  if (problems.some(({ level }) => level === 'error')) return 3
  const place = stateDir(io.env, settings.stateDir)
  const found = await eraseCall(place, named, ({ call, entries }) => {
    const records = entries.map((one) => ({ ...one }))
    const by = `operator ${REAL_PARTS.user()}`
    return recordEvent(io, settings, 'record_erased', { by, call, why, records })
  })
  if (!found) {
    io.stderr(
      `${paint(io, 'red', 'chaperone')}: no decision \`${printable(named)}\` is on record\n`,
    )
    return 1
  }
  const { call, entries, erased } = found
  if (values.json === true) io.stdout(`${JSON.stringify({ call, entries, erased })}\n`)
  else {
    const what =
      erased.length === 0
        ? 'nothing of it was sealed any more'
        : `${erased.length} ${erased.length === 1 ? 'key' : 'keys'}`
    io.stdout(`${paint(io, 'green', 'erased')}: ${printable(call)}, ${what}\n`)
  }
  return 0
}
