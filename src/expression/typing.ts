/** Static types of a condition: what a value may be, as far as a tool's `inputSchema` says it. */
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'

/** Kinds of values as bits. `int` and `double` are both JSON numbers; `time` and `span` only arise in conditions. */
export const KIND = {
  null: 1,
  bool: 2,
  int: 4,
  double: 8,
  text: 16,
  list: 32,
  object: 64,
  time: 128,
  span: 256,
} as const

export const NUMBER: number = KIND.int | KIND.double
const JSON_KINDS = 127

export interface Type {
  /** Bits of KIND. */
  readonly kinds: number
  /** Of a list's elements. */
  readonly item?: Type
  /** Of an object's members; absent when it says nothing of them. */
  readonly members?: ReadonlyMap<string, Type>
  /** Of members that are not listed; absent when there are no others. */
  readonly others?: Type
  /** The only texts it may be. */
  readonly texts?: readonly string[]
  /** True where no schema was at hand: then lists are believed to be lists until they are read. */
  readonly unknown?: true
}

export const BOOL: Type = { kinds: KIND.bool }
export const INT: Type = { kinds: KIND.int }
export const DOUBLE: Type = { kinds: KIND.double }
export const TEXT: Type = { kinds: KIND.text }
export const TIME: Type = { kinds: KIND.time }
export const SPAN: Type = { kinds: KIND.span }
/** A schema that says nothing. */
export const UNDECLARED: Type = { kinds: JSON_KINDS }
/** No schema at all. */
export const UNKNOWN: Type = { kinds: JSON_KINDS, unknown: true }

const MAX_DEPTH = 8

const NAMED: Readonly<Record<string, number>> = {
  null: KIND.null,
  boolean: KIND.bool,
  integer: KIND.int,
  number: KIND.double,
  string: KIND.text,
  array: KIND.list,
  object: KIND.object,
}

/** What a value that fits a JSON Schema may be. A keyword that is not understood widens, never narrows. */
export function typeOfSchema(schema: Json, root: JsonObject, depth = 0): Type {
  if (!isObject(schema) || depth > MAX_DEPTH) return UNDECLARED
  const target = referred(schema, root)
  if (target !== undefined) return typeOfSchema(target, root, depth + 1)
  const fixed = fixedType(schema)
  if (fixed) return fixed
  const choices = member(schema, 'anyOf') ?? member(schema, 'oneOf')
  const kinds = kindsOf(schema)
  // Beside a type they only narrow it: `required` in turns, for example.
  if (kinds === undefined && isList(choices) && choices.length > 0)
    return choices.map((choice) => typeOfSchema(choice, root, depth + 1)).reduce(either)
  if (kinds === undefined) return UNDECLARED
  return {
    kinds,
    ...((kinds & KIND.list) !== 0 && { item: itemType(schema, root, depth) }),
    ...((kinds & KIND.object) !== 0 && memberTypes(schema, root, depth)),
  }
}

function kindsOf(schema: JsonObject): number | undefined {
  const written = member(schema, 'type')
  if (written === undefined && isObject(member(schema, 'properties'))) return KIND.object
  if (written === undefined && member(schema, 'items') !== undefined) return KIND.list
  const names = isList(written) ? written : [written]
  let kinds = member(schema, 'nullable') === true ? KIND.null : 0
  for (const name of names) {
    const kind = typeof name === 'string' && Object.hasOwn(NAMED, name) ? NAMED[name] : undefined
    if (kind === undefined) return undefined
    kinds |= kind
  }
  return kinds
}

/** `enum` and `const`. */
function fixedType(schema: JsonObject): Type | undefined {
  const only = member(schema, 'const')
  const written = only === undefined ? member(schema, 'enum') : [only]
  if (!isList(written) || written.length === 0) return undefined
  const kinds = written.reduce<number>((bits, value) => bits | kindOf(value), 0)
  if ((kinds & (KIND.list | KIND.object)) !== 0) return UNDECLARED
  const texts = written.filter((value) => typeof value === 'string')
  return kinds === KIND.text ? { kinds, texts } : { kinds }
}

