/** What rules are about, compared: is everything that the one selects selected by the other? */
import { globsCover } from '../../expression/glob.ts'
import type { Pattern, RuleSource, Target } from '../language.ts'

/** The selectors that say what a rule is about, whatever the call. */
export const SELECTORS = [
  'targets',
  'effects',
  'data',
  'agents',
  'purposes',
  'environments',
] as const
export type Selector = (typeof SELECTORS)[number]

/** Is all that the second selects selected by the first? A no where it cannot be told. */
export function selectsAll(wide: RuleSource, narrow: RuleSource): boolean {
  return SELECTORS.every((one) => covers(one, wide, narrow))
}

export function covers(selector: Selector, wide: RuleSource, narrow: RuleSource): boolean {
  switch (selector) {
    case 'targets':
      return targetsCover(wide.targets, narrow.targets)
    case 'agents':
    case 'purposes':
      return patternsCover(wide[selector], narrow[selector])
    default:
      return listCovers<string>(wide[selector], narrow[selector])
  }
}

/** An empty list means any. */
function listCovers<T>(wide: readonly T[], narrow: readonly T[]): boolean {
  return wide.length === 0 || (narrow.length > 0 && narrow.every((one) => wide.includes(one)))
}

function patternsCover(wide: readonly Pattern[], narrow: readonly Pattern[]): boolean {
  if (wide.length === 0) return true
  const texts = wide.map(({ text }) => text)
  return narrow.length > 0 && narrow.every(({ text }) => globsCover(texts, text, 'tool'))
}

export function targetsCover(
  wide: readonly Target[] | undefined,
  narrow: readonly Target[] | undefined,
): boolean {
  if (!wide) return true
  return narrow !== undefined && narrow.every((one) => targetCovered(wide, one))
}

/** Several patterns may cover one together, as long as each names all of its servers. */
function targetCovered(wide: readonly Target[], narrow: Target): boolean {
  const same = wide.filter(
    ({ kind, server }) => kind === narrow.kind && globsCover([server], narrow.server, 'server'),
  )
  const names = same.map(({ name }) => name)
  if (!globsCover(names, narrow.name, 'tool')) return false
  // A pattern of resources is read in two ways, and matches what either of them does.
  return narrow.kind !== 'resource' || globsCover(names, narrow.name, 'uri')
}
