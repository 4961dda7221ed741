/**
 * Keeps the log of the database's writes bounded, off the path of a call: once it is large, a thread of its own carries it
 * over. Several guards may do so at once, which does no harm.
 */
import { statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { isObject } from '../model/json.ts'
import type { OperationalLog } from '../model/port.ts'

/** Bytes from which it is carried over, and from which writers are made to wait for that. */
const LARGE = 4 * 1024 * 1024
const TOO_LARGE = 16 * 1024 * 1024
/** So many transactions are not looked after. */
const EVERY = 64

export class Checkpoints {
  readonly #path: string
  readonly #operational: OperationalLog | undefined
  #worker: Worker | undefined
  #busy = false
  #looked = 0
  #faulty = false

  constructor(path: string, operational?: OperationalLog) {
    this.#path = path
    this.#operational = operational
  }

  /** Told after a transaction how many there were. */
  after(writes: number): void {
    if (this.#busy || writes - this.#looked < EVERY) return
    this.#looked = writes
    const size = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0
    if (size < LARGE) return
    this.#busy = true
    this.#worker ??= this.#start()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(size < TOO_LARGE ? 'passive' : 'truncate')
  }

  close(): void {
    void this.#worker?.terminate()
    this.#worker = undefined
    this.#busy = true
  }

  #start(): Worker {
    // Beside this file, and of its kind: it runs from the sources as well as from what was built of them.
    const file = import.meta.url.endsWith('.ts')
      ? './checkpoint-worker.ts'
      : './checkpoint-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), {
      workerData: this.#path,
      stdout: true,
      stderr: true,
      env: {},
      execArgv: [],
    })
    worker.on('message', (message: unknown) => {
      this.#busy = false
      const fault = isObject(message) ? message['fault'] : undefined
      if (typeof fault === 'string') this.#warn(fault)
    })
    worker.on('error', (error: Error) => this.#end(worker, error.message))
    worker.on('exit', () => this.#end(worker, undefined))
    // After whoever listens: listening, and reading what it prints, which is nothing, would keep the process alive.
    worker.unref()
    return worker
  }

  /** Another takes its place with the next look. */
  #end(worker: Worker, why: string | undefined): void {
    if (why !== undefined) this.#warn(why)
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#busy = false
  }

  /** Once: what does not work now will not the next time. */
  #warn(error: string): void {
    if (this.#faulty) return
    this.#faulty = true
    const facts = { error, path: this.#path }
    this.#operational?.warn(facts, 'what was written is not carried over into the state')
  }
}
