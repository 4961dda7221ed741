/** Objects that entries name by their hash, and whether they lie beside the log as what they are named. */
import { createHash, hash } from 'node:crypto'
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { isList, isObject, type Json, type JsonObject, member } from '../../model/json.ts'

const HEX = /^[0-9a-f]{64}$/
/** Documents that name others; no larger one is looked into. */
const LARGEST_LIST = 16 * 1024 * 1024

interface Named {
  readonly what: string
  /** The first entry that names it. */
  readonly seq: number
}

/** Facts of events that name one object. */
const EVENTS: Readonly<Record<string, { readonly member: string; readonly what: string }>> = {
  guard_started: { member: 'lock_s256', what: 'the lock file' },
  policies_loaded: { member: 's256', what: 'the policy set' },
  settings_loaded: { member: 's256', what: 'the settings' },
  catalog_listed: { member: 's256', what: 'the catalog' },
}

export class NamedObjects {
  readonly #named = new Map<string, Named>()

  note(entry: JsonObject, seq: number): void {
    const mandate = entry['mandate']
    if (isObject(mandate)) this.#add(mandate['s256'], 'the mandate', seq)
    const decision = entry['decision']
    if (isObject(decision)) {
      const policy = decision['policy']
      if (isObject(policy)) this.#add(policy['s256'], 'the policy set', seq)
      const request = entry['request']
      if (isObject(request)) this.#add(request['definition'], 'the definition', seq)
    }
    if (entry['type'] === 'event') this.#noteEvent(entry, seq)
  }

  #noteEvent(entry: JsonObject, seq: number): void {
    const facts = entry['facts']
    const event = entry['event']
    if (!isObject(facts) || typeof event !== 'string') return
    const known = Object.hasOwn(EVENTS, event) ? EVENTS[event] : undefined
    if (known) this.#add(member(facts, known.member), known.what, seq)
    if (event === 'mandate_loaded') this.#addAll(facts['roles'], 's256', { what: 'a role', seq })
  }

  #addAll(list: Json | undefined, key: string, { what, seq }: Named): void {
    for (const one of isList(list) ? list : []) {
      if (isObject(one)) this.#add(member(one, key), what, seq)
    }
  }

  #add(name: Json | undefined, what: string, seq: number): void {
    if (typeof name !== 'string' || this.#named.has(name) || !HEX.test(name)) return
    this.#named.set(name, { what, seq })
  }

  /** Everything that is wrong in that folder; entries name what is in it by the SHA-256 of its bytes. */
  async check(
    folder: string,
    tell: (name: string, message: string, seq?: number) => void,
  ): Promise<number> {
    const there = new Set(namesIn(folder))
    for (const name of there) {
      const path = join(folder, name)
      if (!HEX.test(name)) continue
      const named = this.#named.get(name)
      if (!statSync(path).isFile()) tell(name, 'it is no regular file', named?.seq)
      else if ((await hashOf(path)) !== name) {
        tell(name, `${named?.what ?? 'it'} was altered: its name is not its hash`, named?.seq)
      } else if (named) this.#follow(path, named)
    }
    // What was found on the way is looked for, too.
    for (const [name, { what, seq }] of this.#named) {
      if (!there.has(name)) tell(name, `${what} is not there, and record ${seq} names it`, seq)
    }
    return this.#named.size
  }

  /** A policy set lists its files, a catalog the definitions that were offered. */
  #follow(path: string, { what, seq }: Named): void {
    if (what !== 'the policy set' && what !== 'the catalog') return
    if (statSync(path).size > LARGEST_LIST) return
    const value = jsonIn(path)
    if (what === 'the policy set') this.#addAll(value, 's256', { what: 'a policy', seq })
    else if (isObject(value))
      this.#addAll(value['upstreams'], 'definitions', { what: 'definitions of a catalog', seq })
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

async function hashOf(path: string): Promise<string> {
  if (statSync(path).size <= LARGEST_LIST) return hash('sha256', readFileSync(path), 'hex')
  const digest = createHash('sha256')
  await pipeline(createReadStream(path), digest)
  return digest.digest('hex')
}

function jsonIn(path: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isObject(value) || isList(value) ? value : undefined
  } catch {
    return undefined
  }
}
