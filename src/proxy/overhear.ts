/**
 * What an upstream says without being asked, on its way to an agent: it leaves its labels in the task first, and loses what
 * policies take out of it. Undefined for what may not be passed on.
 */
import type { CompiledMandate } from '../model/authority.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { OperationalLog } from '../model/port.ts'
import { redacted } from '../pipeline/duty/redact.ts'
import type { TaskPort } from '../pipeline/port.ts'

export interface OverhearOptions {
  readonly mandate: Pick<CompiledMandate, 'overheard'>
  readonly task: TaskPort
  readonly operational: OperationalLog
}

export class Overhear {
  readonly #options: OverhearOptions

  constructor(options: OverhearOptions) {
    this.#options = options
  }

  /** Leaves the labels alone; false where they could not be left. */
  marks(server: string): boolean {
    const { mandate, task, operational } = this.#options
    const { labels } = mandate.overheard(server)
    if (labels.length === 0) return true
    try {
      task.label(labels)
      return true
    } catch (error) {
      const facts = { server, error: error instanceof Error ? error.message : String(error) }
      operational.error(facts, 'labels could not be left: what an upstream says is dropped')
      return false
    }
  }

  /** A JSON text of this upstream. */
  text(server: string, json: string): string | undefined {
    return this.marks(server) ? this.clean(server, json) : undefined
  }

  /** The same of params; `kept` is a member that is not the upstream's own. */
  params(server: string, params: JsonObject, kept?: string): JsonObject | undefined {
    if (!this.marks(server)) return undefined
    // Most often nothing is looked for, and nothing has to be written for that.
    if (this.#options.mandate.overheard(server).detectors.length === 0) return params
    const json = JSON.stringify(params)
    const shown = this.clean(server, json, kept)
    if (shown === json) return params
    const heard: unknown = shown === undefined ? undefined : JSON.parse(shown)
    return isObject(heard) ? heard : undefined
  }

  /** Without labels, for what is kept until it is asked for. */
  clean(server: string, json: string, kept?: string): string | undefined {
    const { detectors } = this.#options.mandate.overheard(server)
    return detectors.length === 0 ? json : redacted(json, [{ detectors, paths: [] }], kept)
  }
}
