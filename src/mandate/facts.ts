/**
 * The argument values that rules read, kept with a decision so that it can be made again: long values cut, and
 * nothing from a field named like a secret.
 */
import type { Condition } from '../expression/condition.ts'
import type { ArgumentReads } from '../model/authority.ts'
import type { CallContext } from '../model/call.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import { isSecretName } from '../model/secret-name.ts'

/** Longest text, list and map that are kept whole; the values of one call together have at most so many nodes. */
const MAX_TEXT = 256
const MAX_ITEMS = 64
const MAX_NODES = 512
const MAX_DEPTH = 8

const SECRET: JsonObject = { $secret: true }

/** Copies what is read out of a call's arguments, under its path, beside what was read before. */
export type Facts = (args: JsonObject, before?: JsonObject) => JsonObject

/** Everything of a call that rules read: arguments, and answers of the task's history. */
export type CallFacts = (call: CallContext) => JsonObject

/** Adds the answers that conditions had of the history, under the text of each question. */
export function withHistory(
  facts: Facts,
  conditions: readonly (Condition | undefined)[],
): CallFacts {
  const asking = conditions.filter((one) => one !== undefined && one.history.length > 0)
  if (asking.length === 0) return (call) => facts(call.args)
  return (call) =>
    Object.fromEntries([
      ...Object.entries(facts(call.args)),
      ...asking.flatMap((one) => Object.entries(one?.historyFacts(call) ?? {})),
    ])
}

export function factsOf({ names, paths }: ArgumentReads): Facts {
  // No document names it, and no call that is admitted has it: as a key it would set the prototype.
  const safe = (path: string): boolean => path !== '__proto__'
  const flat = paths.filter((path) => !path.includes('.'))
  const all = [...new Set([...names, ...flat])].filter(safe).toSorted()
  const whole = all.filter((name) => !isSecretName(name))
  const secrets = all.filter((name) => isSecretName(name)).map((name) => [name])
  const deep = paths.filter((path) => path.includes('.') && !all.includes(path))
  const rest = [...secrets, ...[...new Set(deep)].toSorted().map((path) => path.split('.'))].map(
    (steps) => ({ path: steps.join('.'), steps, secret: steps.some(isSecretName) }),
  )
  return (args, before) => {
    const facts: Record<string, Json> = {}
    if (before) for (const path in before) facts[path] = before[path] ?? null
    let budget: Budget | undefined
    for (const path of whole) {
      const value = member(args, path)
      if (value === undefined) continue
      facts[path] = isSmall(value) ? value : cut(value, 0, (budget ??= { nodes: MAX_NODES }))
    }
    for (const { path, steps, secret } of rest) {
      const value = walk(args, steps)
      if (value === undefined) continue
      facts[path] = secret ? SECRET : cut(value, 0, (budget ??= { nodes: MAX_NODES }))
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
  const { length } = Object.keys(value)
  if (length > MAX_ITEMS) return { $length: length, $cut: true }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.slice(0, MAX_TEXT),
      isSecretName(key) ? SECRET : cut(item, depth + 1, budget),
    ]),
  )
}
