/** What is taken back, and which guards run, in memory: the part of the store that revocation needs. */
import { GuardError } from '../../src/model/error.ts'
import type { Instant } from '../../src/model/id.ts'
import type { StateStore } from '../../src/model/port.ts'
import type { Instance, Lifted, Restriction, Restrictions } from '../../src/model/state.ts'

export interface FakeRestrictions extends Pick<
  StateStore,
  'restrictions' | 'restrict' | 'lift' | 'register' | 'heartbeat' | 'unregister' | 'instances'
> {
  /** How often it was asked what is taken back. */
  readonly asked: () => number
  /** From now on nothing can be read or written; false: it can again. */
  broken(is: boolean): void
}

export function fakeRestrictions(): FakeRestrictions {
  let view: Restrictions = { revision: 0, all: [], lifted: [] }
  let guards: Instance[] = []
  let bad = false
  let asked = 0
  const usable = (): void => {
    if (bad) throw new GuardError('ERR_STATE_UNUSABLE', 'state.db cannot be read')
  }
  const same = (one: Restriction['target'], other: Restriction['target']): boolean =>
    JSON.stringify(one) === JSON.stringify(other)
  const change = (instance: string, members: Partial<Instance>): void => {
    guards = guards.map((one) => (one.instance === instance ? { ...one, ...members } : one))
  }
  return {
    asked: () => asked,
    broken: (is) => {
      bad = is
    },
    restrictions: () => {
      asked += 1
      usable()
      return view
    },
    restrict: (given) => {
      usable()
      const known = view.all.find(({ target }) => same(target, given.target))
      if (known?.kind === 'revoked' && given.kind === 'suspended') return known
      const one: Restriction = { ...given, id: view.revision + 1 }
      view = { ...view, revision: one.id, all: [...view.all.filter((had) => had !== known), one] }
      return one
    },
    lift: (target, { at, why, by, revoked }) => {
      usable()
      const known = view.all.find((one) => same(one.target, target))
      if (!known || (known.kind === 'revoked' && !revoked)) return undefined
      const lifted: Lifted = { id: view.revision + 1, restriction: known, at, why, by }
      view = {
        revision: lifted.id,
        all: view.all.filter((one) => one !== known),
        lifted: [...(view.lifted ?? []), lifted],
      }
      return known
    },
    register: (self) => {
      usable()
      guards.push({ ...self, heartbeatAt: self.startedAt, alive: true, seen: 0 })
    },
    heartbeat: (instance, at, seen, seenAt?: Instant) =>
      change(instance, { heartbeatAt: at, seen, ...(seenAt !== undefined && { seenAt }) }),
    unregister: (instance) => {
      guards = guards.filter((one) => one.instance !== instance)
    },
    instances: () => {
      usable()
      return guards
    },
  }
}
