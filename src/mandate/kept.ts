/**
 * The arguments of a call as far as the record keeps them: the values that rules read, by path. What is not kept can be
 * asked for like anything else; that it was is noticed, and whatever asked for it has no answer.
 */
import type { ArgumentReads } from '../model/authority.ts'
import type { Veil } from '../model/call.ts'
import { replayedHistory } from '../expression/replay-history.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import type { History } from '../model/policy.ts'
import { OTHER } from '../model/veil.ts'

/** What the record says of a call's arguments. */
export interface Kept {
  /** By the path under which they were read, among other facts. */
  readonly facts: JsonObject
  /** Paths of what was left out of the entry, or is not in it as it was: `facts.body`. */
  readonly erased: readonly string[]
  /** What was read for the decision, and is in the facts where it was there; undefined where that is not known. */
  readonly reads: ArgumentReads | undefined
  /** Are these all arguments, with these values? Undefined where that cannot be found out. */
  readonly verify: (args: JsonObject) => boolean | undefined
  /** True where a call was let through that had no second spelling of what was read. */
  readonly passed: boolean
}

/** As much of a call as is kept. */
export interface Veiled {
  readonly args: JsonObject
  readonly veil: Veil
  /** Answers as they are among the facts. */
  readonly history: History
  /** Paths of the arguments whose values are not kept. */
  readonly missing: readonly string[]
  /** Something was read that is not known. */
  touch(): void
}

/** `args`: all arguments as they were, where they are known. */
export function keptCall(kept: Kept, args?: JsonObject): Veiled {
  const { facts, erased, reads, verify, passed } = kept
  const lost = lostIn(erased)
  const members = new Map<string, Part>()
  if (reads && !args) gather(reads, facts, lost, members)
  const missing = hiddenIn(members)
  const plain = args ?? (missing.length === 0 && !lost.any ? plainOf(members) : undefined)
  const verified = args ? true : plain && verify(plain)
  const names = new Set(reads && namesIn(reads))
  const veil: Changing<Veil> = {
    touched: 0,
    knows: (name) => verified === true || members.has(name) || (names.has(name) && !lost.any),
    others:
      verified === true
        ? 'none'
        : verified === false && reads && isFlat(reads)
          ? 'some'
          : 'unknown',
    plain: passed ? new Set(reads && firstNames(reads)) : new Set(),
  }
  const touch = (): void => {
    veil.touched += 1
  }
  const shown = new Map(members)
  if (veil.others === 'some') shown.set(OTHER, HIDDEN)
  return {
    args: plain && verified === true ? plain : veiled(shown, veil.knows, touch),
    veil,
    history: historyIn(facts, lost, touch),
    missing,
    touch,
  }
}

function historyIn(facts: JsonObject, lost: Lost, touch: () => void): History {
  const replayed = replayedHistory(facts)
  return {
    read: (query, at, value) => {
      if (lost.any || lost.has(query.key)) touch()
      return replayed.read(query, at, value)
    },
  }
}

type Changing<T> = { -readonly [Key in keyof T]: T[Key] }

/** What is behind a name: a value, an object of which some members are known, or something that is not kept. */
type Part =
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'partial'; readonly members: Map<string, Part> }
  | { readonly kind: 'hidden' }

const HIDDEN: Part = { kind: 'hidden' }

interface Lost {
  /** Something is left out, and nobody knows what it is called. */
  readonly any: boolean
  readonly has: (path: string) => boolean
}

/** Of a value in which something is erased, nothing is taken for what it was. */
function lostIn(erased: readonly string[]): Lost {
  const paths = erased.flatMap((path) => /^facts\.(.*)$/s.exec(path)?.[1] ?? [])
  return {
    any: erased.includes('facts') || paths.includes('*'),
    has: (path) =>
      paths.some((one) => one === path || one.startsWith(`${path}.`) || path.startsWith(`${one}.`)),
  }
}

function namesIn({ names, paths }: ArgumentReads): readonly string[] {
  return [...names, ...paths.filter((path) => !path.includes('.'))]
}

function firstNames({ names, paths }: ArgumentReads): readonly string[] {
  return [...names, ...paths.map((path) => path.split('.', 1)[0] ?? path)]
}

/** True where whole arguments are read: whatever else there is then has a name of its own. */
function isFlat({ paths }: ArgumentReads): boolean {
  return paths.every((path) => !path.includes('.'))
}

function gather(
  reads: ArgumentReads,
  facts: JsonObject,
  lost: Lost,
  members: Map<string, Part>,
): void {
  const partOf = (path: string): Part | undefined => {
    const value = member(facts, path)
    if (lost.has(path) || isCut(value)) return HIDDEN
    return value === undefined ? undefined : { kind: 'value', value }
  }
  for (const name of namesIn(reads)) {
    const part = partOf(name)
    if (part) members.set(name, part)
  }
  for (const path of reads.paths) {
    const steps = path.split('.')
    // Where it is absent, nobody knows at which step.
    const part = steps.length > 1 ? partOf(path) : undefined
    if (part) place(members, steps, part)
  }
}

function place(members: Map<string, Part>, steps: readonly string[], part: Part): void {
  const [first = '', ...rest] = steps
  const before = members.get(first)
  // What is known as a whole needs no part of it.
  if (before && before.kind !== 'partial') return
  if (rest.length === 0) {
    members.set(first, part)
    return
  }
  const below = before?.members ?? new Map<string, Part>()
  members.set(first, { kind: 'partial', members: below })
  place(below, rest, part)
}

/** Anything in it that stands for what is not kept; whoever gave such an argument is not believed either. */
export function isCut(value: Json | undefined): boolean {
  if (isList(value)) return value.some(isCut)
  if (!isObject(value)) return false
  return value['$cut'] === true || value['$secret'] === true || Object.values(value).some(isCut)
}

function hiddenIn(members: ReadonlyMap<string, Part>): readonly string[] {
  return [...members].flatMap(([name, part]) => {
    if (part.kind === 'hidden') return [name]
    return part.kind === 'partial' ? hiddenIn(part.members).map((one) => `${name}.${one}`) : []
  })
}

function plainOf(members: ReadonlyMap<string, Part>): JsonObject {
  return Object.fromEntries(
    [...members].flatMap(([name, part]): [string, Json][] => {
      if (part.kind === 'hidden') return []
      return [[name, part.kind === 'value' ? part.value : plainOf(part.members)]]
    }),
  )
}

function veiled(
  members: ReadonlyMap<string, Part>,
  knows: (name: string) => boolean,
  touch: () => void,
): JsonObject {
  const nothing = (): false => false
  const values = new Map(
    [...members].flatMap(([name, part]): [string, Json][] => {
      if (part.kind === 'hidden') return []
      return [[name, part.kind === 'value' ? part.value : veiled(part.members, nothing, touch)]]
    }),
  )
  const has = (name: string | symbol): boolean => {
    if (typeof name === 'symbol' || members.has(name)) return typeof name !== 'symbol'
    if (!knows(name)) touch()
    return false
  }
  const get = (name: string | symbol): Json | undefined => {
    if (typeof name === 'symbol') return undefined
    const value = values.get(name)
    if (value === undefined && (members.has(name) || !knows(name))) touch()
    return value
  }
  return new Proxy<JsonObject>(
    {},
    {
      get: (_, name) => get(name),
      has: (_, name) => has(name),
      getOwnPropertyDescriptor: (_, name) =>
        has(name)
          ? {
              configurable: true,
              enumerable: true,
              writable: false,
              value: values.get(String(name)),
            }
          : undefined,
      ownKeys: () => {
        touch()
        return [...members.keys()]
      },
    },
  )
}
