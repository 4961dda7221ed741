/**
 * Bytes that come in parts, up to a cap. The only part is kept as it is; several are put into one buffer that grows by
 * doubling, so that many small parts hold no more memory than their bytes.
 */
export class Gathering {
  readonly #room: number
  #bytes: Buffer = NOTHING
  #length = 0
  /** The buffer is of our own making: it has room, and nobody else looks at it. */
  #isOwn = false

  constructor(room: number) {
    this.#room = room
  }

  get length(): number {
    return this.#length
  }

  /** False, and nothing added, when it would grow over the cap. Nobody may write to a part afterwards. */
  add(part: Buffer): boolean {
    const needed = this.#length + part.length
    if (needed > this.#room) return false
    if (this.#length === 0) {
      this.#bytes = part
      this.#isOwn = false
    } else if (part.length > 0) {
      if (!this.#isOwn || needed > this.#bytes.length) this.#grow(needed)
      part.copy(this.#bytes, this.#length)
    }
    this.#length = needed
    return true
  }

  /** What was gathered; it is forgotten here. */
  take(): Buffer {
    const gathered = this.#bytes.subarray(0, this.#length)
    this.#bytes = NOTHING
    this.#length = 0
    this.#isOwn = false
    return gathered
  }

  #grow(needed: number): void {
    const size = Math.min(this.#room, Math.max(FIRST_CAPACITY, 2 * this.#length, needed))
    const more = Buffer.allocUnsafe(size)
    this.#bytes.copy(more, 0, 0, this.#length)
    this.#bytes = more
    this.#isOwn = true
  }
}

const NOTHING = Buffer.alloc(0)
const FIRST_CAPACITY = 4096
