/** What differs between two definitions, member by member, for an operator to read: bounded, and without secrets. */
import { canonicalExact, type Exact, isExactObject } from './exact.ts'
import { isList } from './json.ts'
import { foreign, spelt } from './plain-name.ts'
import { withoutSecrets } from './secret-shape.ts'

/** Texts are JSON, cut around the first place that differs; one is absent where the member is. */
export interface Difference {
  /** `inputSchema.properties.path.description`, or empty for the whole. */
  readonly member: string
  readonly before?: string
  readonly after?: string
}

export interface Differences {
  readonly shown: readonly Difference[]
  /** How many more there are. */
  readonly more: number
}

const MOST_SHOWN = 20
/** Characters before the first that differs, and of it and what follows. */
const BEFORE = 40
const AFTER = 160
/** Characters of what nobody has seen before: it is read, not compared. */
const FRESH = 2000
/** What is looked at for secrets: one may begin before what is shown, and end behind it. */
const LOOKED_AT = 4096
const LONGEST_MEMBER = 200

export function differences(before: Exact, after: Exact): Differences {
  const found: Difference[] = []
  let more = 0
  compare('', before, after, (difference) => {
    if (found.length < MOST_SHOWN) found.push(difference())
    else more += 1
  })
  return { shown: found, more }
}

/** What a definition says that nobody has seen before: each of these members that it has, and each parameter, in turn. */
export function contents(value: Exact, members: readonly string[]): Differences {
  const all = members.flatMap((member): readonly Difference[] => {
    if (!isExactObject(value) || !Object.hasOwn(value, member)) return []
    return partsOf(member, value[member], 2).map(([at, part]) => ({
      member: memberText(at),
      after: shown(canonicalExact(part), 0, FRESH),
    }))
  })
  return { shown: all.slice(0, MOST_SHOWN), more: Math.max(0, all.length - MOST_SHOWN) }
}

/** The value itself, or its members where it has any, so many levels down. */
function partsOf(at: string, value: Exact, levels: number): readonly (readonly [string, Exact])[] {
  if (levels === 0 || !isExactObject(value) || Object.keys(value).length === 0) return [[at, value]]
  return Object.entries(value).flatMap(([key, part]) => partsOf(`${at}.${key}`, part, levels - 1))
}

/** One line: `description: "Reads" → "Reads, and sends"`. */
export function differenceText({ member, before, after }: Difference): string {
  const where = member === '' ? '' : `${member}: `
  if (before === undefined) return `${where}new: ${after ?? ''}`
  return after === undefined ? `${where}gone: ${before}` : `${where}${before} → ${after}`
}

type Report = (difference: () => Difference) => void

function compare(member: string, before: Exact, after: Exact, report: Report): void {
  if (isExactObject(before) && isExactObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)].toSorted())) {
      const at = member === '' ? key : `${member}.${key}`
      if (!Object.hasOwn(before, key)) report(() => only(at, 'after', after[key]))
      else if (!Object.hasOwn(after, key)) report(() => only(at, 'before', before[key]))
      else compare(at, before[key], after[key], report)
    }
    return
  }
  if (isList(before) && isList(after) && before.length === after.length) {
    for (const [index, item] of before.entries())
      compare(`${member}[${index}]`, item, after[index], report)
    return
  }
  const [one, other] = [canonicalExact(before), canonicalExact(after)]
  if (one !== other) report(() => both(member, one, other))
}

function only(member: string, side: 'before' | 'after', value: Exact): Difference {
  return { member: memberText(member), [side]: shown(canonicalExact(value), 0) }
}

function both(member: string, before: string, after: string): Difference {
  const at = firstDifference(before, after)
  return {
    member: memberText(member),
    before: shown(before, at),
    after: `${shown(after, at)}${strange(before, after, at)}`,
  }
}

function memberText(member: string): string {
  const text = withoutSecrets(spelt(member))
  return text.length > LONGEST_MEMBER ? `${text.slice(0, LONGEST_MEMBER)}…` : text
}

function firstDifference(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at += 1
  return at
}

function shown(text: string, at: number, room: number = AFTER): string {
  const from = Math.max(0, at - BEFORE)
  const near = text.slice(Math.max(0, from - LOOKED_AT), at + room + LOOKED_AT)
  const masked = withoutSecrets(near)
  // Where something was masked the places no longer agree: what is left is cut from its beginning.
  const start = masked === near ? from - Math.max(0, from - LOOKED_AT) : 0
  const cut = masked.slice(start, start + BEFORE + room)
  const head = from > 0 ? '…' : ''
  const tail = start + cut.length < masked.length || at + room + LOOKED_AT < text.length ? '…' : ''
  return `${head}${spelt(cut)}${tail}`
}

/** Code points that came new: a letter of another script looks like the one that it took the place of. */
function strange(before: string, after: string, at: number): string {
  const known = new Set(before)
  const fresh = Array.from(after.slice(at, at + AFTER)).filter((char) => !known.has(char))
  const points = foreign(fresh.join(''))
  return points === '' ? '' : ` (${points})`
}
