/** Messages that are changed in one member and handed on, with their number text kept. */
import { type Exact, isExactObject, parseExact, printExact } from '../model/exact.ts'
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'

/** The same object with this member set. @throws SyntaxError when the text is not JSON */
export function withMember(text: string, key: string, value: Exact): string {
  const whole = parseExact(text)
  return isExactObject(whole) ? printExact({ ...whole, [key]: value }) : text
}

/**
 * The same object with this member set within one of its members, which is made where it is missing or null; unchanged
 * where that is no object. @throws SyntaxError when the text is not JSON
 */
export function withInnerMember(text: string, within: string, key: string, value: Exact): string {
  const whole = parseExact(text)
  const inner = isExactObject(whole) ? (whole[within] ?? {}) : undefined
  if (!isExactObject(whole) || !isExactObject(inner)) return text
  return printExact({ ...whole, [within]: { ...inner, [key]: value } })
}

/** The same object without a member of one of its members. @throws SyntaxError when the text is not JSON */
export function withoutMember(text: string, within: string, key: string): string {
  const whole = parseExact(text)
  const inner = isExactObject(whole) ? whole[within] : undefined
  if (!isExactObject(whole) || !isExactObject(inner)) return text
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
  const exact = isExactObject(whole) ? whole[memberName] : undefined
  const exactList: readonly unknown[] = Array.isArray(exact) ? exact : []
  const items: ExactItem[] = []
  let strange = 0
  plain.forEach((item: Json, index) => {
    const twin = exactList[index]
    if (isObject(item) && isExactObject(twin)) items.push({ value: item, exact: twin })
    else strange += 1
  })
  return { items, strange }
}
