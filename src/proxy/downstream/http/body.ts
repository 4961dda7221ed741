/** Reads the body of a request, bounded in itself and together with all others that are being read. */
import type { IncomingMessage } from 'node:http'

/** `too_large` ends the reading; `gone`: the client went away before it had sent all. */
export type Body = Buffer | 'too_large' | 'busy' | 'gone'

/** What all bodies under way may have together, in bytes. */
const MOST_WAITING = 128 * 1024 * 1024

interface Reading {
  readonly owner: object
  length: number
  readonly end: (body: Body) => void
}

export class Bodies {
  readonly #maxBytes: number
  readonly #most: number
  readonly #reading = new Set<Reading>()
  #waiting = 0

  constructor(maxBytes: number, mostWaiting: number = MOST_WAITING) {
    this.#maxBytes = maxBytes
    this.#most = mostWaiting
  }

  /**
   * Calls back once. Nothing is awaited, so that a small body costs no more than its events. Where all bodies together are
   * too much, the largest of the owner who has the most is given up: nobody else is told to come later.
   */
  read(request: IncomingMessage, owner: object, done: (body: Body) => void): void {
    let chunks: Buffer[] = []
    const reading: Reading = {
      owner,
      length: 0,
      end: (body) => {
        if (!this.#reading.delete(reading)) return
        this.#waiting -= reading.length
        chunks = []
        done(body)
      },
    }
    this.#reading.add(reading)
    request.on('data', (chunk: Buffer) => {
      if (!this.#reading.has(reading)) return
      chunks.push(chunk)
      reading.length += chunk.length
      this.#waiting += chunk.length
      if (reading.length > this.#maxBytes) reading.end('too_large')
      else if (this.#waiting > this.#most) this.#largest()?.end('busy')
    })
    request.on('end', () => {
      const [only] = chunks
      reading.end(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks))
    })
    request.on('error', () => reading.end('gone'))
    request.on('close', () => reading.end('gone'))
  }

  #largest(): Reading | undefined {
    const held = new Map<object, number>()
    for (const { owner, length } of this.#reading) held.set(owner, (held.get(owner) ?? 0) + length)
    const [most] = [...held].toSorted(([, one], [, other]) => other - one)
    return [...this.#reading]
      .filter(({ owner }) => owner === most?.[0])
      .toSorted((one, other) => other.length - one.length)[0]
  }
}
