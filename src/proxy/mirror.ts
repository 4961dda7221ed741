/**
 * What of a request stands in HTTP headers as well as in its body (MCP 2026-07-28, Streamable HTTP, Request Metadata):
 * arguments that a tool's `inputSchema` marks with `x-mcp-header`, and how a value is written as a header's.
 */
import { isUtf8 } from 'node:buffer'
import { isList, isObject, member, type Json, type JsonObject } from '../model/json.ts'
import { inputSchema, type ToolDefinition } from '../model/tool.ts'

/** An argument that is mirrored: the header that it stands in, and the members that lead to it. */
export interface MirroredArgument {
  readonly header: string
  readonly path: readonly string[]
}

/** The arguments that a tool wants mirrored; or why it cannot be called over HTTP, from a closed set of texts. */
export type Mirror =
  | { readonly kind: 'mirror'; readonly args: readonly MirroredArgument[] }
  | { readonly kind: 'invalid'; readonly why: string }

const ANNOTATION = 'x-mcp-header'
const PREFIX = 'Mcp-Param-'
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/
/** `number` is none of them: no two ends agree on how a fraction is written. */
const PRIMITIVE: ReadonlySet<Json | undefined> = new Set(['string', 'integer', 'boolean'])
/** Keywords whose value is data, not a schema. */
const DATA: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'examples', ANNOTATION])
/** Keywords whose members have names of their author's choice, each a schema. */
const NAMED: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  'dependentSchemas',
  'patternProperties',
])

/** By the definition as it was parsed: what is fetched again is looked at again, and what is gone is let go of. */
const known = new WeakMap<JsonObject, Mirror>()

/** Looks at a definition once. */
export function mirrorOf(tool: ToolDefinition): Mirror {
  const before = known.get(tool.raw)
  if (before) return before
  const mirror = readMirror(inputSchema(tool))
  known.set(tool.raw, mirror)
  return mirror
}

function readMirror(schema: JsonObject): Mirror {
  const args: MirroredArgument[] = []
  const why = fault(schema, [], args)
  if (why !== undefined) return { kind: 'invalid', why }
  const names = new Set(args.map(({ header }) => header.toLowerCase()))
  return names.size < args.length
    ? { kind: 'invalid', why: 'two `x-mcp-header` have the same name' }
    : { kind: 'mirror', args }
}

/** What is wrong below a schema; `path` is undefined where no chain of `properties` leads to it. */
function fault(
  schema: Json,
  path: readonly string[] | undefined,
  found: MirroredArgument[],
): string | undefined {
  if (isList(schema)) return first(schema, (item) => fault(item, undefined, found))
  if (!isObject(schema)) return undefined
  const annotation = member(schema, ANNOTATION)
  if (annotation !== undefined) {
    if (path === undefined || path.length === 0)
      return 'an `x-mcp-header` stands where no argument is certain to be'
    if (typeof annotation !== 'string' || !TOKEN.test(annotation))
      return 'an `x-mcp-header` is no name for a header'
    if (!PRIMITIVE.has(member(schema, 'type')))
      return 'an `x-mcp-header` marks what is neither a string, an integer nor a boolean'
    found.push({ header: `${PREFIX}${annotation}`, path })
  }
  return first(Object.entries(schema), ([key, value]) => {
    if (DATA.has(key)) return undefined
    if (key === 'properties' && isObject(value))
      return first(Object.entries(value), ([name, property]) =>
        fault(property, path && [...path, name], found),
      )
    if (NAMED.has(key) && isObject(value))
      return first(Object.values(value), (one) => fault(one, undefined, found))
    return fault(value, undefined, found)
  })
}

function first<T>(items: readonly T[], look: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const seen = look(item)
    if (seen !== undefined) return seen
  }
  return undefined
}

/** The headers that these arguments are sent with, their values not yet encoded. What is absent or null has none. */
export function mirrored(
  args: readonly MirroredArgument[],
  values: JsonObject,
): readonly (readonly [header: string, value: string])[] {
  const headers: (readonly [string, string])[] = []
  for (const { header, path } of args) {
    const value = valueAt(values, path)
    if (isPrimitive(value)) headers.push([header, String(value)])
  }
  return headers
}

/** Headers as Node gives them: names in lower case, what came twice joined or listed. */
export type GivenHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Compares the headers that came with the arguments in the body. Undefined when they agree; else what is wrong, from a
 * closed set of texts with the header's own name in it, which is the tool's.
 */
export function checkMirror(
  headers: GivenHeaders,
  args: readonly MirroredArgument[],
  values: JsonObject,
): string | undefined {
  if (args.length === 0) return undefined
  const given = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  for (const { header, path } of args) {
    const value = valueAt(values, path)
    const text = given.get(header.toLowerCase())
    if (value === undefined || value === null) {
      if (text !== undefined) return `\`${header}\` has no argument in the body`
    } else if (text === undefined) {
      return `\`${header}\` is missing`
    } else if (typeof text !== 'string' || !saysTheSame(text, value)) {
      return `\`${header}\` is not what the body says`
    }
  }
  return undefined
}

function valueAt(values: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = values
  for (const name of path) value = isObject(value) ? member(value, name) : undefined
  return value
}

function isPrimitive(value: Json | undefined): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
}

const DECIMAL = /^-?\d{1,32}(?:\.\d{1,32})?$/

function saysTheSame(header: string, value: Json): boolean {
  const text = decodedHeader(header)
  if (text === undefined) return false
  if (typeof value === 'number') return DECIMAL.test(text) && Number(text) === value
  return isPrimitive(value) && text === String(value)
}

const ENCODED = /^=\?base64\?(.*)\?=$/s
/** Printable ASCII that neither begins nor ends with a space. */
const PLAIN = /^[!-~](?:[ -~]*[!-~])?$/

/**
 * A text as the value of `Mcp-Name` or `Mcp-Param-…` (Value Encoding). More is encoded than has to be: an empty value is
 * dropped by some who pass it on, and a tab turned into a space.
 */
export function encodedHeader(text: string): string {
  if (PLAIN.test(text) && !ENCODED.test(text)) return text
  return `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`
}

/** What such a value says; undefined for one that is not well-formed. Nothing is repaired. */
export function decodedHeader(value: string): string | undefined {
  const encoded = ENCODED.exec(value)?.[1]
  if (encoded === undefined) return /^[\t -~]*$/.test(value) ? value : undefined
  const bytes = Buffer.from(encoded, 'base64')
  return bytes.toString('base64') === encoded && isUtf8(bytes) ? bytes.toString('utf8') : undefined
}
