/** The agent's end on stdio: bytes to lines and frames to bytes. Frames of one turn of the event loop share one write. */
import type { Readable, Writable } from 'node:stream'
import { lineReader } from '../frame.ts'

export interface Downstream {
  send(frame: string): void
  /** Hands over what is still queued. */
  flush(): void
}

export interface DownstreamOptions {
  readonly input: Readable
  readonly output: Writable
  readonly maxBytes: number
  readonly onLine: (line: Buffer) => void
  readonly onTooLong: (bytes: number) => void
  /** The agent closed its end, or can no longer be written to. */
  readonly onEnd: () => void
}

/** What waits for an agent that does not read: beyond the first, notifications are dropped; beyond the second, it is given up. */
const NOTICES_WAIT_BYTES = 1024 * 1024
const ANSWERS_WAIT_BYTES = 64 * 1024 * 1024
const NOTICE = '{"jsonrpc":"2.0","method":'

export function stdioDownstream(options: DownstreamOptions): Downstream {
  const { input, output } = options
  const reader = lineReader({
    maxBytes: options.maxBytes,
    onLine: options.onLine,
    onTooLong: options.onTooLong,
  })
  let queue = ''
  const flush = (): void => {
    if (queue === '') return
    const bytes = queue
    queue = ''
    output.write(bytes)
  }
  input.on('data', (chunk: Buffer) => reader.push(chunk))
  input.on('end', () => {
    reader.end()
    options.onEnd()
  })
  input.on('error', options.onEnd)
  output.on('error', options.onEnd)
  return {
    send: (frame) => {
      const waiting = output.writableLength + queue.length
      if (waiting > NOTICES_WAIT_BYTES && frame.startsWith(NOTICE)) return
      if (waiting > ANSWERS_WAIT_BYTES) {
        options.onEnd()
        return
      }
      if (queue === '') queueMicrotask(flush)
      queue += `${frame}\n`
    },
    flush,
  }
}
