/** The keys of a log's entries, read beside it: 32 bytes each, of which zeros are none. */
import { createHmac } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { canonical, type JsonObject, member } from '../model/json.ts'
import type { Entry } from '../model/record.ts'
import { isErased, SLOT_BYTES } from './unseal.ts'

/** Slots that are read at once. */
const WINDOW = 256
const ARGS = Buffer.of(0x01)

export function keysFileName(firstSeq: number): string {
  return `keys-${firstSeq}.bin`
}

/** Holds no file open. */
export class Slots {
  readonly #folder: string
  #bytes: Buffer = Buffer.alloc(0)
  #firstSeq = -1
  /** The slot of the file that the window begins with. */
  #from = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Of an entry in the file that begins with entry `firstSeq`; undefined where there is none. */
  of(firstSeq: number, seq: number): Uint8Array | undefined {
    const slot = seq - firstSeq
    if (slot < 0) return undefined
    if (this.#firstSeq !== firstSeq || !this.#has(slot)) this.#read(firstSeq, slot)
    if (!this.#has(slot)) return undefined
    const begin = (slot - this.#from) * SLOT_BYTES
    return Buffer.from(this.#bytes.subarray(begin, begin + SLOT_BYTES))
  }

  #has(slot: number): boolean {
    const at = slot - this.#from
    return at >= 0 && (at + 1) * SLOT_BYTES <= this.#bytes.length
  }

  #read(firstSeq: number, slot: number): void {
    this.#firstSeq = firstSeq
    this.#from = slot
    this.#bytes = readSlots(join(this.#folder, keysFileName(firstSeq)), slot, WINDOW)
  }
}

/** At most so many slots from one on; fewer where the file ends, none where there is no such file. */
export function readSlots(path: string, slot: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * SLOT_BYTES)
  let file: number
  try {
    // A pipe would be waited for without end.
    if (!statSync(path).isFile()) return Buffer.alloc(0)
    file = openSync(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, slot * SLOT_BYTES))
  } finally {
    closeSync(file)
  }
}

/** Tells whether these are the arguments that an entry stands for; undefined where its key is gone. */
export function argsCommitted(
  entry: Entry,
  slot: Uint8Array | undefined,
): ((args: JsonObject) => boolean) | undefined {
  const commit = member(entry, 'args_commit')
  if (typeof commit !== 'string' || slot === undefined || isErased(slot)) return undefined
  return (args) =>
    createHmac('sha256', slot).update(ARGS).update(canonical(args)).digest('hex') === commit
}
