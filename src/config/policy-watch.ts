/** Notices that a folder of policies may have changed: hints of the system are quick, and a look every second is sure. */
import type { Timers, Watch } from '../model/port.ts'
import { policySignature } from './policy-folder.ts'

export interface PolicyWatchParts {
  readonly timers: Timers
  readonly watch: Watch
  /** The signature of the folder as it was read last. */
  readonly seen: string
  readonly signature?: (folder: string) => string
}

export interface PolicyWatch {
  /** Looks now, without waiting for a hint. */
  look(): void
  close(): void
}

const POLL_MS = 1000
/** Who writes one file often writes several. */
const DEBOUNCE_MS = 50

/**
 * Calls back when the signature of the folder is not the one that was looked at last, also where the folder is gone or
 * cannot be read. Keeps no process alive.
 */
export function watchPolicies(
  folder: string,
  parts: PolicyWatchParts,
  onMaybeChanged: () => void,
): PolicyWatch {
  const { timers, watch, signature = policySignature } = parts
  let { seen } = parts
  let closed = false
  let unwatch = (): void => undefined
  let unhint: (() => void) | undefined
  let unpoll = (): void => undefined
  const hinted = (): void => {
    if (!closed) unhint ??= timers.after(DEBOUNCE_MS, look)
  }
  const look = (): void => {
    unhint?.()
    unhint = undefined
    if (closed) return
    const now = signature(folder)
    if (now === seen) return
    seen = now
    // What was watched may not be what stands there now.
    unwatch()
    unwatch = watch(folder, hinted)
    onMaybeChanged()
  }
  const poll = (): void => {
    unpoll = timers.after(POLL_MS, () => {
      poll()
      look()
    })
  }
  unwatch = watch(folder, hinted)
  poll()
  return {
    look,
    close: () => {
      closed = true
      unwatch()
      unhint?.()
      unpoll()
    },
  }
}
