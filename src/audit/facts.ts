/** Facts as they go on record: canonical, with what is secret left out and named, and cut when an entry has no room. */
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import { isSecretName } from '../model/secret-name.ts'
import { holdsSecret, withoutSecrets } from '../model/secret-shape.ts'

/** With more erasures than this, all facts go, so that an entry cannot be filled with the names of what is missing. */
const MOST_ERASED = 64
const LONGEST_KEY = 256
const REMEMBERED_KEYS = 1024
const LARGEST_DEPTH = 64

/** Members that hold the name of what their object is about, as headers and variables are listed. */
const NAME_MEMBERS = ['name', 'key', 'header', 'field', 'variable'] as const

type KeyKind = 'plain' | 'secret' | 'unsayable'

interface Key {
  readonly kind: KeyKind
  /** As JSON text. */
  readonly text: string
}

/**
 * Writes facts. Remembers what it found out about names, which come from mandates and repeat.
 * A member whose name says that it is a secret is left out, at any depth; a text that holds one is masked;
 * each leaves its path in `erased`, below `root`.
 */
export function factsWriter(root = 'facts'): (facts: JsonObject, erased: string[]) => string {
  const keys = new Map<string, Key>()
  const keyOf = (name: string): Key => {
    const known = keys.get(name)
    if (known !== undefined) return known
    if (keys.size >= REMEMBERED_KEYS) keys.clear()
    const key = { kind: judge(name), text: JSON.stringify(name) }
    keys.set(name, key)
    return key
  }
  return (facts, erased) => {
    const before = erased.length
    const text = objectText(facts, { path: root, parent: '', depth: 0, erased, keyOf })
    if (erased.length - before <= MOST_ERASED) return text
    erased.length = before
    erased.push(root)
    return '{}'
  }
}

interface Position {
  readonly path: string
  readonly parent: string
  readonly depth: number
  readonly erased: string[]
  readonly keyOf: (name: string) => Key
}

function objectText(facts: JsonObject, at: Position): string {
  const names = namesInOrder(facts)
  const about = names.length > 1 && isAboutSecret(facts, at.keyOf)
  let text = ''
  for (const name of names) {
    const value = facts[name]
    if (value === undefined) continue
    const key = at.keyOf(name)
    const kind = about && !isNameMember(name) ? 'secret' : kindBelow(name, key, at)
    if (kind === 'unsayable') at.erased.push(`${at.path}.*`)
    else if (kind === 'secret') at.erased.push(`${at.path}.${name}`)
    else text += `${text === '' ? '' : ','}${key.text}:${valueText(value, name, at)}`
  }
  return `{${text}}`
}

/** By UTF-16 code units, as RFC 8785 section 3.2.3 asks; that is the default order of a sort. */
function namesInOrder(facts: JsonObject): readonly string[] {
  const names = Object.keys(facts)
  for (let index = 1; index < names.length; index += 1) {
    if ((names[index - 1] ?? '') > (names[index] ?? '')) return names.sort()
  }
  return names
}

function valueText(value: Json, key: string, at: Position): string {
  if (typeof value === 'string') {
    const shown = withoutSecrets(value)
    if (shown !== value) at.erased.push(`${at.path}.${key}`)
    return JSON.stringify(shown)
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new RangeError('JSON has no number that is not finite')
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (at.depth >= LARGEST_DEPTH) {
    at.erased.push(`${at.path}.${key}`)
    return 'null'
  }
  const below = { ...at, path: `${at.path}.${key}`, depth: at.depth + 1 }
  if (!isList(value)) return objectText(value, { ...below, parent: key })
  return `[${value.map((item, index) => valueText(item, String(index), { ...below, parent: key })).join(',')}]`
}

/** `api: { key: … }` is a secret as `api.key: …` is. */
function kindBelow(name: string, key: Key, at: Position): KeyKind {
  if (key.kind !== 'plain' || at.parent === '') return key.kind
  return at.keyOf(`${at.parent}.${name}`).kind
}

/** `{ name: "Authorization", value: … }` */
function isAboutSecret(facts: JsonObject, keyOf: (name: string) => Key): boolean {
  for (const member of NAME_MEMBERS) {
    const name = facts[member]
    if (typeof name === 'string' && name.length <= LONGEST_KEY && keyOf(name).kind === 'secret')
      return true
  }
  return false
}

function isNameMember(key: string): boolean {
  return NAME_MEMBERS.some((member) => member === key)
}

/** A key is a path, so every step of it is asked as well as the whole; `token2` is as much a secret as `token`. */
function judge(key: string): KeyKind {
  if (key.length > LONGEST_KEY || holdsSecret(key) || withoutSecrets(key) !== key)
    return 'unsayable'
  const steps = key.split(/[^\p{L}\p{N}_-]+/u)
  const named = [key, ...steps].some((step) => isSecretName(step.replaceAll(/\d+/g, '_')))
  return named ? 'secret' : 'plain'
}

interface Leaf {
  readonly path: readonly string[]
  readonly cost: number
}

/**
 * The facts without the largest of their values, as few as free `bytes` bytes of an entry, and the paths of what
 * was taken. Everything goes when that would take more than 64 of them. `worth`: bytes of the entry that one byte of them
 * takes.
 */
export function cutFacts(
  facts: JsonObject,
  bytes: number,
  worth = 1,
): { readonly facts: JsonObject; readonly erased: readonly string[] } {
  const leaves: Leaf[] = []
  collect(facts, [], leaves)
  leaves.sort((a, b) => b.cost - a.cost)
  const taken: (readonly string[])[] = []
  let missing = bytes
  for (const leaf of leaves) {
    if (missing <= 0 || taken.length > MOST_ERASED) break
    taken.push(leaf.path)
    missing -= leaf.cost * worth - Buffer.byteLength(leaf.path.join('.')) - 'facts.",'.length
  }
  if (missing > 0 || taken.length > MOST_ERASED) return { facts: {}, erased: ['facts'] }
  return {
    facts: taken.reduce<JsonObject>((left, path) => leftOut(left, path), facts),
    erased: taken.map((path) => `facts.${path.join('.')}`),
  }
}

function collect(facts: JsonObject, path: readonly string[], leaves: Leaf[]): void {
  for (const [key, value] of Object.entries(facts)) {
    const here = [...path, key]
    if (isObject(value) && here.length < LARGEST_DEPTH) collect(value, here, leaves)
    else leaves.push({ path: here, cost: Buffer.byteLength(JSON.stringify(value)) })
  }
}

function leftOut(facts: JsonObject, path: readonly string[]): JsonObject {
  const [key = '', ...rest] = path
  // fromEntries defines members: a key named __proto__ stays a plain member.
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]): [string, Json][] => {
      if (name !== key) return [[name, value]]
      return rest.length > 0 && isObject(value) ? [[name, leftOut(value, rest)]] : []
    }),
  )
}
