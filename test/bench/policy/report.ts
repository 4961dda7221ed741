/** The policy section as tables for people. */
import { table } from '../report.ts'
import type { PolicyResult } from './run.ts'
import { RULES, TOOLS } from './table.ts'

/** So many of the hard cases are shown; `--json` has all of them. */
const SHOWN = 8

export function policyText({ engines, path, load, worst }: PolicyResult): string {
  const measured = engines.filter((one) => one.missing === undefined)
  const head = ['', 'calls', 'decisions/CPU s', 'CPU ÷ closures', 'p50 µs', 'p99 µs']
  const rows = measured.map((one) => [
    one.name,
    one.workload,
    one.perCpuSecond,
    one.overClosures,
    one.p50Us,
    one.p99Us,
    one.singleP99Us,
  ])
  const missing = engines.flatMap((one) =>
    one.missing === undefined ? [] : `${one.name}: not measured: ${one.missing}`,
  )
  return [
    `policy, ${RULES.toLocaleString('en-US')} rules over ${TOOLS} tools, one core\n${table([...head, 'p99 single µs'], rows)}`,
    ...(missing.length > 0 ? [missing.join('\n')] : []),
    `admit to commit, without the disk\n${table(
      ['', 'calls/CPU s', 'p50 µs', 'p99 µs'],
      [['permitted calls', path.perCpuSecond, path.p50Us, path.p99Us]],
    )}`,
    `load, CPU of a fresh process (medians of ${load.processes})\n${table(
      ['', 'YAML ms', 'by the clock ms', 'JSON ms', 'again ms', 'first decision µs', 'p90 µs'],
      [
        [
          `${RULES.toLocaleString('en-US')} rules`,
          load.yamlMs,
          load.yamlWallMs,
          load.jsonMs,
          load.againMs,
          load.firstUs,
          load.firstSlowUs,
        ],
      ],
    )}`,
    `worst single evaluations on a mebibyte, CPU\n${table(
      ['', 'ms', 'first time ms'],
      worst.slice(0, SHOWN).map((one) => [one.name, one.cpuMs, one.firstMs]),
    )}`,
  ].join('\n\n')
}
