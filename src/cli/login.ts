/** `chaperone login`: a person logs in at an upstream, and from then on guards show it the token that came of it. */
import type { LoginOutcome, logInAt } from '../guard.ts'
import { GuardError } from '../model/error.ts'
import { hasAuthorization } from '../model/login.ts'
import { parseFlags } from './arguments.ts'
import { browserLine, openBrowser } from './browser.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'
import { loginPlace, PLACE_HELP, PLACE_OPTIONS } from './login-place.ts'

const HELP = `usage: chaperone login <server> [options]

Asks the upstream what an agent asks first. Where it wants a login, opens the page of its authorization server in the
browser, waits for the person to come back (five minutes at most), and keeps the token in the state folder for its
owner alone. Guards show it with every request, renew it, and notice another login without a restart. Run it again
where a call was refused with credential_unavailable: it asks for what was wanted, too. What it cannot find out stands
in \`oauth\` of the entry in mcp.json: a client id, scopes, a port.

${PLACE_HELP}
  --start-timeout <time>  how long the upstream may take to answer; default 20s
  --no-browser            only say the address; BROWSER names another program than the usual one

Exit codes: 0 logged in, or there was nothing to do, 1 the login was refused, 2 usage, 3 somebody could not
be reached, or nobody logged in.
`

const OPTIONS = { ...PLACE_OPTIONS, 'no-browser': { type: 'boolean' } } as const

/** What a test puts in place of the real thing. */
export interface LoginParts {
  readonly logInAt: () => Promise<typeof logInAt>
  readonly open: (url: string, onMissing: () => void, io: CliIo) => void
}

/** The command over these parts. */
export function loginCommand(parts: LoginParts): Command {
  return {
    name: 'login',
    summary: 'log in at an upstream',
    help: HELP,
    run: (argv, io) => login(argv, io, parts),
  }
}

export const command: Command = loginCommand({
  logInAt: async () => (await import('../guard.ts')).logInAt,
  open: (url, onMissing, { env }) =>
    openBrowser(browserLine(url, env, process.platform), env, onMissing),
})

async function login(argv: readonly string[], io: CliIo, parts: LoginParts): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const place = loginPlace(positionals, values, io)
  const { server, headers } = place.upstream
  if (hasAuthorization(headers)) {
    const why = `the entry of \`${server}\` has an Authorization header, which is sent in place of any login`
    throw new GuardError('ERR_CONFIG_INVALID', `${why} (remove it from mcp.json)`)
  }
  const logInAt = await parts.logInAt()
  const outcome = await logInAt({
    ...place,
    show: (url) => {
      io.stderr(`To log in at ${server}, open this page:\n\n  ${url}\n\n`)
      if (values['no-browser'] === true) return
      const missing = 'No browser could be opened: open the page by hand.\n'
      parts.open(url, () => io.stderr(missing), io)
    },
    ...(io.signal && { signal: io.signal }),
  })
  io.stdout(values.json === true ? jsonText(server, outcome) : text(server, outcome, io))
  return 0
}

function jsonText(server: string, outcome: LoginOutcome): string {
  const { kind, login } = outcome
  const form = {
    server,
    loggedIn: kind === 'logged_in',
    ...(login && { issuer: login.issuer, scopes: login.scopes }),
    ...(login?.endsAt !== undefined && { until: iso(login.endsAt) }),
    ...(login && { renewable: login.refreshToken !== undefined }),
    ...(kind === 'logged_in' && { withheld: outcome.withheld }),
  }
  return `${JSON.stringify(form, undefined, 2)}\n`
}

function text(server: string, outcome: LoginOutcome, io: CliIo): string {
  const { kind, login } = outcome
  if (kind === 'nothing') {
    const why = login ? 'takes the login that is kept' : 'wants no login'
    return `${paint(io, 'green', 'nothing to do')}: ${server} ${why}\n`
  }
  const { issuer, scopes, endsAt, refreshToken } = outcome.login
  const what = scopes.length === 0 ? '' : ` for ${scopes.join(' ')}`
  const renewed = refreshToken === undefined ? '; nothing renews it' : ', and renewed from then on'
  const until = endsAt === undefined ? '' : `, until ${iso(endsAt)}${renewed}`
  const done = `${paint(io, 'green', 'logged in')} at ${server}`
  const line = `${done} ${printable(`(${issuer})${what}${until}`)}\n`
  const { withheld } = outcome
  if (withheld.length === 0) return line
  return `${line}asked for and not granted: ${printable(withheld.join(' '))}\n`
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
