/** The store in memory, with a switch that breaks it, and what became of each hold. */
import { GuardError } from '../../src/model/error.ts'
import type { Clock, StateStore, TaskHistory } from '../../src/model/port.ts'
import type { HoldId } from '../../src/model/state.ts'
import { memoryStore } from '../../src/state/memory.ts'

export interface FakeStore extends StateStore {
  /** Every method throws while it is true. */
  broken: boolean
  /** In order. */
  readonly ended: readonly { readonly hold: HoldId; readonly how: 'settled' | 'released' }[]
  /** Holds that are neither settled nor released. */
  readonly open: ReadonlySet<HoldId>
}

export function fakeStore(clock: Pick<Clock, 'now'>): FakeStore {
  const inner = memoryStore({ clock, isRunning: () => true })
  const open = new Set<HoldId>()
  const ended: { readonly hold: HoldId; readonly how: 'settled' | 'released' }[] = []
  const up = (): StateStore => {
    if (store.broken) throw new GuardError('ERR_STATE_UNUSABLE', 'the store cannot be read')
    return inner
  }
  const end = (hold: HoldId, how: 'settled' | 'released'): void => {
    open.delete(hold)
    ended.push({ hold, how })
  }
  const store: FakeStore = {
    openTask: (who, options): TaskHistory => {
      const task = up().openTask(who, options)
      return {
        get facts() {
          up()
          return task.facts
        },
        label: (labels) => {
          up()
          return task.label(labels)
        },
        begin: (call) => {
          up()
          return task.begin(call)
        },
        completed: (call) => task.completed(call),
        track: (queries) => {
          up()
          task.track(queries)
        },
        close: () => task.close(),
      }
    },
    tasks: () => up().tasks(),
    endTask: (who, said) => up().endTask(who, said),
    broken: false,
    ended,
    open,
    hold: (request) => {
      const held = up().hold(request)
      if ('held' in held) open.add(held.held)
      return held
    },
    settle: (hold) => {
      up().settle(hold)
      end(hold, 'settled')
    },
    release: (hold) => {
      up().release(hold)
      end(hold, 'released')
    },
    orphans: () => up().orphans(),
    budgets: (prefix) => up().budgets(prefix),
    together: (act) => up().together(act),
    restrictions: () => up().restrictions(),
    restrict: (restriction) => up().restrict(restriction),
    lift: (target, given) => up().lift(target, given),
    register: (guard) => up().register(guard),
    heartbeat: (instance, at, seen, seenAt) => up().heartbeat(instance, at, seen, seenAt),
    unregister: (instance) => up().unregister(instance),
    instances: () => up().instances(),
    latest: () => up().latest(),
    resetLatest: (at) => up().resetLatest(at),
    resets: () => up().resets(),
    close: () => inner.close(),
  }
  return store
}
