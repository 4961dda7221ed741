/** Writes a restriction, puts the command on record, and waits for the guards. */
import type { StateStore } from '../model/port.ts'
import type { Restriction } from '../model/state.ts'
import { targetText } from '../model/target.ts'
import { type CliIo, paint, printable } from './io.ts'
import {
  carriedOut,
  type Change,
  factsOf,
  recordIfPossible,
  type TakeBackFlags,
  type TakeBackParts,
} from './take-back.ts'

export async function restricted(
  wanted: Pick<Restriction, 'target' | 'kind' | 'why' | 'until'>,
  store: StateStore,
  told: { readonly flags: TakeBackFlags; readonly io: CliIo; readonly parts: TakeBackParts },
): Promise<number> {
  const { parts, io } = told
  const at = parts.clock.now()
  const by = `operator ${parts.user()}`
  const { kind, ...said } = wanted
  const stands = store.restrict({ ...wanted, at, by })
  if (stands.kind !== kind || stands.until !== wanted.until) {
    const since = new Date(stands.at).toISOString()
    const end = stands.until === undefined ? '' : ` until ${new Date(stands.until).toISOString()}`
    const what = `${printable(targetText(stands.target))} is ${stands.kind} since ${since}${end}, which is more`
    io.stderr(`${paint(io, 'yellow', 'nothing changed')}: ${what}\n`)
    return 0
  }
  const change: Change = { ...said, what: kind, at, by }
  await recordIfPossible(told, 'restricted', factsOf(change, stands.id))
  return carriedOut(change, store, told)
}
