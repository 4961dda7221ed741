/** Opens what is sealed of an entry, so that it reads as if it stood there; what was erased reads as erased. */
import { createDecipheriv, createSecretKey } from 'node:crypto'
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import type { Entry } from '../model/record.ts'

export const SLOT_BYTES = 32
const TAG_BYTES = 16
const NONCE = Buffer.alloc(12)
const NOTHING = Buffer.alloc(SLOT_BYTES)

/** What became of the content of an entry; `kept_apart`: there is no key file beside the log. */
export type Content = 'none' | 'open' | 'erased' | 'kept_apart' | 'unreadable'

export interface Opened {
  readonly entry: Entry
  readonly content: Content
}

export function isErased(slot: Uint8Array): boolean {
  return NOTHING.equals(slot)
}

/** `slot`: the 32 bytes of the entry's key; undefined where nobody has them. */
export function unsealed(entry: Entry, slot: Uint8Array | undefined): Opened {
  const sealed = member(entry, 'sealed')
  if (sealed === undefined) return { entry: withFacts(entry, {}), content: 'none' }
  if (slot === undefined) return { entry: closed(entry), content: 'kept_apart' }
  if (isErased(slot)) return { entry: closed(entry), content: 'erased' }
  const content = typeof sealed === 'string' ? plainOf(entry, sealed, slot) : undefined
  if (!content) return { entry: closed(entry), content: 'unreadable' }
  return { entry: withContent(entry, content), content: 'open' }
}

function plainOf(entry: Entry, sealed: string, slot: Uint8Array): JsonObject | undefined {
  try {
    const bytes = Buffer.from(sealed, 'base64')
    const log = member(entry, 'log')
    if (typeof log !== 'string') return undefined
    const place = `${log} ${entry.seq}`
    // Of bytes the runtime asks first whether they are one of its keys, which takes it longer than all the rest.
    const key = createSecretKey(slot)
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(place))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const text = Buffer.concat([
      decipher.update(bytes.subarray(0, -TAG_BYTES)),
      decipher.final(),
    ]).toString('utf8')
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function withContent(entry: Entry, content: JsonObject): Entry {
  const { args, uri, detail } = content
  const engines = objectAt(content, 'engines')
  return {
    ...withFacts(entry, objectAt(content, 'facts')),
    ...(isObject(args) && { args }),
    ...(typeof detail === 'string' && { detail }),
    ...(typeof uri === 'string' && { request: { ...objectAt(entry, 'request'), name: uri } }),
    ...(Object.keys(engines).length > 0 && { decision: withEngines(entry, engines) }),
  }
}

/** What an engine said stands beside its answer. */
function withEngines(entry: Entry, said: JsonObject): JsonObject {
  const decision = objectAt(entry, 'decision')
  const policy = objectAt(decision, 'policy')
  const { engines } = policy
  if (!isList(engines)) return decision
  const told = engines.map((one) => {
    const name = isObject(one) ? one['engine'] : undefined
    const detail = typeof name === 'string' ? member(said, name) : undefined
    return isObject(one) && detail !== undefined ? { ...one, detail } : one
  })
  return { ...decision, policy: { ...policy, engines: told } }
}

/** What the entry says in clear, and what it said sealed, are one; of what is hashed, nobody knows more than that it was there. */
function withFacts(entry: Entry, sealed: JsonObject): Entry {
  const clear = Object.entries(objectAt(entry, 'clear'))
  const hashed = Object.keys(objectAt(entry, 'hashed'))
  const bare = !isDecided(entry) && Object.keys(sealed).length === 0
  if (bare && clear.length === 0 && hashed.length === 0) return entry
  const start: JsonObject = { ...objectAt(entry, 'facts'), ...sealed }
  const facts = clear.reduce((all, [path, value]) => placed(all, path, value), start)
  const erased = hashed.map((path) => `facts.${path}`)
  return { ...entry, facts, ...(erased.length > 0 && { erased: [...erasedIn(entry), ...erased] }) }
}

/** Facts of a decision are left out where there are none. */
function isDecided(entry: Entry): boolean {
  return isObject(member(entry, 'decision'))
}

/** Puts a value back where it was taken from: a fact of its own, or a part of one. */
function placed(facts: JsonObject, path: string, value: Json): JsonObject {
  const owner = Object.keys(facts).find((name) => path.startsWith(`${name}.`))
  if (owner === undefined) return { ...facts, [path]: value }
  const steps = path.slice(owner.length + 1).split('.')
  return { ...facts, [owner]: within(facts[owner] ?? null, steps, value) }
}

function within(whole: Json, steps: readonly string[], value: Json): Json {
  const [step, ...rest] = steps
  if (step === undefined) return value
  if (isList(whole)) {
    const at = Number(step)
    return whole.map((item, index) => (index === at ? within(item, rest, value) : item))
  }
  if (!isObject(whole)) return whole
  // A name may have dots itself.
  const name = Object.keys(whole).find((key) => steps.join('.').startsWith(`${key}.`)) ?? step
  if (name !== step)
    return { ...whole, [name]: within(whole[name] ?? null, restOf(steps, name), value) }
  return {
    ...whole,
    [step]: within(member(whole, step) ?? (rest.length > 0 ? {} : null), rest, value),
  }
}

function restOf(steps: readonly string[], name: string): readonly string[] {
  return steps
    .join('.')
    .slice(name.length + 1)
    .split('.')
}

/** Nothing that it says of itself can be taken for all there was. */
function closed(entry: Entry): Entry {
  const shown = withFacts(entry, {})
  const gone: Json[] = [...erasedIn(shown), 'facts']
  const request = member(entry, 'request')
  if (isObject(request) && !Object.hasOwn(request, 'name')) gone.push('request.name')
  return { ...shown, erased: gone }
}

function erasedIn(entry: Entry): readonly Json[] {
  const erased = member(entry, 'erased')
  return isList(erased) ? erased : []
}

function objectAt(entry: JsonObject, key: string): JsonObject {
  const value = member(entry, key)
  return isObject(value) ? value : {}
}
