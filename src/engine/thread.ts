/**
 * An engine that computes has a thread of its own: WebAssembly cannot be interrupted, a thread can be ended. One that is
 * still at a question long after its deadline is ended with whatever else it was asked, and another takes its place.
 */
import { Worker } from 'node:worker_threads'
import { GuardError } from '../model/error.ts'
import { isObject, type Json } from '../model/json.ts'
import type { Timers } from '../model/port.ts'
import { failed, type Said, unreachable } from './said.ts'

/** What a thread is started for; bytes are copied to it. */
export type Job =
  | {
      readonly kind: 'rego'
      readonly wasm: Uint8Array
      readonly data: string
      readonly entrypoint: string
    }
  | {
      readonly kind: 'cedar'
      readonly policies: readonly CedarText[]
      readonly send: readonly string[]
    }

export interface CedarText {
  readonly file: string
  readonly text: string
}

/** One question to a thread; `schema` is sent as a text, which is the same as long as the definition is. */
export interface ThreadQuestion {
  readonly input: string
  readonly schema?: string
}

export interface Thread {
  ask(question: ThreadQuestion, signal: AbortSignal): Promise<Said>
  close(): Promise<void>
}

const START_MS = 30_000
/** What comes late may only have been parsed for the first time: ended at once, a slow machine would never get there. */
const GRACE_MS = 2_000
/** Most questions that wait in a thread, those included that nobody waits for any longer. */
const MOST_WAITING = 64
const HEAP_MB = 256

/**
 * Resolves once the thread is ready.
 *
 * @throws GuardError ERR_CONFIG_INVALID when it cannot do its job: the package is missing, the policy does not load.
 */
export async function openThread(job: Job, timers: Timers): Promise<Thread> {
  let current = startOf(job, timers)
  const fault = await current.ready
  if (fault !== undefined) throw new GuardError('ERR_CONFIG_INVALID', fault)
  let closed = false
  const replace = (): void => {
    const ended = current
    if (!closed) current = startOf(job, timers)
    void ended.end('it was ended with another question that took too long')
  }
  return {
    ask: async (question, signal) => {
      const asked = current
      let takeBack = (): void => {}
      const late = (): void => {
        takeBack = timers.after(GRACE_MS, () => {
          if (asked === current) replace()
        })
      }
      signal.addEventListener('abort', late, { once: true })
      try {
        const wrong = await asked.ready
        if (wrong !== undefined && asked === current) replace()
        return wrong === undefined ? await asked.ask(question) : unreachable(wrong)
      } finally {
        signal.removeEventListener('abort', late)
        takeBack()
      }
    },
    close: async () => {
      closed = true
      await current.end('it is closed')
    },
  }
}

interface Running {
  /** Undefined once it can be asked, or why it never can. Never rejects. */
  readonly ready: Promise<string | undefined>
  ask(question: ThreadQuestion): Promise<Said>
  end(why: string): Promise<void>
}

function startOf(job: Job, timers: Timers): Running {
  // Beside this file, and of its kind: it runs from the sources as well as from what was built of them.
  const file = import.meta.url.endsWith('.ts') ? './engine-worker.ts' : './engine-worker.js'
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: job,
    // What a policy prints must not reach stdout, which is the protocol; and none reads the environment.
    stdout: true,
    stderr: true,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  worker.unref()
  worker.stdout.resume()
  worker.stderr.resume()
  const waiting = new Map<number, (said: Said) => void>()
  let next = 0
  let over: string | undefined
  const started = Promise.withResolvers<string | undefined>()
  const takeBack = timers.after(START_MS, () => stop('it does not start'))
  const stop = (why: string): void => {
    over ??= why
    takeBack()
    started.resolve(over)
    for (const tell of waiting.values()) tell(unreachable(over))
    waiting.clear()
  }
  worker.on('message', (message: unknown) => {
    const heard = heardOf(message)
    if (heard.kind === 'ready') {
      takeBack()
      started.resolve(undefined)
    } else if (heard.kind === 'fault') stop(heard.why)
    else {
      waiting.get(heard.id)?.(heard.said)
      waiting.delete(heard.id)
    }
  })
  worker.on('error', (error: Error) => stop(`its thread broke: ${error.message}`))
  worker.on('exit', () => stop('its thread ended'))
  return {
    ready: started.promise,
    ask: (question) => {
      if (over !== undefined) return Promise.resolve(unreachable(over))
      if (waiting.size >= MOST_WAITING) return Promise.resolve(unreachable('its thread is busy'))
      const id = (next += 1)
      return new Promise((resolve) => {
        waiting.set(id, resolve)
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
        worker.postMessage({ id, ...question })
      })
    },
    end: async (why) => {
      stop(why)
      await worker.terminate()
    },
  }
}

type Heard =
  | { readonly kind: 'ready' }
  | { readonly kind: 'fault'; readonly why: string }
  | { readonly kind: 'said'; readonly id: number; readonly said: Said }

/** What a thread posts; anything else is an error, whatever it was about. */
function heardOf(message: unknown): Heard {
  if (!isObject(message)) return { kind: 'fault', why: 'its thread says what is no message' }
  const { ready, fault, id, effect, detail } = message
  if (ready === true) return { kind: 'ready' }
  if (typeof id !== 'number')
    return { kind: 'fault', why: typeof fault === 'string' ? fault : 'it does not load' }
  return { kind: 'said', id, said: saidOf(effect, detail) }
}

function saidOf(effect: Json | undefined, detail: Json | undefined): Said {
  if (effect !== 'permit' && effect !== 'deny' && effect !== 'error')
    return failed('its thread says what is no answer')
  return { effect, ...(typeof detail === 'string' && { detail }) }
}
