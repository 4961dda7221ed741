/** The result of tests in the form that build servers read. */
import { shortPath } from './io.ts'
import type { TestReport } from './test-report.ts'
import type { SuiteResult } from '../policy/scenario/suite.ts'

interface Row {
  readonly name: string
  readonly line: number
  /** Absent: it passed. */
  readonly failure?: string
}

export function junitText(report: TestReport, cwd: string): string {
  const suites = report.results.map((result) => {
    const file = shortPath(result.suite.scenario.file, cwd)
    return { name: result.suite.scenario.name, file, rows: rowsOf(result) }
  })
  const extra = extraRows(report)
  if (extra.length > 0) suites.push({ name: 'coverage and mistakes', file: '', rows: extra })
  const lines = suites.flatMap(({ name, file, rows }) => [
    `  <testsuite name="${xml(name)}" tests="${rows.length}" failures="${failures(rows)}" file="${xml(file)}">`,
    ...rows.map((row) => rowText(row, file)),
    '  </testsuite>',
  ])
  const all = suites.flatMap(({ rows }) => rows)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="chaperone test" tests="${all.length}" failures="${failures(all)}">`,
    ...lines,
    '</testsuites>',
    '',
  ].join('\n')
}

/** A run that came to no result: one case, with what kept it from it. */
export function junitError(name: string, why: string): string {
  const [first = ''] = why.split('\n')
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="chaperone test" tests="1" failures="0" errors="1">',
    '  <testsuite name="chaperone test" tests="1" failures="0" errors="1">',
    `    <testcase name="${xml(name)}" classname="chaperone test">`,
    `      <error message="${xml(first)}">${xml(why)}</error>`,
    '    </testcase>',
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function rowsOf({ cases, invariants }: SuiteResult): readonly Row[] {
  return [
    ...cases.map(({ case: one, mismatches }): Row => {
      const row = { name: one.name, line: one.place.line }
      if (mismatches.length === 0) return row
      const failure = mismatches
        .map(({ what, expected, actual }) => `${what}: expected ${expected}, got ${actual}`)
        .join('\n')
      return { ...row, failure }
    }),
    ...invariants.map(({ invariant, broken, about }): Row => {
      const row = { name: invariant.name, line: invariant.place.line }
      if (broken) return { ...row, failure: `broken by ${JSON.stringify(broken.made.acted)}` }
      return about > 0 ? row : { ...row, failure: 'no call met its condition' }
    }),
  ]
}

function extraRows({ coverage, mutants }: TestReport): readonly Row[] {
  const low = (coverage ?? []).flatMap(({ suite, below }) =>
    below.map((failure) => ({
      name: `coverage of ${suite.scenario.name}`,
      line: suite.scenario.coverage?.place.line ?? 1,
      failure,
    })),
  )
  const survivors = (mutants ?? [])
    .filter(({ fate }) => fate === 'survived')
    .map(({ mutant: { rule, kind, place, was, now } }) => ({
      name: `${rule}: ${kind}`,
      line: place.line,
      failure: `not noticed:\n- ${was}\n+ ${now}`,
    }))
  return [...low, ...survivors]
}

function failures(rows: readonly Row[]): number {
  return rows.filter(({ failure }) => failure !== undefined).length
}

function rowText({ name, line, failure }: Row, file: string): string {
  const head = `    <testcase name="${xml(name)}" classname="${xml(file)}" line="${line}"`
  if (failure === undefined) return `${head}/>`
  const [first = ''] = failure.split('\n')
  return `${head}><failure message="${xml(first)}">${xml(failure)}</failure></testcase>`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
}

/** What XML 1.0 cannot hold at all becomes a question mark. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, (char) => (char === '\n' || char === '\t' ? char : '?'))
    .replaceAll(/[&<>"\n]/g, (char) => ESCAPES[char] ?? char)
}
