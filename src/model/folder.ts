/** How a folder is made with its parents, by whoever has a disk. */
import { dirname } from 'node:path'

/**
 * Makes a folder, and the parents that are missing. `mkdirSync(…, { recursive: true })` does not return where the system
 * says of what is not there that it cannot be made for that reason, as it does below `/proc`.
 *
 * @param make makes one folder whose parent is there.
 * @throws what `make` throws; not for what stands there already, be it a folder or not.
 */
export function makeFolders(path: string, make: (folder: string) => void): void {
  if (made(path, make)) return
  const parent = dirname(path)
  if (parent !== path) makeFolders(parent, make)
  if (!made(path, make)) make(path)
}

/** False where its parent is missing. */
function made(path: string, make: (folder: string) => void): boolean {
  try {
    make(path)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST') return true
    if (code === 'ENOENT') return false
    throw error
  }
}
