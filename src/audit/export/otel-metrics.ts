/** What was counted, as the SDK of OpenTelemetry hands it to its exporters. */
import { type HrTime, ValueType } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics'
import type { Clock } from '../../model/port.ts'
import { OWN } from './names.ts'
import type { Collected } from './registry.ts'

export function metricProducer(
  collect: () => readonly Collected[],
  given: { readonly resource: Resource; readonly clock: Clock; readonly version: string },
): MetricProducer {
  const { resource, clock, version } = given
  const startTime = hrTime(clock.now())
  return {
    collect: () => {
      const times = { startTime, endTime: hrTime(clock.now()) }
      const metrics = collect().map((family) => metricOf(family, times))
      const scope = { name: OWN.scope, version }
      const resourceMetrics = { resource, scopeMetrics: [{ scope, metrics }] }
      return Promise.resolve({ resourceMetrics, errors: [] })
    },
  }
}

type Times = Pick<DataPoint<unknown>, 'startTime' | 'endTime'>

function metricOf(family: Collected, times: Times): MetricData {
  const { name, help: description, unit } = family
  const base = {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  }
  const attributes = (labels: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      // An empty label is none.
      family.labelNames.flatMap((label, at) => (labels[at] ? [[label, labels[at]]] : [])),
    )
  if (family.kind === 'histogram') {
    const boundaries = [...family.bounds]
    const dataPoints = family.points.map(({ labels, value: { counts, sum, count } }) => ({
      ...times,
      attributes: attributes(labels),
      value: { buckets: { boundaries, counts: [...counts] }, sum, count },
    }))
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints }
  }
  const dataPoints = family.points.map(({ labels, value }) => ({
    ...times,
    attributes: attributes(labels),
    value,
  }))
  return family.kind === 'gauge'
    ? { ...base, dataPointType: DataPointType.GAUGE, dataPoints }
    : { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
}

export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
