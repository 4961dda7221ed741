/** What is taken back now, out of all changes that were ever made to it. */
import type { Instant } from '../model/id.ts'
import { isList, type Json } from '../model/json.ts'
import type { Lifted, Restriction, Restrictions, Target } from '../model/state.ts'

/** A restriction, or one that ends what stood against its target. */
export type Change = Omit<Restriction, 'kind'> & {
  readonly kind: Restriction['kind'] | 'lifted'
}

/** Who lifts a restriction, and why; `revoked`: also one that is for good. */
export interface Lift {
  readonly at: Instant
  readonly why: string
  readonly by: string
  readonly revoked: boolean
}

/** What stands, by target. */
export type Standing = Map<string, Restriction>

/** `lifted`: where what this change lifts is noted, as far as lately goes. */
export function apply(standing: Standing, { kind, ...change }: Change, lifted?: Lifted[]): void {
  const key = targetText(change.target)
  const restriction = standing.get(key)
  standing.delete(key)
  if (kind !== 'lifted') standing.set(key, { ...change, kind })
  else if (restriction && lifted) {
    const { id, at, why, by } = change
    lifted.push({ id, restriction, at, why, by })
    if (lifted.length > MOST_LIFTED) lifted.shift()
  }
}

const MOST_LIFTED = 64

export function restrictionsOf(
  revision: number,
  standing: Standing,
  lifted: readonly Lifted[],
): Restrictions {
  const all = [...standing.values()]
  return lifted.length === 0 ? { revision, all } : { revision, all, lifted: [...lifted] }
}

/** The restriction that a suspension would weaken or shorten; undefined where the new one counts. */
export function stronger(
  standing: Standing,
  { target, kind, until }: Pick<Restriction, 'target' | 'kind' | 'until'>,
): Restriction | undefined {
  const known = standing.get(targetText(target))
  if (!known || kind === 'revoked') return undefined
  if (known.kind === 'revoked') return known
  if (until === undefined) return undefined
  return known.until === undefined || known.until > until ? known : undefined
}

/** What would be lifted. The name of a mandate that was revoked stays so. */
export function liftable(
  standing: Standing,
  target: Target,
  revoked: boolean,
): Restriction | undefined {
  const known = standing.get(targetText(target))
  if (known?.kind !== 'revoked') return known
  return revoked && target.kind !== 'mandate' ? known : undefined
}

/** Equal for equal targets. */
export function targetText(target: Target): string {
  switch (target.kind) {
    case 'everything':
      return JSON.stringify([target.kind])
    case 'mandate':
    case 'agent':
    case 'upstream':
      return JSON.stringify([target.kind, target.name])
    case 'tool':
      return JSON.stringify([target.kind, target.server, target.name])
  }
}

/** @throws TypeError or SyntaxError where it is the text of none */
export function targetOf(text: string): Target {
  const parts: unknown = JSON.parse(text)
  const [kind, first, second] = isList(parts) ? parts : []
  if (kind === 'everything') return { kind }
  if (kind === 'mandate' || kind === 'agent' || kind === 'upstream')
    return { kind, name: nameOf(first) }
  if (kind === 'tool') return { kind, server: nameOf(first), name: nameOf(second) }
  throw new TypeError('what is restricted is of an unknown kind')
}

function nameOf(part: Json | undefined): string {
  if (typeof part !== 'string') throw new TypeError('what is restricted has no name')
  return part
}
