/** Waits for a file: how a test tells a fake server to go on. */
import { existsSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

export function fileExists(path: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(path), (_event, name) => {
      if (name === basename(path)) look()
    })
    const look = (): void => {
      if (!existsSync(path)) return
      watcher.close()
      resolve()
    }
    look()
  })
}
