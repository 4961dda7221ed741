/** What was counted, in the text format of Prometheus, version 0.0.4. */
import type { Collected, HistogramFamily, NumberFamily, Point } from './registry.ts'

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function exposition(families: readonly Collected[]): string {
  return families.map(familyText).join('')
}

function familyText(family: Collected): string {
  const name = metricName(family)
  const head = `# HELP ${name} ${helpText(family.help)}\n# TYPE ${name} ${family.kind}\n`
  const lines = family.kind === 'histogram' ? bucketLines(name, family) : valueLines(name, family)
  return head + lines
}

/** `mcp.server.operation.duration` in seconds is `mcp_server_operation_duration_seconds`; a counter ends in `_total`. */
export function metricName({
  name,
  unit,
  kind,
}: Pick<Collected, 'name' | 'unit' | 'kind'>): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_')
  const suffix = UNITS.get(unit) ?? ''
  const measured = suffix === '' || plain.endsWith(suffix) ? plain : `${plain}${suffix}`
  return kind === 'counter' ? `${measured}_total` : measured
}

const UNITS: ReadonlyMap<string, string> = new Map([
  ['s', '_seconds'],
  ['By', '_bytes'],
  ['1', '_ratio'],
])

function valueLines(name: string, { labelNames, points }: NumberFamily): string {
  return points
    .map(({ labels, value }) => `${name}${labelsText(labelNames, labels)} ${numberText(value)}\n`)
    .join('')
}

function bucketLines(name: string, { labelNames, bounds, points }: HistogramFamily): string {
  const names = [...labelNames, 'le']
  return points
    .map(({ labels, value }) => {
      let below = 0
      const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, at) => {
        below += value.counts[at] ?? 0
        const text = labelsText(names, [...labels, numberText(bound)])
        return `${name}_bucket${text} ${below}\n`
      })
      const of = labelsText(labelNames, labels)
      const sum = `${name}_sum${of} ${numberText(value.sum)}\n`
      return `${buckets.join('')}${sum}${name}_count${of} ${value.count}\n`
    })
    .join('')
}

function labelsText(names: readonly string[], values: Point<unknown>['labels']): string {
  if (names.length === 0) return ''
  const pairs = names.map((name, at) => {
    const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_')
    return `${plain}="${valueText(values[at] ?? '')}"`
  })
  return `{${pairs.join(',')}}`
}

function valueText(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function helpText(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
