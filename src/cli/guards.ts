/** `chaperone guards`: the guards that run for this user on this machine, whom they serve, and what is taken back of it. */
import type { Instant } from '../model/id.ts'
import type { Instance, Restriction } from '../model/state.ts'
import { targetText } from '../model/target.ts'
import { counts } from '../state/restricted.ts'
import { touches } from '../state/restriction-follow.ts'
import { parseFlags } from './arguments.ts'
import { type CliIo, type Command, paint, printable, shortPath } from './io.ts'
import { REAL_PARTS, type TakeBackParts, withState } from './take-back.ts'

const HELP = `usage: chaperone guards [options]

The guards that run for you on this machine: their mandates, agents and upstreams, since when they run, where their record
is, and what is revoked or suspended now.

  --state-dir <folder>    where the state is kept: the folder of the guards' record (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text

Exit codes: 0 fine, 2 usage, 3 the state cannot be used.
`

const OPTIONS = { 'state-dir': { type: 'string' }, json: { type: 'boolean' } } as const

export function guardsCommand(parts: TakeBackParts): Command {
  return {
    name: 'guards',
    summary: 'the guards that run, whom they serve, and what is taken back',
    help: HELP,
    run: (argv, io) => guards(argv, io, parts),
  }
}

export const command: Command = guardsCommand(REAL_PARTS)

async function guards(argv: readonly string[], io: CliIo, parts: TakeBackParts): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  return withState(values, io, parts, (store) => {
    const now = parts.clock.now()
    const running = store.instances().filter(({ alive }) => alive)
    const { revision, all } = store.restrictions()
    const standing = all.filter((one) => counts(one, now))
    io.stdout(
      values.json === true
        ? json(running, { revision, standing })
        : text(running, { revision, standing }, io),
    )
    return Promise.resolve(0)
  })
}

interface Taken {
  readonly revision: number
  readonly standing: readonly Restriction[]
}

function text(running: readonly Instance[], { revision, standing }: Taken, io: CliIo): string {
  const of = running.map((guard) => {
    const { instance, pid, startedAt, seen, mandates, upstreams, log } = guard
    const behind = seen < revision ? paint(io, 'yellow', '  has not seen the latest change') : ''
    const mine = standing.filter(({ target }) => touches(target, guard))
    const rows = [
      ...mandates.map(({ name, agent }) => ['mandate', `${name} (agent ${agent})`]),
      ['upstreams', upstreams.join(', ')],
      ['since', iso(startedAt)],
      ['record', shortPath(log, io.cwd)],
      ...mine.map((one) => [one.kind, targetText(one.target)]),
    ]
    const lines = rows.map(
      ([name = '', value = '']) => `  ${name.padEnd(9)}  ${printable(value)}\n`,
    )
    return `${paint(io, 'bold', printable(instance))}  pid ${pid}${behind}\n${lines.join('')}`
  })
  const guards = of.length === 0 ? 'no guard runs\n' : of.join('\n')
  if (standing.length === 0) return guards
  const taken = standing.map(
    (one) =>
      `  ${one.kind.padEnd(9)}  ${printable(targetText(one.target))}${until(one)}: ${printable(one.why)} (${printable(one.by)}, ${iso(one.at)})\n`,
  )
  return `${guards}\n${paint(io, 'bold', 'taken back')}\n${taken.join('')}`
}

function until({ until }: Restriction): string {
  return until === undefined ? '' : ` until ${iso(until)}`
}

function json(running: readonly Instance[], { revision, standing }: Taken): string {
  const form = {
    guards: running.map((guard) => ({
      instance: guard.instance,
      pid: guard.pid,
      since: iso(guard.startedAt),
      heard: iso(guard.heartbeatAt),
      log: guard.log,
      mandates: guard.mandates.map(({ name, digest, agent }) => ({ name, s256: digest, agent })),
      upstreams: guard.upstreams,
      seen_latest: guard.seen >= revision,
      taken_back: standing
        .filter(({ target }) => touches(target, guard))
        .map(({ target }) => targetText(target)),
    })),
    taken_back: standing.map((one) => ({
      target: targetText(one.target),
      kind: one.kind,
      at: iso(one.at),
      ...(one.until !== undefined && { until: iso(one.until) }),
      why: one.why,
      by: one.by,
    })),
  }
  return `${JSON.stringify(form, undefined, 2)}\n`
}

function iso(at: Instant): string {
  return new Date(at).toISOString()
}
