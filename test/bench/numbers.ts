/** Order statistics of what was measured. Nothing is averaged: one slow moment must not move a figure. */

/** The value below which the given share (0..1) of the samples lies, by nearest rank; NaN of nothing. */
export function percentile(sorted: Float64Array, share: number): number {
  const rank = Math.max(0, Math.ceil(share * sorted.length) - 1)
  return sorted[rank] ?? Number.NaN
}

/** The middle value, or the mean of the two middle ones; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const upper = sorted[sorted.length >> 1] ?? Number.NaN
  if (sorted.length % 2 === 1) return upper
  return (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2
}

/** Median over rounds of the ratio within each round, so that both sides of it saw the same machine. */
export function medianRatio(over: readonly number[], under: readonly number[]): number {
  const ratios = over.map((value, round) => value / (under[round] ?? Number.NaN))
  return median(ratios.filter(Number.isFinite))
}

/** Median over rounds of the difference within each round. */
export function medianDifference(from: readonly number[], minus: readonly number[]): number {
  const differences = from.map((value, round) => value - (minus[round] ?? Number.NaN))
  return median(differences.filter(Number.isFinite))
}

/** For `--json`: enough digits to compare, none that only look exact; null where nothing was measured. */
export function figure(value: number): number | null {
  if (!Number.isFinite(value)) return null
  return Number(value.toPrecision(5))
}
