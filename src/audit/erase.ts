/** Makes the content of entries unreadable for good: the keys that seal it are overwritten. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type EntryItem, readRecord } from './read.ts'
import { isCall } from './row.ts'
import { keysFileName, readSlots } from './slots.ts'
import { logFiles } from './tail.ts'
import { isErased, SLOT_BYTES } from './unseal.ts'

/** A slot that was overwritten. */
export interface Erased {
  readonly log: string
  readonly seq: number
}

export interface Erasure {
  /** The whole id of the call. */
  readonly call: string
  /** All of its entries, by the log and the number. */
  readonly entries: readonly Erased[]
  /** Those whose content was there until now. */
  readonly erased: readonly Erased[]
}

/**
 * Overwrites the keys of all entries about a call, and waits for the disk, once `record` has put that on record: what is gone
 * is gone, and somebody has to know why. Undefined where there is no such call.
 *
 * @throws what `record` throws, and then nothing is overwritten; GuardError ERR_AUDIT_READ when the record cannot be read, and
 * what the system says when a key cannot be overwritten
 */
export async function eraseCall(
  place: string,
  named: string,
  record: (about: Pick<Erasure, 'call' | 'entries'>) => Promise<unknown>,
): Promise<Erasure | undefined> {
  const items = await entriesOf(place, named)
  const call = items[0]?.entry['call']
  if (typeof call !== 'string') return undefined
  await record({ call, entries: items.map(placeOf) })
  const erased: Erased[] = []
  for (const item of items) {
    if (await eraseKey(item)) erased.push(placeOf(item))
  }
  return { call, entries: items.map(placeOf), erased }
}

async function entriesOf(place: string, named: string): Promise<readonly EntryItem[]> {
  const found: EntryItem[] = []
  for await (const { items } of readRecord(place)) {
    for (const item of items) {
      if (item.kind !== 'entry') continue
      const { call } = item.entry
      if (typeof call === 'string' && isCall(call, named)) found.push(item)
    }
  }
  return found
}

function placeOf({ log, entry }: EntryItem): Erased {
  return { log, seq: entry.seq }
}

/** False where it had none. The guard may append to the file meanwhile, so this writes where the key is and nowhere else. */
async function eraseKey({ folder, file, entry }: EntryItem): Promise<boolean> {
  const slot = entry.seq - (logFiles([file])[0]?.firstSeq ?? 0)
  const path = join(folder, keysFileName(entry.seq - slot))
  const key = readSlots(path, slot, 1)
  if (entry.v === 1 || key.length < SLOT_BYTES || isErased(key)) return false
  const handle = await open(path, 'r+')
  try {
    await handle.write(Buffer.alloc(SLOT_BYTES), 0, SLOT_BYTES, slot * SLOT_BYTES)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return true
}
