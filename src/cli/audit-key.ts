/** `chaperone audit key`: the public key that verifies the record. */
import { resolve } from 'node:path'
import { keysAt } from '../audit/verify/place.ts'
import { stateDir } from '../config/state-dir.ts'
import { GuardError } from '../model/error.ts'
import { parseFlags } from './arguments.ts'
import type { CliIo, Command } from './io.ts'

const HELP = `usage: chaperone audit key [options]

Prints the public key that the record is signed with, one line: keep a copy where nobody who can write the record can
write it, and give that to \`audit verify --key\`.

  --state-dir <folder>    where the record is kept (or CHAPERONE_STATE_DIR)
  --json                  with the keys that signed before it, as one JSON document

Exit codes: 0 fine, 2 usage, 3 there is none.
`

const OPTIONS = { 'state-dir': { type: 'string' }, json: { type: 'boolean' } } as const

export const command: Command = {
  name: 'key',
  summary: 'the public key that verifies the record',
  help: HELP,
  run: async (argv, io) => showKey(argv, io),
}

function showKey(argv: readonly string[], io: CliIo): number {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const place = stateFolder(values['state-dir'], io)
  const [current, ...others] = keysAt(place)
  if (!current) throw noKey(place)
  const before = others.map(({ text }) => text)
  io.stdout(
    values.json === true
      ? `${JSON.stringify({ key: current.text, before }, undefined, 2)}\n`
      : `${current.text}\n`,
  )
  return 0
}

/** The state folder that is meant, absolute. */
export function stateFolder(named: string | undefined, io: Pick<CliIo, 'cwd' | 'env'>): string {
  return resolve(io.cwd, stateDir(io.env, named === undefined ? named : resolve(io.cwd, named)))
}

export function noKey(place: string): GuardError {
  return new GuardError(
    'ERR_AUDIT_READ',
    `no \`log.vkey\` in \`${place}\` (run a guard first, or name the key with --key)`,
  )
}
