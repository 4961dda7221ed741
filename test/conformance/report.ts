/** The comparison for people, and for machines. */
import { table } from '../bench/report.ts'
import { sum, type Row, type Totals } from './compare.ts'
import type { Revision } from './options.ts'

export interface Comparison {
  readonly revision: Revision
  readonly rows: readonly Row[]
  /** Scenarios that passed only when they were run a second time, by themselves. */
  readonly unsteady: readonly string[]
  /** Scenarios that neither leg ran, each with its reason. */
  readonly leftOut: readonly { readonly scenario: string; readonly why: string }[]
}

export function regressions(rows: readonly Row[]): readonly Row[] {
  return rows.filter(({ differences }) => differences.length > 0)
}

export function jsonText({ revision, rows, unsteady, leftOut }: Comparison): string {
  const found = regressions(rows).map(({ mode, scenario, differences }) => ({
    mode,
    scenario,
    checks: [...new Set(differences.map(({ check }) => check))],
    differences,
  }))
  const scenarios = rows.map(({ mode, scenario, direct, guarded }) => ({
    mode,
    scenario,
    direct,
    guarded,
  }))
  const document = {
    requirements: revision,
    direct: sum(rows.map(({ direct }) => direct)),
    guarded: sum(rows.map(({ guarded }) => guarded)),
    regressions: found,
    unsteady,
    leftOut,
    scenarios,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

export function text({ revision, rows, unsteady, leftOut }: Comparison): string {
  const lines = rows.map((row) => [
    row.scenario,
    row.mode,
    cell(row.direct),
    cell(row.guarded),
    row.differences.length === 0 ? '' : 'REGRESSION',
  ])
  const all = ['all', '', cell(sum(rows.map(({ direct }) => direct)))]
  const total = [...all, cell(sum(rows.map(({ guarded }) => guarded))), '']
  const bad = regressions(rows)
  return [
    `MCP ${revision}: passed/failed checks of the official suite, without and with the guard in between`,
    table(['scenario', 'tests a', 'direct', 'guarded', ''], [...lines, total]),
    ...bad.map(differenceText),
    ...unsteady.map(
      (scenario) => `${scenario}: no regression only when it was run again by itself`,
    ),
    ...leftOut.map(({ scenario, why }) => `${scenario}: not run, ${why}`),
    bad.length === 0 ? 'no regression' : `scenarios with regressions: ${bad.length}`,
    '',
  ].join('\n\n')
}

function cell({ passed, failed, warnings }: Totals): string {
  return `${passed}/${failed}${warnings === 0 ? '' : ` (${warnings} warned)`}`
}

function differenceText({ mode, scenario, differences }: Row): string {
  const lines = differences.map(({ check, name, direct, guarded, why }) => {
    const which = name === check ? check : `${check} (${name})`
    return `  ${which}: ${cell(direct)} directly, ${cell(guarded)} guarded: ${why.slice(0, 300)}`
  })
  return [`${scenario} (tests a ${mode})`, ...lines].join('\n')
}
