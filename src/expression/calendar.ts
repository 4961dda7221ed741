/** Calendar windows in which budgets count: minutes and hours of UTC, days of a zone, right across its clock changes. */
import { type Instant, instant } from '../model/id.ts'
import type { BudgetPeriod } from '../model/state.ts'
import type { Zone } from './zone.ts'

/** Half-open; without an end it lasts for ever. */
export interface CalendarWindow {
  readonly from: Instant
  readonly until?: Instant
}

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000
/** No zone has ever been further from UTC than this. */
const FURTHEST = 16 * HOUR

const EVER: CalendarWindow = { from: instant(0) }

/**
 * The window that an instant is in; the same object for as long as it is the same window. The windows of a period follow
 * each other without a gap. A day begins with the first instant of its date, also where the clock skips midnight, and has 23
 * or 25 hours where it is changed.
 *
 * The returned function throws RangeError for what is no instant.
 */
export function calendarWindows(per: BudgetPeriod, zone: Zone): (at: Instant) => CalendarWindow {
  if (per === 'mandate') return () => EVER
  const make =
    per === 'day'
      ? (at: Instant) => dayAt(zone, at)
      : (at: Instant) => steady(per === 'hour' ? HOUR : MINUTE, at)
  let latest: Required<CalendarWindow> | undefined
  return (at) => {
    if (!latest || at < latest.from || !(at < latest.until)) latest = make(at)
    return latest
  }
}

function steady(length: number, at: Instant): Required<CalendarWindow> {
  const from = Math.floor(at / length) * length
  return { from: instant(from), until: instant(from + length) }
}

function dayAt(zone: Zone, at: Instant): Required<CalendarWindow> {
  let day = Math.floor((at + zone.offset(at)) / DAY)
  let from = startOf(zone, day)
  let until = startOf(zone, day + 1)
  // A clock that is put back over midnight shows yesterday's date again: the new day has begun and goes on.
  while (at >= until) {
    day += 1
    from = until
    until = startOf(zone, day + 1)
  }
  return { from, until }
}

/** The first instant at which the zone's date is this day or a later one; days count from 1970-01-01. */
function startOf(zone: Zone, day: number): Instant {
  const midnight = day * DAY
  const first = instant(midnight - FURTHEST)
  const last = instant(midnight + FURTHEST)
  const before = zone.offset(first)
  const after = zone.offset(last)
  const change = before === after ? last : changeBetween(zone, first, last)
  const early = midnight - before
  return instant(early < change ? early : Math.max(change, midnight - after))
}

/** When the offset changes, where it is not the same at both ends. */
function changeBetween(zone: Zone, first: Instant, last: Instant): Instant {
  const before = zone.offset(first)
  let [low, high]: [number, number] = [first, last]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (zone.offset(instant(middle)) === before) low = middle
    else high = middle
  }
  return instant(high)
}
