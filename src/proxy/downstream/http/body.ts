/** Reads the body of a request, bounded in itself and together with all others that are being read. */
import type { IncomingMessage } from 'node:http'

/** `too_large` ends the reading; `gone`: the client went away before it had sent all. */
export type Body = Buffer | 'too_large' | 'busy' | 'gone'

/** What all bodies under way may have together, in bytes. */
const MOST_WAITING = 128 * 1024 * 1024

export class Bodies {
  readonly #maxBytes: number
  #waiting = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Calls back once. Nothing is awaited, so that a small body costs no more than its events. */
  read(request: IncomingMessage, done: (body: Body) => void): void {
    let chunks: Buffer[] = []
    let length = 0
    const end = (body: Body): void => {
      if (length < 0) return
      this.#waiting -= length
      length = -1
      chunks = []
      done(body)
    }
    request.on('data', (chunk: Buffer) => {
      if (length < 0) return
      chunks.push(chunk)
      length += chunk.length
      this.#waiting += chunk.length
      if (length > this.#maxBytes) end('too_large')
      else if (this.#waiting > MOST_WAITING) end('busy')
    })
    request.on('end', () => {
      const [only] = chunks
      end(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks))
    })
    request.on('error', () => end('gone'))
    request.on('close', () => end('gone'))
  }
}
