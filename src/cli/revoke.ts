/** `chaperone revoke`: takes a mandate, an agent, an upstream, a tool or everything back, in every guard of this user, at once. */
import { parseFlags } from './arguments.ts'
import type { CliIo, Command } from './io.ts'
import { meant, TARGET_HELP } from './take-back-target.ts'
import { restricted } from './take-back-restrict.ts'
import {
  onlyOne,
  REAL_PARTS,
  TAKE_BACK_HELP,
  TAKE_BACK_OPTIONS,
  type TakeBackParts,
  withState,
} from './take-back.ts'
import { reasonOf } from './why.ts'

const HELP = `usage: chaperone revoke <target> --why <text> [options]

Takes it back in every guard that runs for you on this machine, and in every one that starts later: the next call is
refused, what is under way is called off, lists shrink, and upstream processes of a mandate that is revoked end. The name
of a mandate that was revoked stays revoked: a new mandate needs a new name. Anything else comes back with
\`chaperone resume <target> --revoked --why …\`.

${TARGET_HELP}

${TAKE_BACK_HELP}

Exit codes: 0 in effect in every guard that runs, 2 usage, 3 a guard did not answer in time, or the state cannot be used.
`

export function revokeCommand(parts: TakeBackParts): Command {
  return {
    name: 'revoke',
    summary: 'take a mandate, an agent, an upstream, a tool or everything back, at once',
    help: HELP,
    run: (argv, io) => revoke(argv, io, parts),
  }
}

export const command: Command = revokeCommand(REAL_PARTS)

async function revoke(argv: readonly string[], io: CliIo, parts: TakeBackParts): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: TAKE_BACK_OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const word = onlyOne(positionals)
  const why = reasonOf(values.why)
  return withState(values, io, parts, (store) => {
    const target = meant(word, store, io)
    return restricted({ target, kind: 'revoked', why }, store, { flags: values, io, parts })
  })
}