function itemType(schema: JsonObject, root: JsonObject, depth: number): Type {
  const items = member(schema, 'items')
  const tuple = member(schema, 'prefixItems') !== undefined
  return tuple || items === undefined ? UNDECLARED : typeOfSchema(items, root, depth + 1)
}

function memberTypes(
  schema: JsonObject,
  root: JsonObject,
  depth: number,
): Pick<Type, 'members' | 'others'> {
  const written = member(schema, 'properties')
  const additional = member(schema, 'additionalProperties')
  const open = isObject(additional) ? typeOfSchema(additional, root, depth + 1) : UNDECLARED
  const patterned = member(schema, 'patternProperties') !== undefined
  if (!isObject(written))
    return additional === false && !patterned ? { members: new Map() } : { others: open }
  const entries = Object.entries(written)
  const members = new Map(
    entries.map(([name, inner]) => [name, typeOfSchema(inner, root, depth + 1)]),
  )
  // JSON Schema lets other members pass unless told otherwise; a condition that names one is far likelier misspelt.
  const isOpen = patterned || additional === true || isObject(additional)
  return isOpen ? { members, others: open } : { members }
}

/** A `$ref` into the same schema. */
function referred(schema: JsonObject, root: JsonObject): Json | undefined {
  const ref = member(schema, '$ref')
  if (typeof ref !== 'string') return undefined
  if (!ref.startsWith('#/')) return true
  let found: Json | undefined = root
  for (const step of ref.slice(2).split('/'))
    found = isObject(found)
      ? member(found, step.replaceAll('~1', '/').replaceAll('~0', '~'))
      : undefined
  return found ?? true
}

/** What the elements of a list may be. */
export function itemOf(list: Type): Type {
  return list.item ?? (list.unknown === true ? UNKNOWN : UNDECLARED)
}

/** What may be the one or the other. */
export function either(a: Type, b: Type): Type {
  const kinds = a.kinds | b.kinds
  const item = a.item && b.item ? either(a.item, b.item) : (a.item ?? b.item)
  const oneObject = (a.kinds & b.kinds & KIND.object) === 0
  const object = (a.kinds & KIND.object) === 0 ? b : a
  const texts = a.texts && b.texts ? [...a.texts, ...b.texts] : undefined
  return {
    kinds,
    ...(item && { item }),
    ...(oneObject && object.members && { members: object.members }),
    ...(oneObject ? object.others && { others: object.others } : { others: UNDECLARED }),
    ...(texts && { texts }),
    ...((a.unknown ?? b.unknown) && { unknown: true }),
  }
}

/** The bit of a value's kind; a whole number is an int. */
export function kindOf(value: Json): number {
  if (value === null) return KIND.null
  if (typeof value === 'boolean') return KIND.bool
  if (typeof value === 'number') return Number.isSafeInteger(value) ? KIND.int : KIND.double
  if (typeof value === 'string') return KIND.text
  return isList(value) ? KIND.list : KIND.object
}

const WORDS = [
  [KIND.null, 'null'],
  [KIND.bool, 'a boolean'],
  [KIND.text, 'a text'],
  [KIND.list, 'a list'],
  [KIND.object, 'an object'],
  [KIND.time, 'a time'],
  [KIND.span, 'a duration'],
] as const

/** `a text or null`, for a message. */
export function kindsText(kinds: number): string {
  const words = WORDS.filter(([bit]) => (kinds & bit) !== 0).map(([, word]) => word)
  const number =
    (kinds & KIND.double) !== 0 ? ['a number'] : (kinds & KIND.int) !== 0 ? ['a whole number'] : []
  return [...number, ...words].join(' or ')
}

/** Does an actual value fit the kinds declared? A whole number is also a double. */
export function fits(value: Json, kinds: number): boolean {
  if (typeof value === 'string') return (kinds & KIND.text) !== 0
  if (typeof value === 'number') {
    if ((kinds & KIND.double) !== 0)
      return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
    return (kinds & KIND.int) !== 0 && Number.isSafeInteger(value)
  }
  return (kinds & kindOf(value)) !== 0
}
