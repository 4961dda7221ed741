/** Checks what no call may get, with calls that are made up. */
import {
  type Condition,
  compileCondition,
  type ConditionScope,
} from '../../expression/condition.ts'
import type { Problems } from '../../model/document.ts'
import type { CompiledPolicies } from '../compile.ts'
import { globOf } from '../target.ts'
import type { Bench, Tried } from './bench.ts'
import type { Callable, Generator, Made } from './generator.ts'
import type { Invariant } from './language.ts'
import { randomOf } from './random.ts'
import { effectOf } from './run.ts'
import { shrink } from './shrink.ts'

/** An invariant with its condition compiled. */
export interface Checked {
  readonly invariant: Invariant
  readonly when?: Condition
}

export interface InvariantResult {
  readonly invariant: Invariant
  /** Calls that were tried, and those of them that it is about: without any of these, it said nothing. */
  readonly runs: number
  readonly about: number
  readonly broken?: { readonly made: Made; readonly tried: Tried }
}

/** The condition may name what those of policies may; undefined when a problem was reported. */
export function compileInvariant(
  invariant: Invariant,
  policies: CompiledPolicies,
  problems: Problems,
): Checked | undefined {
  const sets = new Map([...policies.sets].map(([name, one]) => [name, one.values]))
  const [timezone, other] = new Set(policies.files.flatMap((file) => file.timezone ?? []))
  const scope: ConditionScope = {
    policy: { sets, ...(timezone !== undefined && other === undefined && { timezone }) },
  }
  if (!invariant.when) return { invariant }
  const when = compileCondition(invariant.when, scope, problems)
  return when && { invariant, when }
}

/** Whether its pattern matches. */
export function aboutOf({ kind, server, called, place }: Invariant): (one: Callable) => boolean {
  const servers = globOf({ text: server, place }, 'server')
  const namesOf = globOf({ text: called, place }, 'tool')
  return (one) => one.kind === kind && servers.matches(one.server) && namesOf.matches(one.name)
}

/** What an invariant may be about: whatever is known and named by it, or something that its pattern matches. */
function subjectsOf(invariant: Invariant, callables: readonly Callable[]): readonly Callable[] {
  const { kind, server, called } = invariant
  const found = callables.filter(aboutOf(invariant))
  if (found.length > 0) return found
  const written = (glob: string): string => glob.replaceAll(/\*+|\?/g, 'x')
  return [{ kind, server: written(server), name: written(called) }]
}

/** The same calls for the same seed, whatever the policies are. */
export function callsFor(
  { invariant }: Checked,
  generator: Generator,
  { seed, runs }: { readonly seed: number; readonly runs: number },
): readonly Made[] {
  const random = randomOf(seed)
  const subjects = subjectsOf(invariant, generator.callables)
  return Array.from({ length: runs }, (_, run) => {
    const callable = subjects[run % subjects.length] ?? { kind: 'tool', server: 'x', name: 'x' }
    return generator.make(callable, invariant, random)
  })
}

export function checkInvariant(
  checked: Checked,
  bench: Bench,
  calls: readonly Made[],
): InvariantResult {
  const { invariant } = checked
  let about = 0
  for (const [run, made] of calls.entries()) {
    const tried = bench.try(made.acted, made.circumstances)
    if (!isAbout(checked, tried)) continue
    about += 1
    if (effectOf(tried.decision) !== invariant.effect) continue
    const least = shrink(made, invariant.circumstances, (one) => breaks(checked, bench, one))
    const broken = { made: least, tried: bench.try(least.acted, least.circumstances) }
    return { invariant, runs: run + 1, about, broken }
  }
  return { invariant, runs: calls.length, about }
}

function breaks(checked: Checked, bench: Bench, { acted, circumstances }: Made): boolean {
  const tried = bench.try(acted, circumstances)
  return isAbout(checked, tried) && effectOf(tried.decision) === checked.invariant.effect
}

/** A call of which the condition cannot be decided is none that the invariant speaks of. */
function isAbout({ when }: Checked, { call }: Tried): boolean {
  return !when || when.evaluate(call) === true
}
