/** Objects that entries name by their hash (mandates, roles), kept beside the log as the exact bytes they were. */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { hashed, type Sha256 } from '../model/id.ts'
import { readFrom, writeWhole, type Disk } from './disk.ts'

/**
 * Writes the bytes once, under their SHA-256; a file whose content is not what its name says is replaced. `kept` is told
 * of the file also where it was there: whoever wrote it may have died before the disk had it.
 *
 * @throws GuardError ERR_AUDIT_APPEND when they could not be kept.
 */
export function keepObject(
  disk: Disk,
  folder: string,
  bytes: Uint8Array,
  kept: (path: string) => void = () => undefined,
): Sha256 {
  const name = hashed(hash('sha256', bytes, 'hex'))
  const path = join(folder, name)
  try {
    disk.makeFolder(folder)
    if (!holds(disk, path, bytes)) writeWhole(disk, path, bytes)
    kept(path)
    return name
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GuardError('ERR_AUDIT_APPEND', `\`${path}\` could not be kept: ${why}`, { cause })
  }
}

function holds(disk: Disk, path: string, bytes: Uint8Array): boolean {
  if (!disk.exists(path)) return false
  const file = disk.open(path, 'existing')
  try {
    const { size } = disk.state(file)
    return size === bytes.length && Buffer.compare(readFrom(disk, file, 0, size), bytes) === 0
  } finally {
    disk.close(file)
  }
}
