/** What `test` found, as one JSON document. */
import type { Problem } from '../model/document.ts'
import { caseText } from '../policy/scenario/case-text.ts'
import { rowsOf } from '../policy/scenario/explain.ts'
import type { Mutated } from '../policy/scenario/kill.ts'
import { passed, type SuiteResult } from '../policy/scenario/suite.ts'
import { problemJson } from './check-report.ts'
import type { SuiteCoverage, TestReport } from './test-report.ts'

/** Everything passed, coverage is as wanted, and every mistake was noticed. */
export function isGood({ results, coverage, mutants }: TestReport): boolean {
  const covered = coverage?.every(({ below }) => below.length === 0) ?? true
  const noticed = mutants?.every(({ fate }) => fate !== 'survived') ?? true
  return results.every(passed) && covered && noticed
}

export function jsonText(report: TestReport): string {
  const { results, coverage, mutants, seed } = report
  const document = {
    ok: isGood(report),
    seed,
    files: results.map(fileJson),
    ...(coverage && { coverage: coverage.map(coverageJson) }),
    ...(mutants && { mutants: mutantsJson(mutants) }),
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/** Nothing could be tested: the same form, with what is wrong in place of what was found. */
export function problemsJson(problems: readonly Problem[]): string {
  const document = { ok: false, problems: problems.map(problemJson) }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

function fileJson({ suite, cases, invariants }: SuiteResult): object {
  const { file, name, defaults } = suite.scenario
  return {
    file,
    test: name,
    cases: cases.map((result) => {
      const { case: one, mismatches, tried } = result
      const ok = mismatches.length === 0
      const { line } = one.place
      return { name: one.name, line, ok, ...(!ok && { mismatches, rules: rowsOf(tried) }) }
    }),
    invariants: invariants.map(({ invariant, runs, about, broken }) => ({
      name: invariant.name,
      line: invariant.place.line,
      ok: !broken && about > 0,
      runs,
      about,
      ...(broken && {
        case: caseText(invariant.name, broken.made, defaults, 'deny').lines.join('\n'),
        rules: rowsOf(broken.tried),
      }),
    })),
  }
}

function coverageJson({ suite, rules, outcomes, covered, below }: SuiteCoverage): object {
  const missing = covered.flatMap(({ rule, place, missing: all }) =>
    [...all.keys()].map((outcome) => ({ rule, file: place.file, line: place.line, outcome })),
  )
  return { file: suite.scenario.file, rules, outcomes, missing, below }
}

function mutantsJson(mutants: readonly Mutated[]): object {
  const count = (fate: string): number => mutants.filter((one) => one.fate === fate).length
  return {
    killed: count('killed'),
    survived: count('survived'),
    silenced: count('silenced'),
    stillborn: count('stillborn'),
    survivors: mutants
      .filter(({ fate }) => fate === 'survived')
      .map(({ mutant: { kind, rule, place, was, now } }) => ({
        kind,
        rule,
        file: place.file,
        line: place.line,
        was,
        now,
      })),
  }
}
