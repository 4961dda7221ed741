/**
 * What guards that are gone still held: their logs say what became of the calls. Where a call has an intent it may have left,
 * and what it took is spent; where it has none it has not left, and gets it back; where that is not known it is spent.
 */
import type { CallId } from '../model/id.ts'
import type { StateStore } from '../model/port.ts'
import type { OrphanHold } from '../model/state.ts'

export interface Recovered {
  readonly settled: number
  readonly released: number
  /** Of those that were settled: nothing could be found out. */
  readonly unknown: number
}

/** What the log in a folder says of these calls. `whole`: a call that was not found has no intent. */
export type FindIntents = (
  log: string,
  calls: ReadonlySet<CallId>,
) => Promise<{ readonly found: ReadonlySet<CallId>; readonly whole: boolean }>

/**
 * Undefined where there was nothing to be done: then no log is looked at.
 *
 * @throws GuardError ERR_STATE_UNUSABLE when the store cannot be read or written
 */
export async function recoverHolds(
  store: Pick<StateStore, 'orphans' | 'settle' | 'release'>,
  findIntents: FindIntents,
): Promise<Recovered | undefined> {
  const orphans = store.orphans()
  if (orphans.length === 0) return undefined
  let [settled, released, unknown] = [0, 0, 0]
  for (const [log, holds] of byLog(orphans)) {
    const { found, whole } = await findIntents(log, new Set(holds.map(({ call }) => call)))
    for (const { hold, call } of holds) {
      if (whole && !found.has(call)) {
        store.release(hold)
        released += 1
        continue
      }
      store.settle(hold)
      settled += 1
      if (!found.has(call)) unknown += 1
    }
  }
  return { settled, released, unknown }
}

function byLog(orphans: readonly OrphanHold[]): ReadonlyMap<string, readonly OrphanHold[]> {
  const logs = new Map<string, OrphanHold[]>()
  for (const orphan of orphans) {
    const known = logs.get(orphan.log)
    if (known) known.push(orphan)
    else logs.set(orphan.log, [orphan])
  }
  return logs
}
