/** Runs test files against policies with a mistake in them: each of these has to make some test fail. */
import { Problems } from '../../model/document.ts'
import { checkInvariant } from './invariant.ts'
import type { Case } from './language.ts'
import { type Mutant, mutantsOf } from './mutate.ts'
import { runCase } from './run.ts'
import {
  benchFor,
  type Chance,
  compileWith,
  invented,
  type PolicyDocument,
  type Suite,
} from './suite.ts'
import type { Made } from './generator.ts'

/** `stillborn`: it does not load, so that nobody could have put it in force. */
export type Fate = 'killed' | 'survived' | 'silenced' | 'stillborn'

export interface Mutated {
  readonly document: PolicyDocument
  readonly mutant: Mutant
  readonly fate: Fate
}

/** One after the other, so that whoever asks may stop. All suites must pass as they are. */
export function* mutationRun(suites: readonly Suite[], chance: Chance): Generator<Mutated, void> {
  const calls = suites.map((suite) =>
    suite.invariants.map((checked) => invented(suite, checked, chance)),
  )
  const trials = suites.map((suite, at): Trial => ({ suite, calls: calls[at] ?? [], killers: [] }))
  for (const [document, mutants] of mutantsIn(suites)) {
    const concerned = trials.filter(({ suite }) => documentOf(suite, document) !== undefined)
    for (const mutant of mutants)
      yield { document, mutant, fate: fateOf(document, mutant, concerned) }
  }
}

/** How many there are, to say how far it has come. */
export function countMutants(suites: readonly Suite[]): number {
  let count = 0
  for (const [, mutants] of mutantsIn(suites)) count += mutants.length
  return count
}

interface Trial {
  readonly suite: Suite
  /** The calls of each of its invariants. */
  readonly calls: readonly (readonly Made[])[]
  /** Cases that have killed, the latest first: mistakes in one rule fall to the same cases. */
  killers: Case[]
}

/** Several test files may load one policy. */
function mutantsIn(suites: readonly Suite[]): ReadonlyMap<PolicyDocument, readonly Mutant[]> {
  const documents = new Map<string, PolicyDocument>()
  for (const { source } of suites) for (const one of source.documents) documents.set(one.file, one)
  return new Map([...documents.values()].map((one) => [one, mutantsOf(one.node)]))
}

function documentOf({ source }: Suite, { file }: PolicyDocument): PolicyDocument | undefined {
  return source.documents.find((one) => one.file === file)
}

function fateOf(document: PolicyDocument, mutant: Mutant, trials: readonly Trial[]): Fate {
  const policy = mutant.make(document.policy)
  if (!policy) return 'stillborn'
  let loads = false
  for (const trial of trials) {
    const fate = fateIn(trial, { ...document, policy }, mutant)
    if (fate === 'killed') return 'killed'
    if (fate === 'survived') loads = true
  }
  if (!loads) return 'stillborn'
  return isSilenced(document, mutant) ? 'silenced' : 'survived'
}

function fateIn(trial: Trial, changed: PolicyDocument, { local }: Mutant): Fate {
  const { suite, calls } = trial
  const { source, scenario, invariants } = suite
  const documents = source.documents.map((one) => (one.file === changed.file ? changed : one))
  const problems = new Problems()
  const before = local ? suite.bench.policies : undefined
  const policies = compileWith(source, documents, problems, before)
  if (!policies) return 'stillborn'
  const bench = benchFor(source, policies)
  const rest = scenario.cases.filter((one) => !trial.killers.includes(one))
  for (const one of [...trial.killers, ...rest]) {
    if (runCase(bench, one).mismatches.length === 0) continue
    trial.killers = [one, ...trial.killers.filter((other) => other !== one)].slice(0, 8)
    return 'killed'
  }
  const broken = invariants.some(
    (checked, at) => checkInvariant(checked, bench, calls[at] ?? []).broken !== undefined,
  )
  return broken ? 'killed' : 'survived'
}

/** `finding: mutant`, or of one kind: `mutant:boundary`. */
function isSilenced({ policy }: PolicyDocument, { rule, kind }: Mutant): boolean {
  return policy.ignore.some(
    (ignored) =>
      (ignored.finding === 'mutant' || ignored.finding === `mutant:${kind}`) &&
      (ignored.rule === undefined || ignored.rule === rule),
  )
}
