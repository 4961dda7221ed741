/** Windows of budgets, against what `Intl` shows on the wall clock. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calendarWindows } from '../../src/expression/calendar.ts'
import { type Zone, zoneOf } from '../../src/expression/zone.ts'
import { type Instant, instant } from '../../src/model/id.ts'

const ZONES = Intl.supportedValuesOf('timeZone').filter((name) => zoneOf(name) !== undefined)

function zone(name: string): Zone {
  const found = zoneOf(name)
  if (!found) throw new Error(name)
  return found
}

const clocks = new Map<string, Intl.DateTimeFormat>()

/** The date on the wall, as a number that grows: 20261125. */
function dateAt(name: string, at: number): number {
  const clock =
    clocks.get(name) ??
    new Intl.DateTimeFormat('en-CA', {
      timeZone: name,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    })
  clocks.set(name, clock)
  return Number(clock.format(at).replaceAll('-', ''))
}

function at(text: string): Instant {
  return instant(Date.parse(text))
}

const HOURS = 3_600_000

describe('days', () => {
  test('begin with their date and end with the next, in every zone', () => {
    const time = fc.integer({ min: Date.UTC(1975, 0, 1), max: Date.UTC(2037, 0, 1) })
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), time, (name, ms) => {
        const { from, until = Infinity } = calendarWindows('day', zone(name))(instant(ms))
        expect(from).toBeLessThanOrEqual(ms)
        expect(until).toBeGreaterThan(ms)
        expect(until - from).toBeLessThanOrEqual(49 * HOURS)
        // Before it begins the date is an earlier one, and when it ends another has begun.
        expect(dateAt(name, from - 1)).toBeLessThan(dateAt(name, from))
        expect(dateAt(name, until - 1)).toBeLessThan(dateAt(name, until))
        expect(dateAt(name, ms)).toBeLessThanOrEqual(dateAt(name, from))
      }),
      { numRuns: 400 },
    )
  })

  test('follow each other without a gap', () => {
    const time = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2037, 0, 1) })
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), time, (name, ms) => {
        const windows = calendarWindows('day', zone(name))
        const first = windows(instant(ms))
        const next = windows(first.until ?? instant(0))
        expect(next.from).toBe(first.until)
        expect(windows(instant(next.from - 1))).toEqual(first)
      }),
      { numRuns: 200 },
    )
  })

  test.each([
    ['Europe/Berlin', '2026-03-29T12:00:00Z', 23],
    ['Europe/Berlin', '2026-10-25T12:00:00Z', 25],
    ['Europe/Berlin', '2026-11-25T12:00:00Z', 24],
    ['Australia/Lord_Howe', '2026-04-05T00:00:00Z', 24.5],
    // Midnight is skipped: the day begins at one.
    ['America/Sao_Paulo', '2018-11-04T12:00:00Z', 23],
    ['Africa/Cairo', '2026-04-24T12:00:00Z', 23],
    ['America/Havana', '2026-11-01T12:00:00Z', 25],
  ])('in %s the day of %s has %d hours', (name, text, hours) => {
    const { from, until = Infinity } = calendarWindows('day', zone(name))(at(text))
    expect((until - from) / HOURS).toBe(hours)
  })

  test('a date that was skipped is no window', () => {
    const windows = calendarWindows('day', zone('Pacific/Apia'))
    const before = windows(at('2011-12-30T08:00:00Z'))
    const after = windows(at('2011-12-30T12:00:00Z'))
    expect(before.until).toBe(after.from)
    expect(after.from).toBe(at('2011-12-30T10:00:00Z'))
  })

  test('a clock that is put back over midnight begins no day twice', () => {
    // St. John's: at 00:01 on 2006-10-29 it was 23:01 of the day before once more.
    const windows = calendarWindows('day', zone('America/St_Johns'))
    const once = windows(at('2006-10-29T02:30:30Z'))
    expect(windows(at('2006-10-29T03:00:00Z'))).toEqual(once)
    expect(windows(at('2006-10-29T12:00:00Z'))).toEqual(once)
    expect(windows(at('2006-10-29T02:29:59Z'))).not.toEqual(once)
  })
})

test.each([
  ['minute', 60_000],
  ['hour', HOURS],
] as const)('a %s begins with its first millisecond and ends before the next', (per, length) => {
  const windows = calendarWindows(per, zone('UTC'))
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 42), max: 2 ** 42 }), (ms) => {
      const { from, until } = windows(instant(ms))
      expect(until).toBe(from + length)
      expect(from % length === 0 && from <= ms && ms < from + length).toBe(true)
      expect(windows(instant(from))).toBe(windows(instant(from + length - 1)))
    }),
  )
})

test('what lasts as long as the mandate never begins anew', () => {
  expect(calendarWindows('mandate', zone('UTC'))(at('2026-11-25T10:00:00Z'))).toEqual({ from: 0 })
})
