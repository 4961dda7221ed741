/** The key file beside a file of records: has it a slot for each, and does each open what it should? */
import { statSync } from 'node:fs'
import { type JsonObject, member } from '../../model/json.ts'
import type { Entry } from '../../model/record.ts'
import { keysFileName, readSlots } from '../slots.ts'
import { isErased, SLOT_BYTES, unsealed } from '../unseal.ts'
import { join } from 'node:path'

const WINDOW = 2048

/** `undefined`: there is no such file. */
export function keysSize(path: string): number | undefined {
  try {
    return statSync(path).size
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

export class KeyFile {
  readonly path: string
  readonly #firstSeq: number
  #window: Buffer = Buffer.alloc(0)
  #from = 0

  constructor(folder: string, firstSeq: number) {
    this.path = join(folder, keysFileName(firstSeq))
    this.#firstSeq = firstSeq
  }

  /** 'erased' where something was sealed and its key is gone; `opens`: whether a key that is there opens it, too. */
  state(entry: JsonObject, seq: number, opens: boolean): 'fine' | 'erased' | 'unreadable' {
    if (member(entry, 'sealed') === undefined) return 'fine'
    const slot = this.#slot(seq)
    if (!slot) return 'fine'
    if (isErased(slot)) return 'erased'
    if (!opens) return 'fine'
    return unsealed(entryOf(entry, seq), slot).content === 'unreadable' ? 'unreadable' : 'fine'
  }

  #slot(seq: number): Buffer | undefined {
    const at = seq - this.#firstSeq
    const known = (at - this.#from) * SLOT_BYTES
    if (known < 0 || known + SLOT_BYTES > this.#window.length) {
      this.#window = readSlots(this.path, at, WINDOW)
      this.#from = at
    }
    const begin = (at - this.#from) * SLOT_BYTES
    const slot = this.#window.subarray(begin, begin + SLOT_BYTES)
    return slot.length === SLOT_BYTES ? slot : undefined
  }
}

function entryOf(entry: JsonObject, seq: number): Entry {
  return { ...entry, v: 2, seq, ts: '', type: '' }
}
