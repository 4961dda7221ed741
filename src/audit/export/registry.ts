/** Counters, gauges and histograms in memory, each with so many series and no more: what names them comes from outside. */

export interface Described {
  /** As OpenTelemetry names it, in dots. */
  readonly name: string
  readonly help: string
  /** UCUM, as OpenTelemetry has it: `s`, `By`, `1`, `{call}`. */
  readonly unit: string
}

export interface Point<Value> {
  /** In the order of the family's label names. */
  readonly labels: readonly string[]
  readonly value: Value
}

export interface Distribution {
  /** One more than there are bounds: what is above all of them comes last. */
  readonly counts: readonly number[]
  readonly sum: number
  readonly count: number
}

interface Family extends Described {
  readonly labelNames: readonly string[]
}

export interface NumberFamily extends Family {
  readonly kind: 'counter' | 'gauge'
  readonly points: readonly Point<number>[]
}

export interface HistogramFamily extends Family {
  readonly kind: 'histogram'
  /** Upper bounds, ascending; each is within its bucket. */
  readonly bounds: readonly number[]
  readonly points: readonly Point<Distribution>[]
}

export type Collected = NumberFamily | HistogramFamily

/** What stands in place of a value that there is no more room for. */
export const OTHER = 'other'

/** Series of one family. What would be one more is counted together, under `other`. */
export const MOST_SERIES = 2000

/** The series of one family by their labels. */
class Series<Value> {
  readonly #series = new Map<string, Point<Value>>()
  readonly #fresh: () => Value

  constructor(fresh: () => Value) {
    this.#fresh = fresh
  }

  at(labels: readonly string[]): Value {
    const key = JSON.stringify(labels)
    const known = this.#series.get(key)
    if (known) return known.value
    const full = this.#series.size >= MOST_SERIES
    if (full && labels.some((label) => label !== OTHER)) return this.at(labels.map(() => OTHER))
    const value = this.#fresh()
    this.#series.set(key, { labels, value })
    return value
  }

  clear(): void {
    this.#series.clear()
  }

  get points(): readonly Point<Value>[] {
    return [...this.#series.values()]
  }
}

interface Cell {
  value: number
}

export class NumberMetric {
  readonly #family: Family
  readonly #kind: 'counter' | 'gauge'
  readonly #series = new Series<Cell>(() => ({ value: 0 }))

  constructor(kind: 'counter' | 'gauge', family: Family) {
    this.#kind = kind
    this.#family = family
    if (family.labelNames.length === 0) this.#series.at([])
  }

  add(labels: readonly string[] = [], by = 1): void {
    this.#series.at(labels).value += by
  }

  set(labels: readonly string[], value: number): void {
    this.#series.at(labels).value = value
  }

  clear(): void {
    this.#series.clear()
  }

  collect(): NumberFamily {
    const points = this.#series.points.map(({ labels, value }) => ({ labels, value: value.value }))
    return { kind: this.#kind, ...this.#family, points }
  }
}

interface Buckets {
  readonly counts: number[]
  sum: number
  count: number
}

export class HistogramMetric {
  readonly #family: Family
  readonly #bounds: readonly number[]
  readonly #series: Series<Buckets>

  constructor(bounds: readonly number[], family: Family) {
    this.#bounds = bounds
    this.#family = family
    const fresh = (): Buckets => ({
      counts: Array.from({ length: bounds.length + 1 }, () => 0),
      sum: 0,
      count: 0,
    })
    this.#series = new Series(fresh)
  }

  record(labels: readonly string[], value: number): void {
    if (!Number.isFinite(value)) return
    const buckets = this.#series.at(labels)
    const found = this.#bounds.findIndex((bound) => value <= bound)
    const at = found === -1 ? this.#bounds.length : found
    buckets.counts[at] = (buckets.counts[at] ?? 0) + 1
    buckets.sum += value
    buckets.count += 1
  }

  collect(): HistogramFamily {
    const points = this.#series.points.map(({ labels, value }) => ({
      labels,
      value: { counts: [...value.counts], sum: value.sum, count: value.count },
    }))
    return { kind: 'histogram', ...this.#family, bounds: this.#bounds, points }
  }
}

/** Values of one label: so many are let in, and every other one is `other`. */
export class LabelSet {
  readonly #most: number
  readonly #known: Set<string>

  constructor(most: number, known: readonly string[] = []) {
    this.#most = most
    this.#known = new Set(known.slice(0, most))
  }

  /** Lets it in where there is room. */
  admit(value: string): string {
    if (this.#known.has(value)) return value
    if (this.#known.size >= this.#most) return OTHER
    this.#known.add(value)
    return value
  }

  /** For what an agent says: it lets nothing in. */
  known(value: string): string {
    return this.#known.has(value) ? value : OTHER
  }
}
