/** A log is signed before it has an entry: so entries without any checkpoint were put there by somebody else. */
import { dirname, join } from 'node:path'
import { type CheckpointPlace, Checkpoints, checkpointsFileName } from './checkpoints.ts'
import type { LogKey } from './log-key.ts'
import { checkpointText, ORIGIN } from './note.ts'
import { Frontier } from './tree.ts'

/**
 * Has a checkpoint of no entries on the disk by the time it returns, for a log that has none: an entry that is written later
 * cannot be there without it, whatever ends the guard.
 *
 * @throws what the disk throws
 */
export function signBegin(
  place: CheckpointPlace,
  log: string,
  key: Pick<LogKey, 'signNow'>,
  signed: boolean,
): void {
  const { disk, dir } = place
  const path = join(dir, checkpointsFileName(0))
  if (!signed || !disk.exists(path)) {
    const text = checkpointText({ origin: `${ORIGIN}${log}`, size: 0, root: new Frontier().root() })
    const checkpoints = new Checkpoints(place)
    try {
      checkpoints.put(0, key.signNow(text))
    } finally {
      checkpoints.close()
    }
  }
  // Also where it was there: the guard that wrote it may have been killed before the disk had it.
  for (const one of [path, dir, dirname(dir)]) disk.syncNow(one)
}
