/** The processes that a child has started, ended together with it. */
import type { ChildProcess } from 'node:child_process'
import type { Timers } from '../../model/port.ts'

export interface ProcessGroup {
  /** SIGTERM to all that live, SIGKILL after `graceMs` to those still there. Resolves when none is, or all were killed. */
  end(graceMs: number): Promise<void>
}

/** How often is looked whether a group has ended. */
const LOOK_MS = 25

/** On Windows there are no groups: the child alone is ended. */
export function processGroup(child: ChildProcess, pid: number, timers: Timers): ProcessGroup {
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      if (process.platform === 'win32') return child.exitCode === null && child.kill(name)
      return process.kill(-pid, name)
    } catch {
      // Gone, or under another user: either way nothing more can be done.
      return false
    }
  }
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      timers.after(LOOK_MS, resolve)
    })
  return {
    end: async (graceMs) => {
      let lives = signal('SIGTERM')
      for (let waited = 0; lives && waited < graceMs; waited += LOOK_MS) {
        await pause()
        lives = signal(0)
      }
      if (lives) signal('SIGKILL')
    },
  }
}
