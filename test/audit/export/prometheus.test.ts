import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exposition, metricName } from '../../../src/audit/export/prometheus.ts'
import { HistogramMetric, NumberMetric } from '../../../src/audit/export/registry.ts'
import { parseExposition } from './exposition.ts'

test('a counter, a gauge and a histogram, byte for byte', () => {
  const calls = new NumberMetric('counter', {
    name: 'chaperone.calls',
    help: 'Calls.\nBy \\ server.',
    unit: '',
    labelNames: ['server'],
  })
  calls.add(['a"b\\c\nd'])
  const took = new HistogramMetric([0.5, 1], {
    name: 'chaperone.upstream',
    help: 'Time.',
    unit: 's',
    labelNames: [],
  })
  for (const value of [0.5, 0.75, 3]) took.record([], value)
  took.record([], Number.NaN)
  expect(exposition([calls.collect(), took.collect()])).toBe(
    String.raw`# HELP chaperone_calls_total Calls.\nBy \\ server.
# TYPE chaperone_calls_total counter
chaperone_calls_total{server="a\"b\\c\nd"} 1
# HELP chaperone_upstream_seconds Time.
# TYPE chaperone_upstream_seconds histogram
chaperone_upstream_seconds_bucket{le="0.5"} 1
chaperone_upstream_seconds_bucket{le="1"} 2
chaperone_upstream_seconds_bucket{le="+Inf"} 3
chaperone_upstream_seconds_sum 4.25
chaperone_upstream_seconds_count 3
`,
  )
})

test('names are those of the conventions, spelt as Prometheus does', () => {
  const of = (name: string, unit: string, kind: 'counter' | 'gauge' | 'histogram'): string =>
    metricName({ name, unit, kind })
  expect(of('mcp.server.operation.duration', 's', 'histogram')).toBe(
    'mcp_server_operation_duration_seconds',
  )
  expect(of('chaperone.budget.used', '1', 'gauge')).toBe('chaperone_budget_used_ratio')
})

test('whatever stands in a label is read back as it was', () => {
  // What means something in a line, and what may be taken for the end of one.
  const unit = fc.constantFrom(
    '\\',
    '"',
    '\n',
    '\r',
    ',',
    '=',
    '{',
    '}',
    '#',
    ' ',
    'n',
    'é',
    '\u2028',
  )
  const texts = fc.array(fc.string({ unit, maxLength: 8 }), { maxLength: 3 })
  fc.assert(
    fc.property(texts, (values) => {
      const family = { name: 'x', help: '', unit: '', labelNames: ['v'] }
      const metric = new NumberMetric('counter', family)
      for (const value of values) metric.add([value])
      const read = parseExposition(exposition([metric.collect()]))
      expect(read.map(({ labels }) => labels['v'])).toEqual([...new Set(values)])
    }),
  )
})

test('one family has so many series, and the rest are one', () => {
  const metric = new NumberMetric('counter', { name: 'x', help: '', unit: '', labelNames: ['v'] })
  for (let at = 0; at < 5000; at += 1) metric.add([`v${at}`])
  const { points } = metric.collect()
  expect(points.length).toBe(2001)
  expect(points.find(({ labels }) => labels[0] === 'other')?.value).toBe(3000)
})
