/** `chaperone task`: the tasks whose history is kept, and how one is ended. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import { nearest } from '../model/document.ts'
import type { Clock, StateStore, TaskEnd, TaskSummary } from '../model/port.ts'
import { openStore, storePath } from '../state/sqlite.ts'
import { parseFlags } from './arguments.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'
import { reasonOf, usage } from './why.ts'

const HELP = `usage: chaperone task [list] [options]
       chaperone task end <mandate> --why <text> [--agent <name>] [--task <name>] [options]

A task is what one agent does under one mandate: the labels that results left, and what conditions count, last from one
start of the guard to the next, also where the mandate is edited. \`list\` shows the tasks of the state folder. \`end\`
forgets what happened in one: also guards that run begin it anew with the next call, without its labels. Budgets and what
is revoked stay as they are. For a fresh history beside the old one, start the guard with another \`--task\`.

  --agent <name>          the agent, where several had tasks under the mandate
  --task <name>           the task, where there are several
  --why <text>            why: guards that have it open put it on record
  --state-dir <folder>    where it is kept: the folder of the guards' record (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text

Exit codes: 0 fine, 1 there is no such task, 2 usage, 3 the state cannot be used.
`

const OPTIONS = {
  agent: { type: 'string' },
  task: { type: 'string' },
  why: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

interface TaskFlags {
  readonly agent?: string | undefined
  readonly task?: string | undefined
  readonly why?: string | undefined
  readonly 'state-dir'?: string | undefined
  readonly json?: boolean | undefined
}

/** What a test puts in place of the real thing. */
export interface TaskParts {
  readonly clock: Clock
  /** The name of whoever is at the keyboard, as the system has it. */
  readonly user: () => string
}

export function taskCommand(parts: TaskParts): Command {
  return {
    name: 'task',
    summary: 'the tasks whose history is kept: list them, or end one',
    help: HELP,
    run: async (argv, io) => task(argv, io, parts),
  }
}

export const command: Command = taskCommand({ clock: systemClock, user: userName })

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user without an entry in the system's table.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}

function task(argv: readonly string[], io: CliIo, parts: TaskParts): number {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const [word = 'list', mandate, more] = positionals
  if (word === 'list') {
    if (mandate !== undefined)
      throw usage(`\`${printable(mandate)}\` is one too many`, 'say `list`')
    if (values.why !== undefined) throw usage('nothing is ended', 'say `end <mandate>`')
    return withStore(values, io, parts, (store) => list(store, values, io))
  }
  if (word !== 'end') {
    const near = nearest(word, ['list', 'end'])
    const hint = near === undefined ? 'say `list` or `end`' : `did you mean \`${near}\`?`
    throw usage(`\`${printable(word)}\` is neither \`list\` nor \`end\``, hint)
  }
  if (mandate === undefined) throw usage('no mandate is named', 'say `end <mandate>`')
  if (more !== undefined) throw usage(`\`${printable(more)}\` is one too many`, 'say one mandate')
  const end = { at: parts.clock.now(), by: `operator ${parts.user()}`, why: reasonOf(values.why) }
  return withStore(values, io, parts, (store) => ended(store, { mandate, end }, values, io))
}

/** `store` is undefined where there is none: looking makes no file. */
function withStore(
  flags: TaskFlags,
  io: CliIo,
  { clock }: TaskParts,
  use: (store: StateStore | undefined) => number,
): number {
  const path = storePath(resolve(io.cwd, stateDir(io.env, flags['state-dir'])))
  if (!existsSync(path)) return use(undefined)
  const store = openStore({ path, clock })
  try {
    return use(store)
  } finally {
    store.close()
  }
}

function matching(store: StateStore | undefined, flags: TaskFlags): readonly TaskSummary[] {
  return (store?.tasks() ?? []).filter(
    ({ agent, task: name }) => agent === (flags.agent ?? agent) && name === (flags.task ?? name),
  )
}

function list(store: StateStore | undefined, flags: TaskFlags, io: CliIo): number {
  const tasks = matching(store, flags)
  if (flags.json === true)
    io.stdout(`${JSON.stringify({ tasks: tasks.map(form) }, undefined, 2)}\n`)
  else if (tasks.length === 0) io.stdout('no task is kept\n')
  else io.stdout(tasks.map((one) => lines(one, io)).join(''))
  return 0
}

function ended(
  store: StateStore | undefined,
  { mandate, end }: { readonly mandate: string; readonly end: TaskEnd },
  flags: TaskFlags,
  io: CliIo,
): number {
  const found = matching(store, flags).filter((one) => one.mandate === mandate)
  const [one, other] = found
  if (other) {
    const names = found.map(({ agent, task: name }) => `--agent ${agent} --task ${name}`)
    const which = names.map(printable).join(', or ')
    throw usage(`there are ${found.length} tasks of \`${printable(mandate)}\``, `say ${which}`)
  }
  if (!store || !one?.mandate || !store.endTask(one, end)) {
    io.stderr(`there is no such task of \`${printable(mandate)}\` (see \`chaperone task list\`)\n`)
    return 1
  }
  const { at, by, why } = end
  const said = { ...form(one), ended: iso(at), by, why }
  if (flags.json === true) io.stdout(`${JSON.stringify(said, undefined, 2)}\n`)
  else io.stdout(`ended ${lines(one, io)}  why       ${printable(`${why} (${by})`)}\n`)
  return 0
}

function form({ began, last, ...rest }: TaskSummary): object {
  return { ...rest, began: iso(began), last: iso(last) }
}

function lines({ mandate, agent, task: name, ...about }: TaskSummary, io: CliIo): string {
  const labels = about.labels.length === 0 ? 'none' : about.labels.join(', ')
  const rows = {
    agent,
    task: name,
    labels,
    calls: `${about.calls}, ${about.completed} of them came back without an error`,
    began: iso(about.began),
    last: iso(about.last),
  }
  const told = Object.entries(rows).map(
    ([row, value]) => `  ${row.padEnd(8)}  ${printable(value)}\n`,
  )
  return `${paint(io, 'bold', printable(mandate))}\n${told.join('')}`
}

function iso(at: number): string {
  return new Date(at).toISOString()
}
