/** Why what a name stands for cannot be asked: its upstream is down, or refuses what the guard can show it. */
import { GuardError } from '../model/error.ts'
import type { Found } from '../pipeline/port.ts'

export function unavailable<T>(target: T, error: unknown): Found<T> {
  const denied = error instanceof GuardError && error.code === 'ERR_UPSTREAM_DENIED'
  return {
    state: 'unavailable',
    target,
    reason: denied ? 'credential_unavailable' : 'upstream_unavailable',
    detail: error instanceof Error ? error.message : 'down',
  }
}
