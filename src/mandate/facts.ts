/**
 * The argument values that rules read, kept with a decision so that it can be made again: long values cut, and
 * nothing from a field named like a secret.
 */
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import { isSecretName } from '../model/secret-name.ts'

/** Longest text, list and map that are kept whole; the values of one call together have at most so many nodes. */
const MAX_TEXT = 256
const MAX_ITEMS = 64
const MAX_NODES = 512
const MAX_DEPTH = 8

const SECRET: JsonObject = { $secret: true }

/** One value that some rule reads. */
interface Read {
  /** The key of the fact: `amount`, `order.total`. */
  readonly path: string
  readonly steps: readonly string[]
  readonly secret: boolean
}

/** Compiles the paths that rules read; the result copies their values out of a call's arguments. */
export function factsOf(paths: Iterable<string>): (args: JsonObject) => JsonObject {
  // No document names it, and no call that is admitted has it: as a key it would set the prototype.
  const named = [...new Set(paths)].filter((path) => path !== '__proto__').toSorted()
  const reads: readonly Read[] = named.map((path) => {
    const steps = path.split('.')
    return { path, steps, secret: steps.some(isSecretName) }
  })
  if (reads.length === 0) return () => ({})
  return (args) => {
    const facts: Record<string, Json> = {}
    let budget: Budget | undefined
    for (const { path, steps, secret } of reads) {
      const value = steps.length === 1 ? member(args, path) : walk(args, steps)
      if (value === undefined) continue
      if (secret) facts[path] = SECRET
      else if (isSmall(value)) facts[path] = value
      else facts[path] = cut(value, 0, (budget ??= { nodes: MAX_NODES }))
    }
    return facts
  }
}

interface Budget {
  nodes: number
}

function isSmall(value: Json): boolean {
  return typeof value === 'string'
    ? value.length <= MAX_TEXT
    : typeof value !== 'object' || value === null
}

function walk(args: JsonObject, steps: readonly string[]): Json | undefined {
  let value: Json | undefined = args
  for (const step of steps) value = isObject(value) ? member(value, step) : undefined
  return value
}

/** The value with what is long replaced by its length. */
function cut(value: Json, depth: number, budget: Budget): Json {
  budget.nodes -= 1
  if (budget.nodes < 0 || depth > MAX_DEPTH) return { $cut: true }
  if (isSmall(value)) return value
  if (typeof value === 'string') return { $length: value.length, $cut: true }
  if (isList(value)) {
    if (value.length > MAX_ITEMS) return { $length: value.length, $cut: true }
    return value.map((item) => cut(item, depth + 1, budget))
  }
  if (!isObject(value)) return { $cut: true }
  const entries = Object.entries(value)
  if (entries.length > MAX_ITEMS) return { $length: entries.length, $cut: true }
  return Object.fromEntries(
    entries.map(([key, item]) => [
      key.slice(0, MAX_TEXT),
      isSecretName(key) ? SECRET : cut(item, depth + 1, budget),
    ]),
  )
}
