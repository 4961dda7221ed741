/** The tasks of a guard: one for each mandate and agent, in the store, which all guards share. */
import { USUAL_TASK } from '../config/settings.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { Principal } from '../model/call.ts'
import type { JsonObject } from '../model/json.ts'
import type { OperationalLog, StateStore, TaskHistory, TaskName, Timers } from '../model/port.ts'

export interface TasksOptions {
  readonly store: StateStore
  readonly timers: Timers
  readonly operational: OperationalLog
  readonly taskId?: string
}

export interface Tasks {
  /** The same object for whoever acts under the same mandate, whichever key it presents. @throws GuardError ERR_STATE_UNUSABLE */
  of(acting: {
    readonly mandate: CompiledMandate
    readonly principal: Principal | undefined
  }): TaskHistory
  /** Before the store is. */
  close(): void
}

/** `note` puts on record that somebody ended a task. */
export function tasksOf(
  { store, timers, operational, taskId: task = USUAL_TASK }: TasksOptions,
  note: (event: 'task_ended', facts: JsonObject) => void,
): Tasks {
  const opened = new Map<string, TaskHistory>()
  const open = (who: TaskName): TaskHistory =>
    store.openTask(who, {
      timers,
      operational,
      onEnded: ({ at, by, why }) =>
        note('task_ended', { ...who, at: new Date(at).toISOString(), by, why }),
    })
  return {
    of: ({ mandate, principal }) => {
      // A mandate that is edited has the same name, and sheds nothing.
      const who = { mandate: mandate.mandate.name, agent: principal?.agent ?? '', task }
      const key = JSON.stringify([who.mandate, who.agent])
      const known = opened.get(key) ?? open(who)
      opened.set(key, known)
      return known
    },
    close: () => {
      for (const one of opened.values()) one.close()
    },
  }
}
