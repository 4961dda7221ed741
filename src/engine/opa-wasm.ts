/** Rego compiled to WebAssembly: what the guard's own thread does of it. */
import { GuardError } from '../model/error.ts'
import type { EngineQuestion, Timers } from '../model/port.ts'
import { readBundle } from './bundle.ts'
import { type Asking, failed, reasonOf } from './said.ts'
import { evaluationOf, fits, MOST_BYTES, type Telling } from './told.ts'
import { openThread } from './thread.ts'

export interface RegoOptions {
  readonly bytes: Uint8Array
  readonly entrypoint: string
  readonly telling: Telling
}

/** @throws GuardError ERR_CONFIG_INVALID when the bundle is none, or does not load */
export async function opaWasmEngine(
  { bytes, entrypoint, telling }: RegoOptions,
  timers: Timers,
): Promise<Asking<EngineQuestion>> {
  const thread = await openThread({ kind: 'rego', ...bundleOf(bytes), entrypoint }, timers)
  return {
    ask: async (question, signal) => {
      const input = JSON.stringify(evaluationOf(question, telling))
      if (!fits(input)) return failed(`the question is longer than ${MOST_BYTES} bytes`)
      return thread.ask({ input }, signal)
    },
    close: () => thread.close(),
  }
}

function bundleOf(bytes: Uint8Array): ReturnType<typeof readBundle> {
  try {
    return readBundle(bytes)
  } catch (error) {
    throw new GuardError('ERR_CONFIG_INVALID', reasonOf(error), { cause: error })
  }
}
