/** The targets of the policy section. */
import type { Open } from '../goal.ts'
import type { EngineResult } from './measure.ts'
import type { PolicyResult } from './run.ts'
import { RULES } from './table.ts'

export function policyGoals({ engines, path, load, worst }: PolicyResult): readonly Open[] {
  const own = engines.find((one) => one.name === 'chaperone' && one.workload === 'twelve kinds')
  const rules = `${RULES.toLocaleString('en-US')} rules`
  return [
    ...(own ? engineGoals(own, rules) : []),
    {
      id: 'path_rate',
      what: `admit to commit a CPU second, ${rules}, without the disk`,
      sense: 'at_least',
      limit: 100_000,
      unit: '/s',
      measured: path.perCpuSecond,
    },
    {
      id: 'path_p99',
      what: 'admit to commit, p99',
      sense: 'at_most',
      limit: 50,
      unit: 'µs',
      measured: path.p99Us,
    },
    {
      id: 'policy_load',
      what: `CPU to load ${rules} from YAML`,
      sense: 'at_most',
      limit: 100,
      unit: 'ms',
      measured: load.yamlMs,
    },
    {
      id: 'policy_worst',
      what: 'CPU of the worst single evaluation on a mebibyte',
      sense: 'at_most',
      limit: 5,
      unit: 'ms',
      measured: worst[0]?.cpuMs,
    },
  ]
}

function engineGoals(own: EngineResult, rules: string): readonly Open[] {
  return [
    {
      id: 'policy_rate',
      what: `decisions a CPU second, ${rules}`,
      sense: 'at_least',
      limit: 1_000_000,
      unit: '/s',
      measured: own.perCpuSecond,
    },
    {
      id: 'policy_over_closures',
      what: `CPU a decision, ${rules}, over hand-written closures`,
      sense: 'at_most',
      limit: 8,
      unit: '×',
      measured: own.overClosures,
    },
    {
      id: 'policy_p50',
      what: `one decision, p50, ${rules}`,
      sense: 'at_most',
      limit: 1,
      unit: 'µs',
      measured: own.p50Us,
    },
    {
      id: 'policy_p99',
      what: `one decision, p99, ${rules}`,
      sense: 'at_most',
      limit: 5,
      unit: 'µs',
      measured: own.p99Us,
    },
  ]
}
