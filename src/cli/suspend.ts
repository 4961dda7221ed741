/** `chaperone suspend`: holds a mandate, an agent, an upstream, a tool or everything back until somebody resumes it. */
import { parseFlags } from './arguments.ts'
import type { CliIo, Command } from './io.ts'
import { meant, TARGET_HELP } from './take-back-target.ts'
import { restricted } from './take-back-restrict.ts'
import {
  endOf,
  onlyOne,
  REAL_PARTS,
  TAKE_BACK_HELP,
  TAKE_BACK_OPTIONS,
  type TakeBackParts,
  withState,
} from './take-back.ts'
import { reasonOf } from './why.ts'

const HELP = `usage: chaperone suspend <target> --why <text> [--for <time>] [options]

As \`chaperone revoke\`, but for a while: upstream processes stay, and \`chaperone resume <target> --why …\` or the time that is
given ends it.

${TARGET_HELP}

  --for <time>            how long, such as 1h; absent: until somebody resumes it
${TAKE_BACK_HELP}

Exit codes: 0 in effect in every guard that runs, 2 usage, 3 a guard did not answer in time, or the state cannot be used.
`

const OPTIONS = { ...TAKE_BACK_OPTIONS, for: { type: 'string' } } as const

export function suspendCommand(parts: TakeBackParts): Command {
  return {
    name: 'suspend',
    summary: 'hold a mandate, an agent, an upstream, a tool or everything back for a while',
    help: HELP,
    run: (argv, io) => suspend(argv, io, parts),
  }
}

export const command: Command = suspendCommand(REAL_PARTS)

async function suspend(argv: readonly string[], io: CliIo, parts: TakeBackParts): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const word = onlyOne(positionals)
  const why = reasonOf(values.why)
  const until = endOf(values.for, parts.clock.now())
  return withState(values, io, parts, (store) => {
    const target = meant(word, store, io)
    const wanted = {
      target,
      kind: 'suspended',
      why,
      ...(until !== undefined && { until }),
    } as const
    return restricted(wanted, store, { flags: values, io, parts })
  })
}
