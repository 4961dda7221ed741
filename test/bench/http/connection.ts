/** One keep-alive connection to a target, and a single question over one of its own. */
import { connect, type Socket } from 'node:net'
import type { Message } from '../call.ts'
import { AnswerReader, type Head, type Heard } from './reader.ts'

/** All read into the same memory: what was read is taken out of it before the next read. */
const SHARED = Buffer.allocUnsafeSlow(1 << 16)

/** Latin-1 both ways: one character for each byte, so that lengths agree. What the bench compares is ASCII. */
export class Connection {
  readonly opened: Promise<void>
  readonly #socket: Socket

  /** `gone` is told why a connection ended that `close` did not end. */
  constructor(port: number, heard: Heard, gone: (why: Error) => void) {
    const reader = new AnswerReader(heard)
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: SHARED,
        callback: (size) => {
          try {
            reader.push(SHARED.toString('latin1', 0, size))
          } catch (error) {
            socket.destroy(error instanceof Error ? error : new Error(String(error)))
          }
          return true
        },
      },
    })
    this.#socket = socket
    this.opened = new Promise((resolve, reject) => {
      socket.once('connect', () => resolve())
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the connection was closed')))
    })
    // Whoever does not wait for it is told by `gone`.
    this.opened.catch(() => undefined)
    let why = new Error('the target closed the connection')
    socket.on('error', (error) => {
      why = error
    })
    socket.on('close', () => {
      reader.end()
      gone(why)
    })
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }
}

export interface Said {
  readonly head: Head
  /** The answer to the question; undefined where none was due, or what came is no JSON. */
  readonly message: Message | undefined
  readonly body: string
}

const PATIENCE_MS = 60_000

/** @throws Error when the connection fails, or nothing comes for a minute. */
export function ask(
  port: number,
  text: string,
  events?: (message: Message) => void,
): Promise<Said> {
  return new Promise((resolve, reject) => {
    let message: Message | undefined
    const settle = (done: () => void): void => {
      clearTimeout(timer)
      connection.close()
      done()
    }
    const heard: Heard = {
      event: (data) => {
        const said = parsed(data)
        if (said !== undefined && isAnswer(said)) message = said
        else if (said !== undefined) events?.(said)
      },
      answer: (head, body) => {
        settle(() => resolve({ head, message: message ?? parsed(body), body }))
      },
    }
    const connection = new Connection(port, heard, (why) => settle(() => reject(why)))
    const timer = setTimeout(() => {
      settle(() => reject(new Error(`no answer for ${PATIENCE_MS / 1000} s`)))
    }, PATIENCE_MS)
    connection.send(text)
  })
}

export function isAnswer(message: Message): boolean {
  return message.method === undefined && message.id !== undefined
}

export function parsed(text: string): Message | undefined {
  try {
    return JSON.parse(text) as Message
  } catch {
    // No message: what it is instead is told by the status and the body.
    return undefined
  }
}
