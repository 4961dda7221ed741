/** Which fields of a tool's arguments are sealed, shown, hashed or left out, as the settings say. */
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'

/** From the strictest to the least strict: where two say different things of one field, the stricter counts. */
export const FIELD_CLASSES = ['drop', 'hash', 'seal', 'clear'] as const
export type FieldClass = (typeof FIELD_CLASSES)[number]

/** By `server/name`, in which `*` stands for any text; then by the path of the field, its steps joined by `.`. */
export type FieldClasses = ReadonlyMap<string, ReadonlyMap<string, FieldClass>>

/** What of one tool's fields is classed. */
export type Classed = ReadonlyMap<string, FieldClass>

/** Values by what is done with them. */
export interface Parted {
  readonly seal: JsonObject
  readonly clear: JsonObject
  /** By path. */
  readonly hash: readonly (readonly [string, Json])[]
  /** Paths. */
  readonly drop: readonly string[]
}

const REMEMBERED = 512
const MOST_HASHED = 64
const LARGEST_DEPTH = 64

/** Finds what is classed of a tool; undefined where nothing is. Remembers it: tools repeat. */
export function classFinder(
  fields: FieldClasses | undefined,
): (server: string | undefined, name: string | undefined) => Classed | undefined {
  if (fields === undefined || fields.size === 0) return () => undefined
  const known = new Map<string, Classed | undefined>()
  return (server = '', name = '') => {
    const tool = `${server}/${name}`
    if (known.has(tool)) return known.get(tool)
    if (known.size >= REMEMBERED) known.clear()
    const found = classesOf(tool, fields)
    known.set(tool, found)
    return found
  }
}

function classesOf(tool: string, fields: FieldClasses): Classed | undefined {
  const all = new Map<string, FieldClass>()
  for (const [pattern, classes] of fields) {
    if (!matches(pattern, tool)) continue
    for (const [path, one] of classes) all.set(path, stricter(all.get(path), one))
  }
  return all.size === 0 ? undefined : all
}

function stricter(one: FieldClass | undefined, other: FieldClass): FieldClass {
  return FIELD_CLASSES.find((known) => known === one || known === other) ?? 'drop'
}

/** `*` is any text; in time proportional to the product of both lengths at worst. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === text
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  let from = first.length
  for (const part of rest) {
    const at = text.indexOf(part, from)
    if (at < 0) return false
    from = at + part.length
  }
  return from <= text.length - last.length
}

/** Parts the values of facts or arguments; what nobody classed is sealed. A field's class is that of everything below it. */
export function parted(values: JsonObject, classes: Classed): Parted {
  const parts = {
    clear: [] as [string, Json][],
    hash: [] as [string, Json][],
    drop: new Set<string>(),
  }
  const seal = Object.entries(values).flatMap(([name, value]): [string, Json][] => {
    const left = sifted(value, { path: name, shown: name, depth: 0 }, { classes, parts })
    return left === undefined ? [] : [[name, left]]
  })
  return {
    seal: Object.fromEntries(seal),
    clear: Object.fromEntries(parts.clear),
    hash: parts.hash.slice(0, MOST_HASHED),
    drop: [...parts.drop, ...parts.hash.slice(MOST_HASHED).map(([path]) => path)],
  }
}

interface Place {
  /** As classes name it: items of a list have the path of the list. */
  readonly path: string
  /** With the place in each list. */
  readonly shown: string
  readonly depth: number
}

interface Sieve {
  readonly classes: Classed
  readonly parts: {
    readonly clear: [string, Json][]
    readonly hash: [string, Json][]
    readonly drop: Set<string>
  }
}

/** What is left to be sealed of a value; undefined where nothing is. */
function sifted(value: Json, at: Place, sieve: Sieve): Json | undefined {
  switch (classOf(at.path, sieve.classes)) {
    case 'drop':
      sieve.parts.drop.add(at.path)
      return undefined
    case 'hash':
      // Of what was cut only the length is known: equal lengths are no equal values.
      if (isCut(value)) sieve.parts.drop.add(at.path)
      else sieve.parts.hash.push([at.shown, value])
      return undefined
    case 'clear':
      if (!hasBelow(at.path, sieve.classes)) {
        sieve.parts.clear.push([at.shown, value])
        return undefined
      }
      return below(value, at, sieve)
    default:
      return below(value, at, sieve)
  }
}

function below(value: Json, at: Place, sieve: Sieve): Json | undefined {
  if (typeof value !== 'object' || value === null) {
    if (classOf(at.path, sieve.classes) !== 'clear') return value
    sieve.parts.clear.push([at.shown, value])
    return undefined
  }
  if (!hasBelow(at.path, sieve.classes)) return value
  if (at.depth >= LARGEST_DEPTH) {
    sieve.parts.drop.add(at.path)
    return undefined
  }
  if (isList(value))
    return value.map((item, index) => {
      const place = { path: at.path, shown: `${at.shown}.${index}`, depth: at.depth + 1 }
      return below(item, place, sieve) ?? null
    })
  if (!isObject(value)) return undefined
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]): [string, Json][] => {
      const place = {
        path: `${at.path}.${name}`,
        shown: `${at.shown}.${name}`,
        depth: at.depth + 1,
      }
      const left = sifted(item, place, sieve)
      return left === undefined ? [] : [[name, left]]
    }),
  )
}

/** Its own, or that of the closest field above it that has one. */
function classOf(path: string, classes: Classed): FieldClass {
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const found = classes.get(path.slice(0, end))
    if (found !== undefined) return found
  }
  return 'seal'
}

function hasBelow(path: string, classes: Classed): boolean {
  for (const other of classes.keys()) if (other.startsWith(`${path}.`)) return true
  return false
}

function isCut(value: Json): boolean {
  return isObject(value) && (Object.hasOwn(value, '$cut') || Object.hasOwn(value, '$secret'))
}
