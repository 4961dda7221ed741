/** Opens the engines that a policy set configures. */
import { type EngineConfig, engineUrlFault } from '../model/engine.ts'
import { GuardError } from '../model/error.ts'
import type { PolicyEngine } from '../model/port.ts'
import { authzenEngine } from './authzen.ts'
import { cedarEngine } from './cedar.ts'
import { type Timing, withDeadline } from './deadline.ts'
import { type Client, clientOf } from './http.ts'
import { localTimeIn } from './local-time.ts'
import { opaEngine } from './opa-http.ts'
import { opaWasmEngine } from './opa-wasm.ts'
import type { Telling } from './told.ts'

export interface EngineDeps extends Timing {
  /** Expands the variables of a URL or a header. @throws GuardError where one is not set */
  readonly expand: (text: string) => string
  /** The bytes of a file beside `engines.yaml`: those that are part of the revision. @throws GuardError where it cannot be read */
  readonly read: (path: string) => Uint8Array
}

/**
 * Loads the engine's library, where it has one, and what it decides by. Nothing is asked over the network yet: a decision
 * point that is down denies calls, and keeps no guard from starting.
 *
 * @throws GuardError ERR_CONFIG_INVALID when the package is not installed, or a policy does not load
 */
export async function openEngine(config: EngineConfig, deps: EngineDeps): Promise<PolicyEngine> {
  try {
    return withDeadline(config, await askingOf(config, deps), deps)
  } catch (error) {
    if (!(error instanceof GuardError)) throw error
    throw new GuardError(error.code, `engine \`${config.id}\`: ${error.message}`, { cause: error })
  }
}

async function askingOf(
  config: EngineConfig,
  { timers, expand, read }: EngineDeps,
): Promise<Parameters<typeof withDeadline>[1]> {
  const telling: Telling = { send: config.send, localTime: localTimeIn(config.timezone) }
  switch (config.type) {
    case 'authzen': {
      const { url, client } = reach(config, expand)
      return authzenEngine({ url, discover: config.discover, telling }, client)
    }
    case 'opa': {
      const { url, client } = reach(config, expand)
      return opaEngine({ url, path: config.path, telling }, client)
    }
    case 'opa_wasm':
      return opaWasmEngine(
        { bytes: read(config.bundle), entrypoint: config.entrypoint, telling },
        timers,
      )
    case 'cedar': {
      const policies = config.policies.map((file) => ({ file, text: textOf(file, read(file)) }))
      return cedarEngine({ policies, telling }, timers)
    }
  }
}

function textOf(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new GuardError('ERR_CONFIG_INVALID', `\`${file}\` is not UTF-8`, { cause: error })
  }
}

type Remote = Extract<EngineConfig, { readonly url: string }>

function reach(
  { url: written, headers, insecure }: Remote,
  expand: (text: string) => string,
): { readonly url: URL; readonly client: Client } {
  const text = expand(written)
  const fault = engineUrlFault(text, insecure)
  if (fault !== undefined) throw unusable(fault)
  const url = new URL(text)
  const expanded = [...headers].map(
    ([name, value]) => [name, headerValue(name, expand(value))] as const,
  )
  return { url, client: clientOf(url, new Map(expanded)) }
}

function headerValue(name: string, value: string): string {
  if (/^[\t\u0020-\u007E]{0,8192}$/.test(value)) return value
  throw unusable(`the value of its header \`${name}\` cannot be sent`)
}

function unusable(why: string): GuardError {
  return new GuardError('ERR_CONFIG_INVALID', why)
}
