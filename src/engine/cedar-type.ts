/**
 * The Cedar types of a tool's arguments, from its `inputSchema`, and its arguments as values of these types.
 * Texts, integers, booleans, lists and objects are Cedar's own; other numbers are of its `decimal`.
 */
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import { isSecretName } from '../model/secret-name.ts'

export type CedarType =
  | { readonly kind: 'String' | 'Long' | 'Boolean' | 'decimal' }
  | { readonly kind: 'Set'; readonly element: CedarType }
  | { readonly kind: 'Record'; readonly members: ReadonlyMap<string, Member> }

interface Member {
  /** Absent where Cedar has no type for it: policies cannot read it. */
  readonly type?: CedarType
  readonly required: boolean
}

/** The value is not of the type that the schema says: no policy can judge it. */
export class Unfit extends Error {}

const DEEPEST = 8
/** Members that Cedar's JSON form reads as something else than a member. */
const ESCAPES: ReadonlySet<string> = new Set(['__entity', '__extn', '__expr'])
const SIMPLE = new Map<string, CedarType>([
  ['string', { kind: 'String' }],
  ['integer', { kind: 'Long' }],
  ['boolean', { kind: 'Boolean' }],
  ['number', { kind: 'decimal' }],
])

/** The arguments as a record; of a schema that names none, the empty one. */
export function argumentsType(schema: JsonObject): CedarType & { readonly kind: 'Record' } {
  const type = recordOf(schema, { root: schema, depth: 0 })
  return type ?? { kind: 'Record', members: new Map() }
}

interface Within {
  readonly root: JsonObject
  readonly depth: number
}

function typeOf(given: Json | undefined, within: Within): CedarType | undefined {
  const schema = resolved(given, within.root)
  if (!schema || within.depth >= DEEPEST) return undefined
  const name = nameIn(schema)
  const simple = SIMPLE.get(name ?? '')
  if (simple) return simple
  const deeper = { ...within, depth: within.depth + 1 }
  if (name === 'object') return recordOf(schema, deeper)
  if (name !== 'array') return undefined
  const element = typeOf(member(schema, 'items'), deeper)
  return element && { kind: 'Set', element }
}

function recordOf(
  schema: JsonObject,
  within: Within,
): (CedarType & { kind: 'Record' }) | undefined {
  const properties = member(schema, 'properties')
  if (!isObject(properties)) return undefined
  const required = member(schema, 'required')
  const members = new Map<string, Member>()
  for (const [name, property] of Object.entries(properties)) {
    // What is never told has no type, so that a policy which reads it is found out.
    if (isSecretName(name)) continue
    const type = ESCAPES.has(name) ? undefined : typeOf(property, within)
    members.set(name, {
      ...(type && { type }),
      required: isList(required) && required.includes(name),
    })
  }
  return { kind: 'Record', members }
}

/** Behind local references; undefined where it is none, or a combination of several. */
function resolved(given: Json | undefined, root: JsonObject): JsonObject | undefined {
  let schema = given
  for (let hops = 0; hops < DEEPEST; hops += 1) {
    if (!isObject(schema)) return undefined
    const reference = member(schema, '$ref')
    if (reference === undefined) return isCombined(schema) ? undefined : schema
    if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined
    schema = pointedAt(reference.slice(2), root)
  }
  return undefined
}

const COMBINED = ['oneOf', 'anyOf', 'allOf', 'not', 'if']

function isCombined(schema: JsonObject): boolean {
  return COMBINED.some((name) => Object.hasOwn(schema, name))
}

/** RFC 6901. */
function pointedAt(pointer: string, root: JsonObject): Json | undefined {
  let at: Json | undefined = root
  for (const step of pointer.split('/')) {
    if (!isObject(at)) return undefined
    at = member(at, step.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  return at
}

/** Its one type beside `null`, which no call may give: Cedar has none. */
function nameIn(schema: JsonObject): string | undefined {
  const type = member(schema, 'type')
  const names = isList(type) ? type.filter((name) => name !== 'null') : [type]
  if (names.length === 1 && typeof names[0] === 'string') return names[0]
  const values = type === undefined ? (member(schema, 'enum') ?? []) : []
  const all = Object.hasOwn(schema, 'const') ? [member(schema, 'const')] : values
  const texts = isList(all) && all.length > 0 && all.every((value) => typeof value === 'string')
  return texts ? 'string' : undefined
}

/** Paths of arguments that no policy can read, because Cedar has no type for them. */
export function unread(type: CedarType, path = ''): readonly string[] {
  if (type.kind === 'Set') return unread(type.element, `${path}[]`)
  if (type.kind !== 'Record') return []
  return [...type.members].flatMap(([name, { type: inner }]) => {
    const at = path === '' ? name : `${path}.${name}`
    return inner ? unread(inner, at) : [at]
  })
}

/** The type in the JSON form of Cedar schemas. */
export function typeJson(type: CedarType): JsonObject {
  if (type.kind === 'decimal') return { type: 'Extension', name: 'decimal' }
  if (type.kind === 'Set') return { type: 'Set', element: typeJson(type.element) }
  if (type.kind !== 'Record') return { type: type.kind }
  const attributes = [...type.members].flatMap(([name, { type: inner, required }]) =>
    inner ? [[name, { ...typeJson(inner), required }] as const] : [],
  )
  return { type: 'Record', attributes: Object.fromEntries(attributes) }
}

/** @throws Unfit for a value that is not of the type */
export function valueJson(type: CedarType, value: Json, path: string): Json {
  if (type.kind === 'Record') return recordJson(type.members, value, path)
  if (type.kind === 'Set') {
    if (!isList(value)) throw unfit(path, 'a list')
    return value.map((item, index) => valueJson(type.element, item, `${path}[${index}]`))
  }
  if (type.kind === 'decimal') return { __extn: { fn: 'decimal', arg: decimalText(value, path) } }
  if (type.kind === 'Long') {
    if (!Number.isSafeInteger(value)) throw unfit(path, 'an integer')
  } else if (type.kind === 'Boolean') {
    if (typeof value !== 'boolean') throw unfit(path, 'true or false')
  } else if (typeof value !== 'string' || !value.isWellFormed()) throw unfit(path, 'a text')
  return value
}

function recordJson(members: ReadonlyMap<string, Member>, value: Json, path: string): JsonObject {
  if (!isObject(value)) throw unfit(path, 'an object')
  const typed = Object.entries(value).flatMap(([name, item]) => {
    const known = members.get(name)
    if (!known) throw new Unfit(`\`${path}\` has a member that the tool's schema does not name`)
    return known.type ? [[name, valueJson(known.type, item, `${path}.${name}`)] as const] : []
  })
  return Object.fromEntries(typed)
}

/** Cedar keeps four digits after the point; a number that has more is not rounded. */
function decimalText(value: Json, path: string): string {
  const text = typeof value === 'number' && Math.abs(value) < 9e14 ? value.toFixed(4) : ''
  if (text === '' || Number(text) !== value)
    throw unfit(path, 'a number of at most four digits after the point')
  return text
}

function unfit(path: string, wanted: string): Unfit {
  return new Unfit(`\`${path}\` is not ${wanted}`)
}
