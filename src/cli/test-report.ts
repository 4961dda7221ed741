/** How `test` says what it found: what failed and why, what no case has shown, which mistakes nobody noticed. */
import { isSecretName } from '../model/secret-name.ts'
import type { Place } from '../model/document.ts'
import { caseText, expectText } from '../policy/scenario/case-text.ts'
import type { Covered } from '../policy/scenario/coverage.ts'
import { rowsOf, type RuleRow } from '../policy/scenario/explain.ts'
import type { InvariantResult } from '../policy/scenario/invariant.ts'
import type { Mutated } from '../policy/scenario/kill.ts'
import type { Effect, ScenarioFile } from '../policy/scenario/language.ts'
import type { CaseResult } from '../policy/scenario/run.ts'
import type { Tried } from '../policy/scenario/bench.ts'
import {
  type Suite,
  type SuiteResult,
  type Wanted,
  wantedCases,
  wantedInvariants,
} from '../policy/scenario/suite.ts'
import { type CliIo, paint, printable, shortPath } from './io.ts'

export interface SuiteCoverage {
  readonly suite: Suite
  readonly covered: readonly Covered[]
  readonly rules: number
  readonly outcomes: number
  /** What is less than the file asks for, in words. */
  readonly below: readonly string[]
}

export interface TestReport {
  readonly results: readonly SuiteResult[]
  readonly seed: number
  /** Absent: only some cases were run. */
  readonly coverage?: readonly SuiteCoverage[]
  /** Absent: nobody asked. */
  readonly mutants?: readonly Mutated[]
  /** Mistakes were asked for, but tests failed without any. */
  readonly unmutated: boolean
}

export function listText(suites: readonly Suite[], wanted: Wanted, io: CliIo): string {
  const lines = suites.flatMap((suite) =>
    [...wantedCases(suite, wanted), ...wantedInvariants(suite, wanted)].map(
      ({ name, place }) => `${placeText(place, io)}: ${printable(name)}`,
    ),
  )
  return lines.map((line) => `${line}\n`).join('')
}

export function placeText({ file, line }: Place, io: Pick<CliIo, 'cwd'>): string {
  return `${printable(shortPath(file, io.cwd))}:${line}`
}

