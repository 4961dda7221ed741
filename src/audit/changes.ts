/** Waits for a record to grow: the system says when, and where it cannot, a timer looks. */
import { watch, type FSWatcher } from 'node:fs'

const POLL_MS = 500

/** Tells that something below the watched folders may have changed since it last said so. */
export interface Changes {
  /** Watches one more folder; what happens there from now on is told. */
  add(folder: string): void
  /** Resolves at the next change, or at once when there was one since; also when the signal stops it. */
  next(): Promise<void>
  close(): void
}

/** The system's own notices of changes (`fs.watch`); a folder that it cannot watch is looked at twice a second. */
export function watchFolders(signal: AbortSignal | undefined): Changes {
  const watchers = new Map<string, FSWatcher>()
  let poll: NodeJS.Timeout | undefined
  let changed = false
  let wake: (() => void) | undefined
  const tell = (): void => {
    changed = true
    wake?.()
  }
  const lookInstead = (): void => {
    poll ??= setInterval(tell, POLL_MS)
  }
  signal?.addEventListener('abort', tell, { once: true })
  return {
    add: (folder) => {
      if (watchers.has(folder)) return
      try {
        const watcher = watch(folder, tell)
        watcher.on('error', lookInstead)
        watchers.set(folder, watcher)
      } catch {
        lookInstead()
      }
    },
    next: async () => {
      if (!changed && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      wake = undefined
      changed = false
    },
    close: () => {
      for (const watcher of watchers.values()) watcher.close()
      clearInterval(poll)
      signal?.removeEventListener('abort', tell)
    },
  }
}
