/** The evidence section as tables for people. */
import { number, table } from '../report.ts'
import type { EvidenceResult } from './run.ts'

export function evidenceText(result: EvidenceResult): string {
  const { append, wait, write, store, rivals } = result
  const { alone } = store
  const pairs = [
    ['one process', alone.perSecond, alone.cpuUs, alone.p50Us, alone.p99Us, alone.slowestUs],
    ['two processes', rivals.perSecond, rivals.cpuUs, rivals.p50Us, rivals.p99Us, rivals.slowestUs],
  ]
  return [
    `evidence: one entry on record, sealed, with its tree, ${append.inFlight} a write\n${table(
      ['', 'CPU µs'],
      append.costs.map(({ kind, cpuUs }) => [kind, cpuUs]),
    )}`,
    `intents and outcomes of ${append.inFlight} calls in flight\n${table(
      ['', 'entries/s', 'CPU µs/entry'],
      append.rates.map((one) => [`until the ${one.until} has them`, one.perSecond, one.cpuUs]),
    )}`,
    `one entry at a time until the disk has it: p50 ${number(wait.p50Us)} µs, p99 ${number(wait.p99Us)} µs`,
    `a record of ${number(write.entries)} entries, ${number(write.bytes / 1_000_000)} MB in ${write.files} files\n${readText(result)}`,
    `the store: a hold of two budgets, and its end\n${table(
      ['', 'pairs/s', 'CPU µs/pair', 'p50 µs', 'p99 µs', 'slowest µs'],
      pairs,
    )}`,
    `what is taken back, asked of the store while nothing changes: ${number(store.restrictionsCpuUs)} µs CPU`,
  ].join('\n\n')
}

function readText({ verify, prove, queries, write }: EvidenceResult): string {
  const index = `${number(prove.indexBytes / 1_000_000)} MB in ${number(prove.indexSeconds)} s`
  const proofs = `p50 ${number(prove.proveP50Ms)} ms, p99 ${number(prove.proveP99Ms)} ms`
  return [
    `verify: ${number(verify.perSecond)} entries/s, ${number(verify.perCpuSecond)} a CPU second, at most ${number(verify.peakMb)} MB resident (${number(verify.beforeMb)} before)`,
    `index: ${index}, ${number(prove.indexCpuUs)} µs CPU for each of ${number(write.entries)} entries`,
    `prove, through the index: ${proofs}`,
    '',
    table(
      ['log', 'index p50 ms', 'p99 ms', 'without s', 'rows'],
      queries.map((one) => [
        one.what,
        one.indexedP50Ms,
        one.indexedP99Ms,
        one.readSeconds,
        one.rows,
      ]),
    ),
  ].join('\n')
}
