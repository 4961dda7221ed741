/** Why what a name stands for cannot be asked: its upstream is down, or refuses what the guard can show it. */
import type { Found } from '../pipeline/port.ts'
import { isDenied } from './upstream/retries.ts'

export function unavailable<T>(target: T, error: unknown): Found<T> {
  return {
    state: 'unavailable',
    target,
    reason: isDenied(error) ? 'credential_unavailable' : 'upstream_unavailable',
    detail: error instanceof Error ? error.message : 'down',
  }
}

/** Nothing of it is asked: the line says why. */
export function takenBack<T>(target: T): Found<T> {
  return { state: 'unavailable', target, reason: 'upstream_unavailable', detail: 'taken back' }
}

export const UNAPPROVED = 'hidden: nobody approved its definition'