export function textReport(report: TestReport, io: CliIo): string {
  const lines = [
    ...report.results.flatMap((result) => suiteLines(result, report.seed, io)),
    ...(report.coverage ?? []).flatMap((one) => coverageLines(one, io)),
    ...mutantLines(report, io),
    '',
    verdict(report, io),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function suiteLines(result: SuiteResult, seed: number, io: CliIo): readonly string[] {
  const { suite, cases, invariants } = result
  const { file, name, defaults } = suite.scenario
  const failed = cases.filter(({ mismatches }) => mismatches.length > 0)
  const bad = invariants.filter(({ broken, about }) => broken !== undefined || about === 0)
  const ok = failed.length + bad.length === 0
  const mark = ok ? paint(io, 'green', 'ok    ') : paint(io, 'red', 'FAILED')
  const calls = invariants.reduce((sum, { runs }) => sum + runs, 0)
  const counts = [
    ...(cases.length > 0 ? [counted(cases.length, 'case')] : []),
    ...(invariants.length > 0
      ? [`${counted(invariants.length, 'invariant')} (${counted(calls, 'call')})`]
      : []),
  ]
  if (counts.length === 0) return []
  return [
    `${mark} ${paint(io, 'bold', shortPath(file, io.cwd))}: ${printable(name)}, ${counts.join(', ')}`,
    ...failed.flatMap((one) => caseLines(one, io)),
    ...bad.flatMap((one) => invariantLines(one, defaults, seed, io)),
  ]
}

function caseLines({ case: one, tried, mismatches }: CaseResult, io: CliIo): readonly string[] {
  return [
    '',
    `  ${paint(io, 'red', 'failed')} ${placeText(one.place, io)}: ${printable(one.name)}`,
    ...mismatches.map(
      ({ what, expected, actual }) =>
        `    ${what}: expected ${paint(io, 'bold', expected)}, got ${paint(io, 'bold', actual)}`,
    ),
    ...triedLines(tried, io),
  ]
}

/** The call, and what each rule that is about it made of it. */
function triedLines(tried: Tried, io: CliIo): readonly string[] {
  const { call, decision } = tried
  const { resource } = call
  const name = resource.kind === 'resource' ? resource.uri : resource.name
  const labels = call.session.labels.length > 0 ? `, labels ${call.session.labels.join(', ')}` : ''
  const when = `${new Date(call.at).toISOString()}, ${call.environment}, risk ${call.risk}${labels}`
  return [
    `    call: ${resource.kind} ${printable(`${resource.server}/${name}`)} ${argsText(call.args)}`,
    `    ${paint(io, 'dim', `by ${call.principal.agent}, ${when}`)}`,
    `    decision: ${decision.effect}, ${decision.reason}`,
    ...rowsOf(tried).flatMap((row) => ruleLines(row, io)),
  ]
}

const MOST_SHOWN = 500

function argsText(args: Tried['call']['args']): string {
  const text = JSON.stringify(args, (key, value: unknown) =>
    isSecretName(key) ? '(withheld)' : value,
  )
  return printable(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text)
}

function ruleLines(row: RuleRow, io: CliIo): readonly string[] {
  const { matched } = row
  const mark =
    matched === 'error'
      ? paint(io, 'yellow', 'error')
      : matched
        ? paint(io, 'cyan', 'match')
        : 'no   '
  const shadow = row.mode === 'shadow' ? ' (shadow)' : ''
  return [
    `    ${mark} ${row.effect} ${row.rule}${shadow} ${paint(io, 'dim', placeText(row.place, io))}`,
    ...row.conjuncts.map(({ rule, expected, read, result, hint }) => {
      const value = read === undefined ? '' : `, read ${read}`
      const help = hint === undefined ? '' : ` (${hint})`
      return printable(`          ${result}: ${rule}: ${expected}${value}${help}`)
    }),
  ]
}

function invariantLines(
  { invariant, runs, about, broken }: InvariantResult,
  defaults: ScenarioFile['defaults'],
  seed: number,
  io: CliIo,
): readonly string[] {
  const { name, place, effect } = invariant
  const head = `  ${paint(io, 'red', 'failed')} ${placeText(place, io)}: ${printable(name)}`
  if (!broken) {
    const why = `none of ${counted(runs, 'call')} met its condition (${about}): it has shown nothing`
    return ['', head, `    ${why}; try more --runs, or correct the condition`]
  }
  const expect: Effect = effect === 'deny' ? 'permit' : 'deny'
  const text = caseText(`found by: ${name}`, broken.made, defaults, expect)
  return [
    '',
    head,
    `    broken by call ${runs} (--seed ${seed}); as a case:`,
    ...text.lines.map((line) => `      ${printable(line)}`),
    ...(text.unwritable === undefined
      ? []
      : [
          `      # no document can hold ${text.unwritable}, and the guard refuses such a call before`,
        ]),
    ...triedLines(broken.tried, io),
  ]
}

function coverageLines(
  { suite, covered, rules, outcomes, below }: SuiteCoverage,
  io: CliIo,
): readonly string[] {
  const { scenario } = suite
  const head = `coverage ${shortPath(scenario.file, io.cwd)}: rules ${rules}%, outcomes ${outcomes}%`
  if (below.length === 0) return [paint(io, 'dim', head)]
  return [
    '',
    `${paint(io, 'red', 'FAILED')} ${head} (${below.join('; ')})`,
    ...covered.flatMap((one) => missingLines(one, suite, io)),
  ]
}

const NEVER: Readonly<Record<string, string>> = {
  true: 'was never seen to match',
  false: 'was never seen not to match',
  error: 'was never seen to fail, which counts as a match',
}

function missingLines(
  { rule, place, missing }: Covered,
  { scenario, bench }: Suite,
  io: CliIo,
): readonly string[] {
  return [...missing].flatMap(([outcome, made]) => {
    const head = `  ${placeText(place, io)}: ${rule} ${NEVER[outcome] ?? ''}`
    if (!made) return [`${head}, and no call was found with which it does`]
    const now = expectText(bench.try(made.acted, made.circumstances))
    const { lines } = caseText(`${rule} ${outcome}`, made, scenario.defaults, now)
    return [`${head}; such as:`, ...lines.map((line) => `      ${printable(line)}`)]
  })
}

function mutantLines({ mutants, unmutated }: TestReport, io: CliIo): readonly string[] {
  if (unmutated) return ['', 'no mistakes were made: tests have to pass without any first']
  if (!mutants) return []
  const count = (fate: string): number => mutants.filter((one) => one.fate === fate).length
  const silenced = count('silenced')
  const head = `mistakes: ${count('killed')} noticed, ${count('survived')} not${silenced > 0 ? `, ${silenced} silenced` : ''}`
  const survivors = mutants.filter(({ fate }) => fate === 'survived')
  if (survivors.length === 0) return [paint(io, 'dim', head)]
  return [
    '',
    `${paint(io, 'red', 'FAILED')} ${head}`,
    ...survivors.flatMap(({ mutant: { kind, rule, place, was, now } }) => [
      `  ${placeText(place, io)}: ${printable(rule)}: ${kind}`,
      `    ${paint(io, 'red', '-')} ${printable(was)}`,
      `    ${paint(io, 'green', '+')} ${printable(now)}`,
    ]),
    '  write a case that tells the two apart, or let it stand: `ignore: [{ finding: mutant, rule: …, reason: … }]`',
  ]
}

function verdict({ results, coverage, mutants }: TestReport, io: CliIo): string {
  const cases = results.flatMap((result) => result.cases)
  const invariants = results.flatMap((result) => result.invariants)
  const bad =
    cases.filter(({ mismatches }) => mismatches.length > 0).length +
    invariants.filter(({ broken, about }) => broken !== undefined || about === 0).length
  const total = cases.length + invariants.length
  const also = [
    ...((coverage ?? []).some(({ below }) => below.length > 0) ? ['coverage is too low'] : []),
    ...((mutants ?? []).some(({ fate }) => fate === 'survived')
      ? ['mistakes were not noticed']
      : []),
  ]
  const tests = `${total - bad} of ${counted(total, 'test')} passed`
  if (bad + also.length === 0) return `${paint(io, 'green', 'ok')}: ${tests}`
  return `${paint(io, 'red', 'not ok')}: ${[tests, ...also].join(', ')}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
