/**
 * Keeps the policies of a running guard those of their folder: a set that is good is put in force as one, a set that is not
 * leaves the one before in force, and says so.
 */
import type { FileLog } from '../audit/log.ts'
import { policySignature } from '../config/policy-folder.ts'
import { watchPolicies } from '../config/policy-watch.ts'
import type { Webhooks } from '../config/webhooks.ts'
import type { JsonObject } from '../model/json.ts'
import { type Problem, problemText } from '../model/document.ts'
import type { EngineConfig } from '../model/engine.ts'
import type { Clock, OperationalLog, PolicyEngine, Timers, Watch } from '../model/port.ts'
import type { LiveMandate } from '../policy/live.ts'
import { type PolicyLoad, readPolicies } from './policies.ts'

export interface KeeperParts {
  readonly log: Pick<FileLog, 'append' | 'putObject'>
  readonly operational: OperationalLog
  readonly clock: Clock
  readonly timers: Timers
  readonly watch: Watch
  readonly webhooks: Webhooks
  /** Opens an engine with the files of its set. */
  readonly open: (config: EngineConfig, load: PolicyLoad) => Promise<PolicyEngine>
}

/** How long a folder has to stay as it is before it is read: a file that is half written may say less than it should. */
const SETTLE_MS = 250
/** Calls that ask an engine at the moment of a swap may still hear its answer. */
const LINGER_MS = 10_000

interface Open {
  readonly key: string
  readonly engine: PolicyEngine
}

export class PolicyKeeper {
  readonly #parts: KeeperParts
  readonly #lives = new Set<LiveMandate>()
  #load: PolicyLoad
  #engines = new Map<string, Open>()
  #reading = false
  #again = false
  /** The last set that was read is bad. */
  #refused = false
  #closed = false
  #close: (() => void) | undefined
  #look: (() => void) | undefined

  private constructor(parts: KeeperParts, load: PolicyLoad) {
    this.#parts = parts
    this.#load = load
  }

  /**
   * Puts the set on record and opens its engines.
   *
   * @throws GuardError ERR_AUDIT_APPEND, or what `open` throws
   */
  static async start(parts: KeeperParts, load: PolicyLoad): Promise<PolicyKeeper> {
    const keeper = new PolicyKeeper(parts, load)
    keeper.#engines = await keeper.#opened(load)
    await keeper.#recorded(load)
    return keeper
  }

  /** The set in force. */
  get load(): PolicyLoad {
    return this.#load
  }

