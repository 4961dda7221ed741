/**
 * `chaperone resume`: what was held back goes on; also a revocation of anything but a mandate, a clock that was wrong, and a
 * state that is gone.
 */
import { lstatSync } from 'node:fs'
import { readSettings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import type { StateStore } from '../model/port.ts'
import type { Target } from '../model/state.ts'
import { targetText } from '../model/target.ts'
import { storePath } from '../state/sqlite.ts'
import { parseFlags } from './arguments.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'
import { meant, TARGET_HELP } from './take-back-target.ts'
import {
  carriedOut,
  type Change,
  factsOf,
  onlyOne,
  REAL_PARTS,
  recordIfPossible,
  TAKE_BACK_HELP,
  TAKE_BACK_OPTIONS,
  type TakeBackFlags,
  type TakeBackParts,
  withState,
} from './take-back.ts'
import { reasonOf } from './why.ts'

const HELP = `usage: chaperone resume <target> --why <text> [--revoked] [options]
       chaperone resume clock --why <text>
       chaperone resume state --why <text>

Ends what stands against exactly this target. A revocation ends only with --revoked, and that of a mandate never does: a new
mandate needs a new name. \`resume clock\` says that the clock was wrong and what it says now is right: guards refuse every
call while it is behind the latest time that any of them has seen. \`resume state\` says that the state is gone for good: what was
used, revoked and seen begins anew. Where a backup can be had, put that back instead.

${TARGET_HELP}

  --revoked               also where it is revoked
${TAKE_BACK_HELP}

Exit codes: 0 in effect in every guard that runs, 1 nothing stands against it, or it stays revoked, 2 usage, 3 a guard did not
answer in time, the state cannot be used, or (clock) it cannot be put on record.
`

const OPTIONS = { ...TAKE_BACK_OPTIONS, revoked: { type: 'boolean' } } as const

export function resumeCommand(parts: TakeBackParts): Command {
  return {
    name: 'resume',
    summary: 'end a suspension, or a revocation of anything but a mandate',
    help: HELP,
    run: (argv, io) => resume(argv, io, parts),
  }
}

export const command: Command = resumeCommand(REAL_PARTS)

async function resume(argv: readonly string[], io: CliIo, parts: TakeBackParts): Promise<number> {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const word = onlyOne(positionals)
  const why = reasonOf(values.why)
  if (word === 'state') return stateAnew(why, { flags: values, io, parts })
  return withState(values, io, parts, (store) =>
    word === 'clock'
      ? clock(why, store, { flags: values, io, parts })
      : lifted(meant(word, store, io), why, store, { flags: values, io, parts }),
  )
}

interface Told {
  readonly flags: TakeBackFlags & { readonly revoked?: boolean | undefined }
  readonly io: CliIo
  readonly parts: TakeBackParts
}

async function clock(why: string, store: StateStore, { flags, io, parts }: Told): Promise<number> {
  const at = parts.clock.now()
  const by = `operator ${parts.user()}`
  const before = store.latest()
  const facts = {
    clock: new Date(at).toISOString(),
    before: new Date(before).toISOString(),
    why,
    by,
  }
  // Nothing else says later why guards went on at an earlier time: where it cannot be recorded, nothing changes.
  try {
    await parts.record?.({ flags, io }, 'lifted', facts)
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    const said = `it cannot be put on record: ${printable(what)}`
    io.stderr(`${paint(io, 'red', 'nothing changed')}: ${said}\n`)
    return 3
  }
  store.resetLatest(at)
  io.stdout(
    flags.json === true
      ? `${JSON.stringify({ what: 'clock', ...facts }, undefined, 2)}\n`
      : `the clock is right: ${facts.clock} (it was ${facts.before})\n`,
  )
  return 0
}

/** On record, so that nobody takes the state for one that was always there. */
async function stateAnew(why: string, { flags, io, parts }: Told): Promise<number> {
  const state = stateDir(io.env, readSettings(flags, io.env, io.cwd).stateDir)
  const path = storePath(state)
  if (lstatSync(path, { throwIfNoEntry: false })) {
    const said = `\`${printable(path)}\` is there (move it away first if it cannot be used)`
    io.stderr(`${paint(io, 'red', 'nothing changed')}: ${said}\n`)
    return 1
  }
  const by = `operator ${parts.user()}`
  // Nothing else says later why nothing is revoked any more: where it cannot be recorded, nothing changes.
  try {
    await parts.record?.({ flags, io }, 'state_begun', { why, by })
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    const said = `it cannot be put on record: ${printable(what)}`
    io.stderr(`${paint(io, 'red', 'nothing changed')}: ${said}\n`)
    return 3
  }
  parts.open(state, true).close()
  io.stdout(
    flags.json === true
      ? `${JSON.stringify({ what: 'state', path, why, by }, undefined, 2)}\n`
      : `the state begins anew: nothing is used, revoked or suspended\n  why: ${printable(why)} (${printable(by)})\n`,
  )
  return 0
}

async function lifted(target: Target, why: string, store: StateStore, told: Told): Promise<number> {
  const { flags, io, parts } = told
  const [at, by] = [parts.clock.now(), `operator ${parts.user()}`]
  const ended = store.lift(target, { at, why, by, revoked: flags.revoked === true })
  if (!ended) {
    io.stderr(`${paint(io, 'red', 'nothing changed')}: ${unchanged(target, store)}\n`)
    return 1
  }
  const change: Change = { what: 'lifted', target, at, why, by }
  await recordIfPossible(told, 'lifted', factsOf(change, ended.id))
  return carriedOut(change, store, told)
}

function unchanged(target: Target, store: StateStore): string {
  const name = printable(targetText(target))
  const { all } = store.restrictions()
  const stands = all.find((one) => targetText(one.target) === targetText(target))
  if (!stands) {
    const others = all.map((one) => printable(targetText(one.target))).join(', ')
    return `nothing stands against ${name} (${others === '' ? 'nothing is taken back' : `taken back: ${others}`})`
  }
  return target.kind === 'mandate'
    ? `${name} is revoked, and stays so (give the new mandate another name)`
    : `${name} is revoked (\`--revoked\` ends that, too)`
}
