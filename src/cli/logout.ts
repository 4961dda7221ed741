/** `chaperone logout`: ends a login at an upstream, there as far as that can be, and here in any case. */
import type { LogoutOutcome, logOutAt } from '../guard.ts'
import { parseFlags } from './arguments.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'
import { loginPlace, PLACE_HELP, PLACE_OPTIONS } from './login-place.ts'

const HELP = `usage: chaperone logout <server> [options]

Has the tokens of the login revoked where its authorization server does that (RFC 7009), and removes what is kept of
the login, and of the guard's registration there, from the state folder. Guards notice within a second; calls that need
the login are refused with credential_unavailable from then on.

${PLACE_HELP}

Exit codes: 0 nothing is kept any more (a token that could not be revoked is told of), 1 a document is bad,
2 usage, 3 it could not be done.
`

const { upstreams, json, 'state-dir': state } = PLACE_OPTIONS
const OPTIONS = { upstreams, json, 'state-dir': state } as const

/** What a test puts in place of the real thing. */
export interface LogoutParts {
  readonly logOutAt: () => Promise<typeof logOutAt>
}

/** The command over these parts. */
export function logoutCommand(parts: LogoutParts): Command {
  return {
    name: 'logout',
    summary: 'end a login at an upstream',
    help: HELP,
    run: (argv, io) => logout(argv, io, parts),
  }
}

export const command: Command = logoutCommand({
  logOutAt: async () => (await import('../guard.ts')).logOutAt,
})

async function logout(argv: readonly string[], io: CliIo, parts: LogoutParts): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const place = loginPlace(positionals, values, io)
  const { server } = place.upstream
  const logOutAt = await parts.logOutAt()
  const outcome = await logOutAt(place, io.signal)
  io.stdout(values.json === true ? jsonText(server, outcome) : text(server, outcome, io))
  return 0
}

function jsonText(server: string, outcome: LogoutOutcome): string {
  const form = {
    server,
    loggedOut: outcome.kind === 'logged_out',
    ...(outcome.kind === 'logged_out' && {
      issuer: outcome.login.issuer,
      revoked: outcome.unrevoked === undefined,
      ...(outcome.unrevoked !== undefined && { why: outcome.unrevoked }),
    }),
  }
  return `${JSON.stringify(form, undefined, 2)}\n`
}

function text(server: string, outcome: LogoutOutcome, io: CliIo): string {
  if (outcome.kind === 'nothing')
    return `${paint(io, 'green', 'nothing to do')}: no login at ${server} is kept\n`
  const { login, unrevoked } = outcome
  const done = `${paint(io, 'green', 'logged out')} of ${server}`
  if (unrevoked === undefined)
    return `${done}; the tokens are revoked at ${printable(login.issuer)}\n`
  const why = `its tokens could not be revoked at ${login.issuer}: ${unrevoked}`
  const warning = `${paint(io, 'yellow', 'warning')}: ${printable(why)}`
  return `${done} here\n${warning} (they are good until they end)\n`
}
