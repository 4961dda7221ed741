/** The counters of a state folder, for commands that only look: where nothing was counted yet, nothing is made. */
import { existsSync } from 'node:fs'
import { systemClock } from '../config/system.ts'
import type { BudgetState } from '../model/state.ts'

/** Of one state folder, or undefined where no guard has counted anything. */
export type ReadCounters = (stateDir: string) => Promise<readonly BudgetState[] | undefined>

/** @throws GuardError ERR_STATE_UNUSABLE where there are some, and they cannot be read */
export const readCounters: ReadCounters = async (stateDir) => {
  const { openStore, storePath } = await import('../state/sqlite.ts')
  const path = storePath(stateDir)
  if (!existsSync(path)) return undefined
  const store = openStore({ path, clock: systemClock })
  try {
    // Reviews keep what they have fired for beside the budgets.
    return store.budgets('').filter(({ key }) => !key.startsWith('["review",'))
  } finally {
    store.close()
  }
}
