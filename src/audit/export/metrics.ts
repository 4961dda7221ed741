/** Every metric that there is: its name, what it says, and by what it is told apart. */
import { CONVENTION, DURATION_BOUNDS } from './names.ts'
import { HistogramMetric, NumberMetric } from './registry.ts'

/** In seconds: what the guard itself does is quicker than what tools do. */
const OWN_BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60]

export type GuardMetrics = Readonly<
  Record<'calls' | 'tools' | 'approvals' | 'appends' | 'lists' | 'asked' | 'events', NumberMetric> &
    Record<'info' | 'inFlight' | 'upstreamUp' | 'budgets' | 'restrictions', NumberMetric> &
    Record<'decision' | 'upstream' | 'operations', HistogramMetric>
>

export function guardMetrics(): GuardMetrics {
  return { ...callMetrics(), ...recordMetrics() }
}

function callMetrics() {
  const { method, tool, error, serverDuration } = CONVENTION
  return {
    calls: counter(
      'chaperone.calls',
      'Calls that are over, by what became of them and why; effect: one class, several, any, none.',
      ['outcome', 'reason', 'server', 'effect'],
    ),
    tools: counter('chaperone.tool.calls', 'Calls of tools that are over, by tool.', [
      'server',
      'tool',
      'outcome',
    ]),
    inFlight: gauge('chaperone.calls.in_flight', 'Calls that left the guard and are not over.', []),
    decision: histogram(
      'chaperone.decision',
      'From the request to the record of its intent or refusal; wall time, in whole milliseconds.',
      { bounds: OWN_BOUNDS, labelNames: [] },
    ),
    upstream: histogram(
      'chaperone.upstream',
      'From the record of the intent to the record of the outcome.',
      { bounds: DURATION_BOUNDS, labelNames: ['server'] },
    ),
    operations: histogram(
      serverDuration,
      'How long requests of agents took, as the MCP conventions of OpenTelemetry have it.',
      { bounds: DURATION_BOUNDS, labelNames: [method, tool, error] },
    ),
    approvals: counter(
      'chaperone.approvals.required',
      'Calls that an approval was required for.',
      [],
    ),
  }
}

function recordMetrics() {
  return {
    info: gauge('chaperone.info', 'The guard that runs.', ['version']),
    appends: counter('chaperone.log.appends', 'Entries of the record, written or failed.', [
      'type',
      'result',
    ]),
    lists: counter('chaperone.lists', 'Lists that were served.', []),
    asked: counter('chaperone.upstream.requests', 'What upstreams asked of agents.', [
      'server',
      'verdict',
    ]),
    events: counter('chaperone.events', 'Events on record.', ['event']),
    upstreamUp: gauge('chaperone.upstream.up', 'Whether it was ready when last heard of.', [
      'server',
    ]),
    budgets: gauge(
      'chaperone.budget.used',
      'Used share of a budget, of its fullest counter; as of the last call that took from it.',
      ['budget'],
      '1',
    ),
    restrictions: gauge('chaperone.restrictions', 'What is revoked or suspended now.', ['kind']),
  }
}

function counter(name: string, help: string, labelNames: readonly string[]): NumberMetric {
  return new NumberMetric('counter', { name, help, labelNames, unit: '' })
}

function gauge(
  name: string,
  help: string,
  labelNames: readonly string[],
  unit: string = '',
): NumberMetric {
  return new NumberMetric('gauge', { name, help, labelNames, unit })
}

function histogram(
  name: string,
  help: string,
  of: { readonly bounds: readonly number[]; readonly labelNames: readonly string[] },
): HistogramMetric {
  return new HistogramMetric(of.bounds, { name, help, labelNames: of.labelNames, unit: 's' })
}
