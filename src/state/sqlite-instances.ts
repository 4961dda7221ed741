/** The guards that run, in the database, each as it says of itself. */
import { type Instant, sha256 } from '../model/id.ts'
import { isList, isObject, type Json } from '../model/json.ts'
import type { RunningGuard } from '../model/port.ts'
import type { Instance } from '../model/state.ts'
import { isAlive, type LastSaid, type Runs } from './running.ts'
import {
  type Connection,
  instantIn,
  jsonIn,
  numberIn,
  optional,
  type Row,
  textIn,
} from './sqlite-connection.ts'

const REGISTER = `
  INSERT OR REPLACE INTO instances
  (instance, pid, started_at, heartbeat_at, seen, log, mandates, upstreams)
  VALUES (?, ?, ?, ?, 0, ?, ?, ?)`
const HEARTBEAT = `
  UPDATE instances SET heartbeat_at = ?, seen = ?, seen_at = coalesce(?, seen_at)
  WHERE instance = ?`
const NOTE = 'UPDATE marks SET latest = ? WHERE id = 1 AND latest < ?'
const UNREGISTER = 'DELETE FROM instances WHERE instance = ?'
const INSTANCES = 'SELECT * FROM instances ORDER BY started_at, instance'
/** Whoever still holds something is kept, so that its holds are found. */
const OLD = `
  SELECT instance, pid, heartbeat_at FROM instances i
  WHERE heartbeat_at < ? AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.instance = i.instance)`
/** How long one that is gone is still shown, in milliseconds. */
const SHOWN_MS = 7 * 86_400_000

export class InstanceTable {
  readonly #connection: Connection
  readonly #runs: Runs
  /** As it registered. */
  #self: RunningGuard | undefined

  constructor(connection: Connection, runs: Runs) {
    this.#connection = connection
    this.#runs = runs
  }

  register(guard: RunningGuard, now: Instant): void {
    this.#connection.transaction(() => {
      this.#forgetOld(now)
      this.#add(guard, now)
      this.#connection.sql(NOTE).run(now, now)
    })
    this.#self = guard
  }

  heartbeat(instance: string, at: Instant, seen: number, seenAt?: Instant): void {
    this.#connection.transaction(() => {
      const beat = (): boolean =>
        this.#connection.sql(HEARTBEAT).run(at, seen, seenAt ?? null, instance).changes > 0
      // It was taken for gone while it slept, and is not.
      if (!beat() && this.#self?.instance === instance) {
        this.#add(this.#self, at)
        beat()
      }
      this.#connection.sql(NOTE).run(at, at)
    })
  }

  unregister(instance: string): void {
    if (this.#self?.instance === instance) this.#self = undefined
    this.#connection.write(UNREGISTER, instance)
  }

  instances(now: Instant): readonly Instance[] {
    return this.#connection.guarded(() =>
      this.#connection
        .sql(INSTANCES)
        .all()
        .map((row) => instanceIn(row, now, this.#runs)),
    )
  }

  #add({ instance, pid, startedAt, log, mandates, upstreams }: RunningGuard, at: Instant): void {
    const lists = [JSON.stringify(mandates), JSON.stringify(upstreams)] as const
    this.#connection.sql(REGISTER).run(instance, pid, startedAt, at, log, ...lists)
  }

  #forgetOld(now: Instant): void {
    for (const row of this.#connection.sql(OLD).all(now - SHOWN_MS))
      if (!this.#runs(lastSaid(row))) this.#connection.sql(UNREGISTER).run(textIn(row, 'instance'))
  }
}

function lastSaid(row: Row): LastSaid {
  return { pid: numberIn(row, 'pid'), heartbeatAt: instantIn(row, 'heartbeat_at') }
}

function instanceIn(row: Row, now: Instant, runs: Runs): Instance {
  const last = lastSaid(row)
  return {
    instance: textIn(row, 'instance'),
    ...last,
    alive: isAlive(last, now, runs),
    startedAt: instantIn(row, 'started_at'),
    seen: numberIn(row, 'seen'),
    ...optional(row, 'seen_at', 'seenAt', instantIn),
    log: textIn(row, 'log'),
    mandates: jsonIn(row, 'mandates', isList).map(mandateOf),
    upstreams: jsonIn(row, 'upstreams', isList).map(nameOf),
  }
}

function mandateOf(value: Json): Instance['mandates'][number] {
  if (!isObject(value)) throw new TypeError('a mandate is not of its form')
  const { name, digest, agent } = value
  return { name: nameOf(name), digest: sha256(nameOf(digest)), agent: nameOf(agent) }
}

function nameOf(value: Json | undefined): string {
  if (typeof value !== 'string') throw new TypeError('a name is no text')
  return value
}
