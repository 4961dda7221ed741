/** Which rules cases have seen match, not match, and fail to be evaluated; and which of these there is to see. */
import type { Place } from '../../model/document.ts'
import type { PolicyMode, RuleEffect } from '../../model/policy.ts'
import { type CompiledRule, isUnconditional } from '../rule.ts'
import type { Bench, Tried } from './bench.ts'
import type { Generator, Made } from './generator.ts'
import type { Circumstances } from './language.ts'
import { randomOf } from './random.ts'
import { shrink } from './shrink.ts'

export const OUTCOMES = ['true', 'false', 'error'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** A rule by the place where it stands: several test files may load it. */
export interface Covered {
  readonly rule: string
  readonly place: Place
  readonly effect: RuleEffect
  readonly mode: PolicyMode
  readonly seen: ReadonlySet<Outcome>
  /** What could be seen and was not, with a call that would show it, where one was found. */
  readonly missing: ReadonlyMap<Outcome, Made | undefined>
}

export type Seen = Map<string, Set<Outcome>>

export function ruleKey({ source: { place, name } }: CompiledRule): string {
  return `${place.file} ${name}`
}

/** Notes what a call showed of each rule. */
export function noteOutcomes(rules: readonly CompiledRule[], tried: Tried, seen: Seen): void {
  for (const [rule, outcome] of outcomesOf(rules, tried))
    seen.set(ruleKey(rule), (seen.get(ruleKey(rule)) ?? new Set()).add(outcome))
}

/** A rule without a condition is seen false by what it is not about. */
function outcomesOf(
  rules: readonly CompiledRule[],
  { examined }: Tried,
): readonly (readonly [CompiledRule, Outcome])[] {
  const about = new Map(examined.map(({ rule, matched }) => [rule, matched]))
  return rules.flatMap((rule) => {
    const outcome = outcomeOf(rule, about.get(rule))
    return outcome ? [[rule, outcome] as const] : []
  })
}

function outcomeOf(
  rule: CompiledRule,
  matched: boolean | 'error' | undefined,
): Outcome | undefined {
  if (matched === undefined) return isUnconditional(rule) ? 'false' : undefined
  return matched === 'error' ? 'error' : matched ? 'true' : 'false'
}

/** Calls in all, shared by what can be called. */
const SEARCHED = 20_000
const MOST_EACH = 400
const LEAST_EACH = 40

export interface Searching {
  readonly bench: Bench
  readonly generator: Generator
  readonly defaults: Circumstances
}

/** A call that shows an outcome. */
interface Example {
  readonly made: Made
  /** The outcome alone decides what the call gets. */
  readonly clear: boolean
}

/** Looks for what no case has shown, by calls that are made up: what none of them shows is not asked for. */
export function coverageOf(searching: Searching, seen: Seen, seed: number): readonly Covered[] {
  const possible = search(searching, seed)
  return searching.bench.policies.rules.map((rule) => {
    const key = ruleKey(rule)
    return covered(rule, seen.get(key), (outcome) => {
      const example = possible.get(key)?.get(outcome)
      return example && (() => smallest(searching, rule, outcome, example))
    })
  })
}

function search(
  { bench, generator, defaults }: Searching,
  seed: number,
): ReadonlyMap<string, ReadonlyMap<Outcome, Example>> {
  const { rules } = bench.policies
  const possible = new Map<string, Map<Outcome, Example>>()
  const random = randomOf(seed)
  const share = Math.floor(SEARCHED / Math.max(1, generator.callables.length))
  const each = Math.min(MOST_EACH, Math.max(LEAST_EACH, share))
  const made = generator.callables.flatMap((callable) =>
    Array.from({ length: each }, () =>
      generator.make(callable, { circumstances: defaults, fixed: FREE }, random),
    ),
  )
  for (const one of made) {
    const tried = bench.try(one.acted, one.circumstances)
    for (const [rule, outcome] of outcomesOf(rules, tried)) {
      const known = possible.get(ruleKey(rule)) ?? new Map<Outcome, Example>()
      possible.set(ruleKey(rule), known)
      if (known.get(outcome)?.clear === true) continue
      const clear = decides(rule, outcome, tried)
      if (clear || !known.has(outcome)) known.set(outcome, { made: one, clear })
    }
  }
  return possible
}

/** No other rule says the same, so that a case made of it shows this rule. */
function decides(
  { source: { name, mode, effect } }: CompiledRule,
  outcome: Outcome,
  tried: Tried,
): boolean {
  const { decision } = tried
  if (outcome === 'false' || mode === 'shadow' || effect === 'oblige')
    return decision.effect === 'permit'
  const { determining = [] } = decision.policy ?? {}
  return determining.length === 1 && determining[0] === name
}

function smallest(
  { bench, defaults }: Searching,
  rule: CompiledRule,
  outcome: Outcome,
  { made, clear }: Example,
): Made {
  return shrink(made, defaults, ({ acted, circumstances }) => {
    const tried = bench.try(acted, circumstances)
    const [shown] = outcomesOf([rule], tried)
    return shown?.[1] === outcome && (!clear || decides(rule, outcome, tried))
  })
}

const FREE: ReadonlySet<string> = new Set()

function covered(
  rule: CompiledRule,
  seen: ReadonlySet<Outcome> | undefined,
  possible: (outcome: Outcome) => (() => Made) | undefined,
): Covered {
  const { name, place, effect, mode } = rule.source
  const missing = new Map<Outcome, Made | undefined>()
  for (const outcome of OUTCOMES) {
    if (seen?.has(outcome) === true) continue
    const example = possible(outcome)
    const wanted = outcome === 'error' ? effect !== 'oblige' : true
    // A rule that can never match is asked for all the same: somebody believes that it does.
    if (outcome === 'true' || (wanted && example)) missing.set(outcome, example?.())
  }
  return { rule: name, place, effect, mode, seen: seen ?? new Set(), missing }
}

/** In percent, cut to a whole number so that 100 is all of them. */
export function percentages(covered: readonly Covered[]): {
  readonly rules: number
  readonly outcomes: number
} {
  const met = covered.filter(({ seen }) => seen.has('true')).length
  const missing = covered.reduce((sum, one) => sum + one.missing.size, 0)
  const shown = covered.reduce((sum, one) => sum + one.seen.size, 0)
  return { rules: percent(met, covered.length), outcomes: percent(shown, shown + missing) }
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.floor((100 * part) / whole)
}
