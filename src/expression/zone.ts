/** Local wall time in an IANA zone, from offsets that are asked of `Intl` once for each quarter of an hour. */
import { nearest } from '../model/document.ts'
import type { Instant } from '../model/id.ts'

export interface Zone {
  readonly name: string
  /** Milliseconds to add to UTC for the wall clock there, at that instant. */
  readonly offset: (at: Instant) => number
}

const QUARTER = 900_000
/** Some two months of quarters; then the memory starts anew. */
const MOST_QUARTERS = 6000

/** `Region/City` or `UTC`: what other spellings `Intl` accepts (`+01:00`, `EST`, `CET`) says less than it seems to. */
const NAME = /^(?:UTC|[A-Z][A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)+)$/

/** Made once for each name: what `Intl` needs for it takes a millisecond, and all windows of a zone share its offsets. */
const zones = new Map<string, Zone>()
const MOST_ZONES = 1024

/** The zone of that name, or undefined when there is none. */
export function zoneOf(name: string): Zone | undefined {
  if (!NAME.test(name)) return undefined
  const found = zones.get(name)
  if (found) return found
  const clock = clockOf(name)
  if (!clock) return undefined
  const zone = { name, offset: offsetsOf(clock) }
  if (zones.size >= MOST_ZONES) zones.clear()
  zones.set(name, zone)
  return zone
}

function offsetsOf(clock: Intl.DateTimeFormat): Zone['offset'] {
  const known = new Map<number, number>()
  let lastQuarter = Number.NaN
  let lastOffset = 0

  const quarterOffset = (quarter: number): number | undefined => {
    const first = rawOffset(clock, quarter * QUARTER)
    if (first !== rawOffset(clock, (quarter + 1) * QUARTER - 1)) return undefined
    if (known.size >= MOST_QUARTERS) known.clear()
    known.set(quarter, first)
    return first
  }

  return (at) => {
    const quarter = Math.floor(at / QUARTER)
    if (quarter === lastQuarter) return lastOffset
    const found = known.get(quarter) ?? quarterOffset(quarter)
    // A change within the quarter (none is on record since 2012) is asked for each time.
    if (found === undefined) return rawOffset(clock, at)
    lastQuarter = quarter
    lastOffset = found
    return found
  }
}

/** The nearest name of a zone to what was written. */
export function nearestZone(written: string): string | undefined {
  const names = ['UTC', ...Intl.supportedValuesOf('timeZone')]
  const same = names.find((name) => name.toLowerCase() === written.toLowerCase())
  const city = names.find((name) => name.toLowerCase().endsWith(`/${written.toLowerCase()}`))
  return same ?? city ?? nearest(written, names)
}

function clockOf(name: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    return undefined
  }
}

/** What the wall clock shows, read as if it were UTC, less the instant itself. */
function rawOffset(clock: Intl.DateTimeFormat, at: number): number {
  const parts = clock.formatToParts(at)
  const shown = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value)
  const day = Date.UTC(shown('year'), shown('month') - 1, shown('day'))
  const seconds = (shown('hour') * 60 + shown('minute')) * 60 + shown('second')
  return day + seconds * 1000 - Math.floor(at / 1000) * 1000
}