  /** The engines in force. */
  get engines(): { get(id: string): PolicyEngine | undefined } {
    return { get: (id) => this.#engines.get(id)?.engine }
  }

  /** From now on this mandate is under whatever set is in force. */
  follow(live: LiveMandate): void {
    this.#lives.add(live)
  }

  /** Looks for changes from now on; `signature` is that of the folder as it was read. */
  watch(signature: string): void {
    const { timers, watch } = this.#parts
    const { folder } = this.#load
    const watching = watchPolicies(folder, { timers, watch, seen: signature }, () =>
      this.#changed(),
    )
    this.#close = () => watching.close()
    this.#look = () => watching.look()
  }

  /** Looks now. */
  look(): void {
    this.#look?.()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#close?.()
    await Promise.all([...this.#engines.values()].map(({ engine }) => engine.close()))
  }

  #changed(): void {
    if (this.#reading) {
      this.#again = true
      return
    }
    this.#reading = true
    const before = policySignature(this.#load.folder)
    this.#parts.timers.after(SETTLE_MS, () => {
      if (this.#closed) return
      const settled = policySignature(this.#load.folder) === before
      const next = settled ? this.#reload() : Promise.resolve()
      void next.finally(() => {
        this.#reading = false
        const more = this.#again || !settled
        this.#again = false
        if (more && !this.#closed) this.#changed()
      })
    })
  }

  /** Never rejects: whatever breaks leaves the set before in force, and the guard running. */
  async #reload(): Promise<void> {
    let engines: Map<string, Open> | undefined
    try {
      const read = readPolicies(this.#load.folder, this.#parts.webhooks)
      const { load } = read
      if (!load) {
        this.#refuse(read.problems.filter(({ level }) => level === 'error'))
        return
      }
      if (load.policies.revision === this.#load.policies.revision) {
        await this.#mended(load)
        return
      }
      engines = await this.#opened(load)
      await this.#recorded(load)
      if (this.#closed) await this.#discard(engines)
      else this.#swap(load, engines)
    } catch (error) {
      if (engines) await this.#discard(engines)
      const message = error instanceof Error ? error.message : String(error)
      this.#refuse([{ id: 'policies_refused', level: 'error', message }])
    }
  }

  /** What was bad is again what is in force: whoever was told so is told that, too. */
  async #mended(load: PolicyLoad): Promise<void> {
    if (!this.#refused) return
    this.#refused = false
    this.#parts.operational.info(factsOf(load), 'policies are again those that are in force')
    await this.#recorded(load).catch((error: unknown) =>
      this.#parts.operational.error({ error: String(error) }, 'an event could not be recorded'),
    )
  }

  /** All at once, in one turn of the event loop: no call sees the rules of one set and the engines of another. */
  #swap(load: PolicyLoad, engines: Map<string, Open>): void {
    const before = this.#engines
    this.#refused = false
    this.#load = load
    this.#engines = engines
    for (const live of this.#lives) live.swap(load.policies)
    const facts = factsOf(load)
    if (load.policies.rules.length === 0 && load.engines.length === 0)
      this.#parts.operational.warn(facts, 'policies are in force that say nothing at all')
    else this.#parts.operational.info(facts, 'other policies are in force')
    const kept = new Set([...engines.values()].map(({ engine }) => engine))
    for (const { engine } of before.values()) {
      if (!kept.has(engine)) this.#parts.timers.after(LINGER_MS, () => void engine.close())
    }
  }

  #refuse(problems: readonly Problem[]): void {
    this.#refused = true
    const { operational, log, clock } = this.#parts
    const texts = problems.map(problemText)
    const { revision } = this.#load.policies
    for (const problem of texts)
      operational.error(
        { problem, revision },
        'policies were changed and are bad: those before stay in force',
      )
    const facts = { folder: this.#load.folder, in_force: revision, problems: texts.slice(0, 8) }
    log
      .append({ type: 'event', at: clock.now(), event: 'policies_refused', facts })
      .catch((error: unknown) =>
        operational.error({ error: String(error) }, 'an event could not be recorded'),
      )
  }

  /** @throws GuardError ERR_AUDIT_APPEND */
  #keep({ documents, manifest }: PolicyLoad): void {
    for (const { bytes } of documents) this.#parts.log.putObject(bytes)
    this.#parts.log.putObject(Buffer.from(manifest))
  }

  async #recorded(load: PolicyLoad): Promise<void> {
    this.#keep(load)
    const at = this.#parts.clock.now()
    const facts = factsOf(load)
    await this.#parts.log.append({ type: 'event', at, event: 'policies_loaded', facts })
  }

  /**
   * Engines that are what they were stay open. Where one cannot be opened, those that were opened for it are closed.
   *
   * @throws what `open` throws
   */
  async #opened(load: PolicyLoad): Promise<Map<string, Open>> {
    const opened = new Map<string, Open>()
    try {
      for (const config of load.engines) {
        const key = keyOf(config, load)
        const known = this.#engines.get(config.id)
        const engine = known?.key === key ? known.engine : await this.#parts.open(config, load)
        opened.set(config.id, { key, engine })
      }
      return opened
    } catch (error) {
      await this.#discard(opened)
      throw error
    }
  }

  /** Closes engines that are not in force. */
  async #discard(engines: ReadonlyMap<string, Open>): Promise<void> {
    const inForce = new Set([...this.#engines.values()].map(({ engine }) => engine))
    for (const { engine } of engines.values()) if (!inForce.has(engine)) await engine.close()
  }
}

/** Changes with everything that an engine is made of. */
function keyOf(config: EngineConfig, { documents }: PolicyLoad): string {
  const { place: _, targets: __, ...own } = config
  const plain: unknown = JSON.parse(
    JSON.stringify(own, (_key, value: unknown) => (value instanceof Map ? [...value] : value)),
  )
  const files = documents.filter(({ kind }) => kind === 'bundle').map(({ digest }) => digest)
  return JSON.stringify([plain, files])
}

function factsOf({ policies, engines, folder }: PolicyLoad): JsonObject {
  return {
    s256: policies.revision,
    folder,
    policies: policies.files.map(({ name }) => name),
    rules: policies.rules.length,
    engines: engines.map(({ id }) => id),
  }
}
