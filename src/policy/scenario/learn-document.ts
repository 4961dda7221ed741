/** Learns from argument constraints and from tools' schemas what arguments look like. */
import { type DocNode, plain } from '../../model/document.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../../model/json.ts'
import { itemsOfShape, memberOfShape, type Shape } from './shape.ts'

const DEEPEST = 6

/** A node of constraints, with named sets already put in place. */
export function learnConstraint(node: DocNode, shape: Shape, depth = 0): void {
  if (node.kind !== 'map' || depth > DEEPEST) return
  for (const { key, value } of node.entries) {
    if (key === 'each' || key === 'any') learnConstraint(value, itemsOfShape(shape), depth + 1)
    else if (key === 'fields' && value.kind === 'map')
      for (const field of value.entries)
        learnConstraint(field.value, memberOfShape(shape, field.key), depth + 1)
    else learnWord(key, plain(value), shape)
  }
}

function learnWord(key: string, value: Json, shape: Shape): void {
  const [numbers, texts] = [numbersIn(value), textsIn(value)]
  if (['size', 'length', 'bytes'].includes(key))
    for (const bound of numbers) learnSize(key, bound, shape)
  else if (key === 'range' || key === 'int') {
    shape.hints.add('number')
    for (const bound of numbers) for (const step of [-1, 0, 1]) shape.values.add(bound + step)
  } else {
    const written = WRITTEN[key]
    if (key === 'email' || key === 'url') shape.hints.add(key)
    const own = key === 'subset_of' ? itemsOfShape(shape) : shape
    const values = written ? texts.flatMap(written) : each(value)
    for (const one of values) if (!isObject(one)) own.values.add(one)
  }
}

/** A value that has what the constraint names; what is not here is a value itself. */
const WRITTEN: Readonly<Record<string, (text: string) => readonly string[]>> = {
  email: (text) => [text.includes('@') ? text : `someone@${text}`],
  url: (text) => [`https://${text}/a`],
  path: (text) => [`${text}/a.md`, `${text}/../a.md`],
  prefix: (text) => [text, `${text}x`],
  suffix: (text) => [text, `x${text}`],
  glob: (text) => [text.replaceAll(/[*?]+/g, 'x')],
}

function learnSize(key: string, bound: number, shape: Shape): void {
  if (key === 'size') {
    itemsOfShape(shape)
    shape.sizes.add(bound)
    return
  }
  shape.hints.add('text')
  for (const length of [bound - 1, bound, bound + 1])
    if (length >= 0 && length <= 2000) shape.values.add('x'.repeat(length))
}

function each(value: Json): readonly Json[] {
  return isList(value) ? value : [value]
}

/** `{ min: 1, max: 5 }`, `1..5`, `5`. */
function numbersIn(value: Json): readonly number[] {
  if (typeof value === 'number') return [value]
  if (typeof value === 'string')
    return [...value.matchAll(/\d+/g)].map(([digits]) => Number(digits))
  if (isList(value)) return value.flatMap(numbersIn)
  return isObject(value) ? Object.values(value).flatMap(numbersIn) : []
}

function textsIn(value: Json): readonly string[] {
  if (typeof value === 'string') return [value]
  if (isList(value)) return value.flatMap(textsIn)
  return isObject(value) ? Object.values(value).flatMap(textsIn) : []
}

/** A keyword that is not understood says nothing. */
export function learnSchema(schema: Json | undefined, shape: Shape, depth = 0): void {
  if (!isObject(schema) || depth > DEEPEST) return
  for (const type of each(member(schema, 'type') ?? [])) learnType(type, shape)
  for (const value of each(member(schema, 'enum') ?? [])) shape.values.add(value)
  const constant = member(schema, 'const')
  if (constant !== undefined) shape.values.add(constant)
  for (const key of ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']) {
    const bound = member(schema, key)
    if (typeof bound === 'number') for (const one of [-1, 0, 1]) shape.values.add(bound + one)
  }
  learnFormat(member(schema, 'format'), shape)
  const items = member(schema, 'items')
  if (isObject(items)) learnSchema(items, itemsOfShape(shape), depth + 1)
  for (const [name, one] of membersOf(schema))
    learnSchema(one, memberOfShape(shape, name), depth + 1)
}

function membersOf(schema: JsonObject): readonly (readonly [string, Json])[] {
  const properties = member(schema, 'properties')
  return isObject(properties) ? Object.entries(properties) : []
}

function learnType(type: Json, shape: Shape): void {
  if (type === 'string') shape.hints.add('text')
  if (type === 'number' || type === 'integer') shape.hints.add('number')
  if (type === 'boolean') shape.hints.add('boolean')
  if (type === 'array') itemsOfShape(shape)
  if (type === 'object') shape.hints.add('object')
  if (type === 'null') shape.values.add(null)
}

function learnFormat(format: Json | undefined, shape: Shape): void {
  if (format === 'email') shape.hints.add('email')
  if (format === 'uri' || format === 'url') shape.hints.add('url')
  if (format === 'date-time' || format === 'date') shape.hints.add('time')
}
