/**
 * Which of the names in one catalog may not be shown beside the others, because a person or a model could take it for
 * another one. Decided by the names, by what somebody approved and by the operator's order of upstreams, never by the
 * order in which lists came.
 */
import { isDisguised, looksOf, qualifiedLooks, styleOf, versionedLooks } from './look-alike.ts'
import { foreign, points, spelt } from './plain-name.ts'

/** A name that the agent would see, and who has spoken for it. */
export interface Contender {
  readonly server: string
  readonly name: string
  /** `approved` by the lock file, `named` in full by a grant, or `covered` by one with a wildcard. */
  readonly standing: 'approved' | 'named' | 'covered'
  /** True when it was not in the first list that its upstream showed. */
  readonly late: boolean
  /** The place of its upstream among all, as the operator ordered them. */
  readonly rank: number
}

/** Those that are hidden, and why, for operators. The same name of two upstreams is told apart by their names, and none. */
export function rivalsAmong<T extends Contender>(given: readonly T[]): ReadonlyMap<T, string> {
  const contenders = given.toSorted(strongestFirst)
  const byLook = grouped(contenders, ({ name }) => name)
  const lost = new Map<T, string>()
  for (const group of byLook.values()) if (differ(group)) judge(group, lost)
  // A name that is hidden itself is what nobody is taken for, where another one of that look stays.
  const shownFirst = (a: T, b: T): number => Number(lost.has(a)) - Number(lost.has(b))
  for (const group of byLook.values()) group.sort(shownFirst)
  const several = new Set(contenders.map(({ server }) => server)).size > 1
  const qualified = several ? grouped(contenders, publicName) : new Map<string, T[]>()
  for (const one of contenders) {
    if (one.standing === 'approved' || (one.standing === 'named' && foreign(one.name) === ''))
      continue
    const model = pretended(one, byLook, qualified)
    if (model) pass(one, model, lost)
    else judgeVersion(one, firstOf(versionedLooks(one.name), byLook), lost)
  }
  return lost
}

/** What the agent sees where there are several upstreams. */
function publicName({ server, name }: Contender): string {
  return `${server}__${name}`
}

function grouped<T extends Contender>(
  contenders: readonly T[],
  read: (one: T) => string,
): Map<string, T[]> {
  const byLook = new Map<string, T[]>()
  for (const one of contenders) {
    for (const look of looksOf(read(one))) {
      const same = byLook.get(look)
      if (same) same.push(one)
      else byLook.set(look, [one])
    }
  }
  return byLook
}

function firstOf<T>(
  looks: readonly string[],
  byLook: ReadonlyMap<string, readonly T[]>,
): T | undefined {
  return looks.map((look) => byLook.get(look)?.[0]).find((one) => one !== undefined)
}

/** The one whose name stands behind a divider in this name, or whose public name this one looks like. */
function pretended<T extends Contender>(
  { name, server }: T,
  byLook: ReadonlyMap<string, readonly T[]>,
  qualified: ReadonlyMap<string, readonly T[]>,
): T | undefined {
  const behind = firstOf(qualifiedLooks(name), byLook)
  if (behind || qualified.size === 0) return behind
  return looksOf(name)
    .flatMap((look) => qualified.get(look) ?? [])
    .find((one) => one.server !== server)
}

const STRENGTH = ['approved', 'named', 'covered']

function strongestFirst(a: Contender, b: Contender): number {
  return (
    STRENGTH.indexOf(a.standing) - STRENGTH.indexOf(b.standing) ||
    Number(a.late) - Number(b.late) ||
    a.rank - b.rank ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  )
}

function pass<T extends Contender>(one: T, model: T, lost: Map<T, string>): void {
  if (!lost.has(one)) lost.set(one, `it passes for ${shown(model)}`)
}

/** A version gives way to what it is a version of; one that came later, or of a later upstream, takes nobody's place. */
function judgeVersion<T extends Contender>(
  one: T,
  model: T | undefined,
  lost: Map<T, string>,
): void {
  if (!model) return
  const both = one.standing === 'covered' && model.standing === 'covered'
  const cameLater = both && model.late && !one.late
  if (!cameLater) pass(one, model, lost)
  if ((cameLater || (both && model.rank > one.rank)) && !lost.has(model))
    lost.set(model, `${shown(one)} passes for it`)
}

/** One group of names that look alike: each question leaves those that stay, and the last leaves one name or none. */
function judge<T extends Contender>(group: readonly T[], lost: Map<T, string>): void {
  let left = group
  const keep = (stays: (one: T) => boolean): void => {
    const kept = left.filter(stays)
    for (const one of left) if (!stays(one)) lose(one, kept[0] ?? otherThan(one, left), lost)
    left = kept
  }
  if (left.some(({ standing }) => standing === 'approved')) {
    keep(({ standing }) => standing === 'approved')
    return
  }
  // A disguise is not lifted by a grant: whoever wrote it may have copied the name without seeing what it is.
  if (new Set(left.map(({ name }) => styleOf(name))).size > 1)
    keep(({ name }) => !isDisguised(name))
  if (left.some(({ standing }) => standing === 'named')) {
    keep(({ standing }) => standing === 'named')
    return
  }
  if (left.some(({ late }) => !late)) keep(({ late }) => !late)
  if (!differ(left)) return
  // No upstream takes the place of one that the operator put before it.
  const plainest = plainestOf(left)
  const first = Math.min(...left.map(({ rank }) => rank))
  const leads = left.some(({ name, rank }) => rank === first && name === plainest)
  keep(({ name }) => leads && name === plainest)
}

/** True when there are two names among them. */
function differ([first, ...others]: readonly Contender[]): boolean {
  return others.some(({ name }) => name !== first?.name)
}

function otherThan<T extends Contender>({ name }: T, group: readonly T[]): T | undefined {
  return group.find((other) => other.name !== name)
}

function lose<T extends Contender>(one: T, to: T | undefined, lost: Map<T, string>): void {
  if (to && !lost.has(one))
    lost.set(one, `it can be taken for ${shown(to)}: ${oddIn(one.name, to.name)}`)
}

function shown({ server, name }: Contender): string {
  return `\`${server}/${spelt(name)}\``
}

/** The code points by which a name differs from another, those that are not ASCII first of all. */
function oddIn(name: string, other: string): string {
  const told = foreign(name)
  if (told !== '') return told
  const chars = Array.from(name)
  const odd = chars.filter((char) => !other.includes(char))
  // `a__b` and `a_b` have the same characters: the separators are what differs.
  return points(odd.length > 0 ? odd : chars.filter((char) => /[^A-Za-z0-9]/.test(char)))
}

/** The name with the fewest characters beside `a-z`, `0-9` and a single `_`; of several the first by code unit. */
function plainestOf(group: readonly Contender[]): string | undefined {
  const oddity = (name: string): number => name.match(/[^a-z0-9_]|__|^_|_$/g)?.length ?? 0
  return group
    .map(({ name }) => name)
    .toSorted((a, b) => oddity(a) - oddity(b) || (a < b ? -1 : 1))[0]
}
