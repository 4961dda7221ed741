/**
 * JSON with its number text kept: `1.0`, `1e2` and integers beyond 2^53 come out as they went in. For what is parsed,
 * changed in one member and written again: tool definitions, lists.
 */
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'

/** A number that a double cannot hold as it was spelt. Node prints it back verbatim. */
interface RawJson {
  readonly rawJSON: string
}
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): RawJson
}

/** A value whose numbers print as they were written; only good for writing. */
export type Exact = unknown

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node >= 22 has both; the library types do not yet
const exactJson = JSON as unknown as JsonWithSource

/** @throws SyntaxError when the text is not JSON. */
export function parseExact(text: string): Exact {
  return exactJson.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? exactJson.rawJSON(source)
      : value,
  )
}

export function printExact(value: Exact): string {
  return JSON.stringify(value)
}

/** The same object with this member set. @throws SyntaxError when the text is not JSON */
export function withMember(text: string, key: string, value: Exact): string {
  const whole = parseExact(text)
  return isRecord(whole) ? printExact({ ...whole, [key]: value }) : text
}

/** The same object without a member of one of its members. @throws SyntaxError when the text is not JSON */
export function withoutMember(text: string, within: string, key: string): string {
  const whole = parseExact(text)
  const inner = isRecord(whole) ? whole[within] : undefined
  if (!isRecord(whole) || !isRecord(inner)) return text
  const kept = Object.entries(inner).filter(([name]) => name !== key)
  return printExact({ ...whole, [within]: Object.fromEntries(kept) })
}

/** The items of a list member, each as plain JSON to read and as exact text to hand on. */
export interface ExactItem {
  readonly value: JsonObject
  readonly exact: Readonly<Record<string, Exact>>
}

/** The objects in `member` of a result; what is not an object is left out and counted. */
export function itemsOf(
  resultText: string,
  value: JsonObject,
  memberName: string,
): { readonly items: readonly ExactItem[]; readonly strange: number } {
  const plain = value[memberName]
  if (!isList(plain)) return { items: [], strange: plain === undefined ? 0 : 1 }
  const whole = parseExact(resultText)
  const exact = isRecord(whole) ? whole[memberName] : undefined
  const exactList: readonly unknown[] = Array.isArray(exact) ? exact : []
  const items: ExactItem[] = []
  let strange = 0
  plain.forEach((item: Json, index) => {
    const twin = exactList[index]
    if (isObject(item) && isRecord(twin)) items.push({ value: item, exact: twin })
    else strange += 1
  })
  return { items, strange }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
