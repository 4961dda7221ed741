/** Finds the command that was asked for and loads only that one; turns whatever it throws into a sentence and an exit code. */
import { nearest } from '../model/document.ts'
import { type FaultCode, GuardError } from '../model/error.ts'
import { withoutSecrets } from '../model/secret-shape.ts'
import { type CliIo, type CommandRow, paint } from './io.ts'

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'run',
    summary: 'guard the upstreams of mcp.json over stdio, under a mandate',
    load: async () => (await import('./run.ts')).command,
  },
  {
    name: 'serve',
    summary: 'guard the upstreams of mcp.json over HTTP, for one agent or for many',
    load: async () => (await import('./serve.ts')).command,
  },
  {
    name: 'check',
    summary: 'would this run? reads the mandate, mcp.json and what the upstreams offer',
    load: async () => (await import('./check.ts')).command,
  },
  {
    name: 'explain',
    summary: 'would this call be permitted, and why or why not',
    load: async () => (await import('./explain.ts')).command,
  },
  {
    name: 'test',
    summary: 'do the policies do what their tests say?',
    load: async () => (await import('./test.ts')).command,
  },
  {
    name: 'simulate',
    summary: 'what would other policies, or another mandate, have said to the calls on record',
    load: async () => (await import('./simulate.ts')).command,
  },
  {
    name: 'pin',
    summary: 'approve what upstreams offer and how they are started, in chaperone.lock',
    load: async () => (await import('./pin.ts')).command,
  },
  {
    name: 'login',
    summary: 'log in at an upstream that wants OAuth; the guard shows it the token',
    load: async () => (await import('./login.ts')).command,
  },
  {
    name: 'logout',
    summary: 'end a login: its tokens are revoked, and nothing of it is kept',
    load: async () => (await import('./logout.ts')).command,
  },
  {
    name: 'risk',
    summary: 'the risk posture that rules can ask for: what is in force, or set it',
    load: async () => (await import('./risk.ts')).command,
  },
  {
    name: 'budget',
    summary: 'what is left of budgets, and when they begin anew',
    load: async () => (await import('./budget.ts')).command,
  },
  {
    name: 'revoke',
    summary: 'take a mandate, an agent, an upstream, a tool or everything back, at once',
    load: async () => (await import('./revoke.ts')).command,
  },
  {
    name: 'suspend',
    summary: 'hold a mandate, an agent, an upstream, a tool or everything back for a while',
    load: async () => (await import('./suspend.ts')).command,
  },
  {
    name: 'resume',
    summary: 'end a suspension, or a revocation of anything but a mandate',
    load: async () => (await import('./resume.ts')).command,
  },
  {
    name: 'guards',
    summary: 'the guards that run, whom they serve, and what is taken back',
    load: async () => (await import('./guards.ts')).command,
  },
  {
    name: 'task',
    summary: 'the tasks whose history is kept: list them, or end one',
    load: async () => (await import('./task.ts')).command,
  },
  {
    name: 'diff',
    summary: 'what a change of policies widens, and what it narrows',
    load: async () => (await import('./diff.ts')).command,
  },
  {
    name: 'log',
    summary: 'read the record: who called what, what was decided, and why',
    load: async () => (await import('./log.ts')).command,
  },
  {
    name: 'audit',
    summary: 'prove the record: verify it, anchor it, prove or erase one decision',
    load: async () => (await import('./audit.ts')).command,
  },
]

/** 0 fine, 1 what was looked at is refused, 2 usage, 3 it could not be done or checked. */
export async function main(
  argv: readonly string[],
  io: CliIo,
  commands: readonly CommandRow[] = COMMANDS,
): Promise<number> {
  try {
    return await dispatch(argv, io, commands)
  } catch (error) {
    return report(error, io)
  }
}

async function dispatch(
  argv: readonly string[],
  io: CliIo,
  commands: readonly CommandRow[],
): Promise<number> {
  const [word, ...rest] = argv
  if (word === undefined) {
    io.stderr(overview(io, commands))
    return 2
  }
  if (word === '--version' || word === '-v' || word === 'version') {
    const { version } = await import('../config/version.ts')
    io.stdout(`${version()}\n`)
    return 0
  }
  const asksHelp = word === 'help' || isHelp(word)
  const name = asksHelp ? rest[0] : word
  if (name === undefined || (asksHelp && isHelp(name))) {
    io.stdout(overview(io, commands))
    return 0
  }
  return runNamed([name, ...rest.slice(asksHelp ? 1 : 0)], io, { commands, asksHelp })
}

interface Among {
  readonly commands: readonly CommandRow[]
  readonly asksHelp: boolean
}

/** The first word names the command; of a command that is made of others, the second does. */
async function runNamed(
  [name = '', ...rest]: readonly string[],
  io: CliIo,
  { commands, asksHelp }: Among,
): Promise<number> {
  const row = commands.find((command) => command.name === name)
  if (!row) throw new GuardError('ERR_USAGE', unknown(name, commands))
  const command = await row.load()
  const [word] = rest
  if (command.commands && word !== undefined && !isHelp(word))
    return runNamed(rest, io, { commands: command.commands, asksHelp })
  if (asksHelp || asksForHelp(rest)) {
    io.stdout(`${command.help.trimEnd()}\n`)
    return 0
  }
  return command.run(rest, io)
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}

/** Whatever stands behind `--` is an argument, not a flag. */
function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).some(isHelp)
}

function unknown(name: string, commands: readonly CommandRow[]): string {
  const near = nearest(
    name,
    commands.map((command) => command.name),
  )
  const hint = near === undefined ? 'see `chaperone --help`' : `did you mean \`${near}\`?`
  const kind = name.startsWith('-') ? 'option' : 'command'
  return `unknown ${kind} \`${name}\` (${hint})`
}

function overview(io: CliIo, commands: readonly CommandRow[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const rows = commands.map(
    ({ name, summary }) => `  ${paint(io, 'bold', name.padEnd(width))}  ${summary}`,
  )
  return `chaperone: an MCP guard. An agent sees and calls only what its mandate permits.

usage: chaperone <command> [options]

${rows.join('\n')}

  chaperone <command> --help   what a command takes
  chaperone --version
`
}

const REFUSALS: ReadonlySet<FaultCode> = new Set([
  'ERR_CONFIG_READ',
  'ERR_CONFIG_INVALID',
  'ERR_MANDATE_INVALID',
  'ERR_LOGIN_REFUSED',
])

function report(error: unknown, io: CliIo): number {
  const text = error instanceof Error ? error.message : String(error)
  if (!(error instanceof GuardError)) {
    const stack = io.env['CHAPERONE_DEBUG'] === '1' && error instanceof Error ? error.stack : text
    io.stderr(`${paint(io, 'red', 'chaperone: fault')}: ${withoutSecrets(stack ?? text)}\n`)
    return 3
  }
  io.stderr(`${paint(io, 'red', 'chaperone')}: ${text}\n`)
  if (error.code === 'ERR_USAGE') return 2
  return REFUSALS.has(error.code) ? 1 : 3
}
