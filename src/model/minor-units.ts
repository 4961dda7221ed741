/** Amounts as whole numbers of their smallest unit: read from decimal text and written again, exactly. */

/** Most decimal places of a unit. */
export const MOST_PLACES = 6

const DECIMAL = /^(\d+)(?:\.(\d+))?$/

/** The text in minor units; why not, where it has more decimal places than the unit, or is too large to be counted. */
export function minorUnits(
  text: string,
  scale: number,
): number | 'no_decimal' | 'too_precise' | 'too_large' {
  const [, whole = '', fraction = ''] = DECIMAL.exec(text) ?? []
  if (whole === '') return 'no_decimal'
  if (fraction.length > scale) return 'too_precise'
  const units = Number(`${whole}${fraction.padEnd(scale, '0')}`)
  return units <= Number.MAX_SAFE_INTEGER ? units : 'too_large'
}

const FACTORS: readonly number[] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/**
 * A number in minor units, by the digits that it is written with; undefined where it is negative, no number, has more
 * decimal places than the unit, or is too large to be counted.
 */
export function minorUnitsOf(value: number, scale: number): number | undefined {
  if (!(value >= 0)) return undefined
  if (Number.isSafeInteger(value)) {
    // Of two whole numbers: exact wherever it is safe.
    const units = value * (FACTORS[scale] ?? Number.NaN)
    return units <= Number.MAX_SAFE_INTEGER ? units + 0 : undefined
  }
  const units = minorUnits(String(value), scale)
  return typeof units === 'number' ? units : undefined
}

/** Minor units as people write them: 2000000 of two places is `20000.00`. */
export function minorText(units: number, scale = 0): string {
  const digits = String(Math.abs(units)).padStart(scale + 1, '0')
  const sign = units < 0 ? '-' : ''
  if (scale === 0) return `${sign}${digits}`
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
