/** A test file with everything that it needs, ready to run. */
import type { CompiledMandate } from '../../model/authority.ts'
import type { DocNode, Problems } from '../../model/document.ts'
import type { Sha256 } from '../../model/id.ts'
import type { ToolDefinition } from '../../model/tool.ts'
import { type CompiledPolicies, compilePolicies, type EngineSelection } from '../compile.ts'
import type { PolicyFile } from '../language.ts'
import { type Bench, benchOf, type BenchSource, type TriedTask } from './bench.ts'
import { type Generator, generatorOf } from './generator.ts'
import {
  aboutOf,
  callsFor,
  type Checked,
  checkInvariant,
  compileInvariant,
  type InvariantResult,
} from './invariant.ts'
import type { Made } from './generator.ts'
import type { Case, Invariant, ScenarioFile } from './language.ts'
import { link } from './link.ts'
import { type CaseResult, runCase } from './run.ts'

/** A policy file, with its document, of which mutants are made. */
export interface PolicyDocument {
  readonly file: string
  readonly node: DocNode
  readonly policy: PolicyFile
}

export interface SuiteSource {
  readonly scenario: ScenarioFile
  readonly documents: readonly PolicyDocument[]
  readonly engines: readonly EngineSelection[]
  readonly revision: Sha256
  /** Absent: everything is permitted. */
  readonly mandate?: CompiledMandate
  /** By `server/name`. */
  readonly tools: ReadonlyMap<string, ToolDefinition>
  readonly newTask: (id: string) => TriedTask
}

export interface Suite {
  readonly source: SuiteSource
  readonly scenario: ScenarioFile
  readonly bench: Bench
  readonly invariants: readonly Checked[]
  readonly generator: Generator
}

/** Undefined when a problem of level error was reported. */
export function suiteOf(source: SuiteSource, problems: Problems): Suite | undefined {
  const policies = compileWith(source, source.documents, problems)
  if (!policies) return undefined
  const bench = benchFor(source, policies)
  const scenario = link(source.scenario, bench, problems)
  const invariants = scenario.invariants.flatMap(
    (one) => compileInvariant(one, policies, problems) ?? [],
  )
  if (problems.bad) return undefined
  const asking = invariants.map(({ invariant, when }) => ({
    about: aboutOf(invariant),
    conditions: when?.conjuncts ?? [],
  }))
  const generator = generatorOf(bench, scenario, asking)
  return { source, scenario, bench, invariants, generator }
}

/** `before`: a set that differs in some rules only, of which the others are taken over. */
export function compileWith(
  { engines, revision }: SuiteSource,
  documents: readonly PolicyDocument[],
  problems: Problems,
  before?: CompiledPolicies,
): CompiledPolicies | undefined {
  const files = documents.map(({ policy }) => policy)
  return compilePolicies({ files, engines, revision }, problems, before)
}

export function benchFor(source: SuiteSource, policies: CompiledPolicies): Bench {
  const { mandate, tools, newTask } = source
  const engines = source.engines.map(({ id }) => id)
  const given: BenchSource = { policies, engines, tools, newTask, ...(mandate && { mandate }) }
  return benchOf(given)
}

/** How calls are made up: as many, and the same for the same seed. */
export interface Chance {
  readonly seed: number
  readonly runs: number
}

/** Which cases and invariants are run, by their names. */
export type Wanted = (name: string) => boolean

export function wantedCases({ scenario }: Suite, wanted: Wanted): readonly Case[] {
  return scenario.cases.filter(({ name }) => wanted(name))
}

export function wantedInvariants({ scenario }: Suite, wanted: Wanted): readonly Invariant[] {
  return scenario.invariants.filter(({ name }) => wanted(name))
}

export interface SuiteResult {
  readonly suite: Suite
  readonly cases: readonly CaseResult[]
  readonly invariants: readonly InvariantResult[]
}

export function runSuite(suite: Suite, wanted: Wanted, chance: Chance): SuiteResult {
  const { bench, invariants } = suite
  return {
    suite,
    cases: wantedCases(suite, wanted).map((one) => runCase(bench, one)),
    invariants: invariants
      .filter(({ invariant }) => wanted(invariant.name))
      .map((one) => checkInvariant(one, bench, invented(suite, one, chance))),
  }
}

/** The calls that an invariant is checked with. */
export function invented(suite: Suite, checked: Checked, chance: Chance): readonly Made[] {
  return callsFor(checked, suite.generator, chance)
}

/** An invariant that no call was about has shown nothing. */
export function passed({ cases, invariants }: SuiteResult): boolean {
  return (
    cases.every(({ mismatches }) => mismatches.length === 0) &&
    invariants.every(({ broken, about }) => !broken && about > 0)
  )
}
