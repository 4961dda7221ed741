/** Time windows: boundaries, both clock changes, zones of every kind, against a slow reference. */
import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { parseWindow, type Window } from '../../src/expression/window.ts'
import { nearestZone, zoneOf } from '../../src/expression/zone.ts'
import { instant, type Instant } from '../../src/model/id.ts'

function window(days: string, zone: string): Window {
  const parsed = parseWindow(days, zone)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed
}

const at = (text: string): Instant => instant(Date.parse(text))
const HOURS = 'Mon-Fri 09:00-17:00'

/** The wall clock as a person reads it, from a fresh formatter for each question. */
function wallClock(when: Instant, zone: string): { readonly day: string; readonly time: string } {
  const format = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options }).format(when)
  return {
    day: format({ weekday: 'short' }),
    time: format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  }
}

const WEEK = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** One span, decided on the texts that the wall clock shows. */
function slowly(span: readonly [string[], string, string], when: Instant, zone: string): boolean {
  const [days, from, to] = span
  const { day, time } = wallClock(when, zone)
  if (from < to) return days.includes(day) && time >= from && time < to
  const yesterday = WEEK[(WEEK.indexOf(day) + 6) % 7] ?? ''
  return (days.includes(day) && time >= from) || (days.includes(yesterday) && time < to)
}

describe('parseWindow', () => {
  it.each([
    ['2026-11-23T08:59:59.999+01:00', false],
    ['2026-11-23T09:00:00.000+01:00', true],
    ['2026-11-23T16:59:59.999+01:00', true],
    ['2026-11-23T17:00:00.000+01:00', false],
    ['2026-11-27T12:00:00+01:00', true],
    ['2026-11-28T12:00:00+01:00', false],
    ['2026-11-29T12:00:00+01:00', false],
    ['2026-07-01T08:59:59+02:00', false],
    ['2026-07-01T09:00:00+02:00', true],
    ['1969-12-31T12:00:00+01:00', true],
  ])('business hours in Berlin at %s: %s', (time, expected) => {
    expect(window(HOURS, 'Europe/Berlin').includes(at(time))).toBe(expected)
  })

  it.each([
    ['2026-11-23T21:59:59Z', false],
    ['2026-11-23T22:00:00Z', true],
    ['2026-11-24T05:59:59Z', true],
    ['2026-11-24T06:00:00Z', false],
    ['2026-11-24T22:30:00Z', false],
    ['2026-11-25T23:00:00Z', true],
    ['2026-11-26T01:00:00Z', true],
    ['2026-11-23T05:00:00Z', false],
  ])('a night shift on Mon and Wed, at %s: %s', (time, expected) => {
    expect(window('Mon,Wed 22:00-06:00', 'UTC').includes(at(time))).toBe(expected)
  })

  it('joins several windows and wraps over the weekend', () => {
    const both = window('Fri-Mon 10:00-11:00; Wed 00:00-24:00', 'UTC')
    const open = WEEK.map((_, day) => both.includes(at(`2026-11-${23 + day}T10:30:00Z`)))
    expect(open).toStrictEqual([true, false, true, false, true, true, true])
    expect(both.includes(at('2026-11-25T23:59:59Z'))).toBe(true)
    expect(both.includes(at('2026-11-26T00:00:00Z'))).toBe(false)
  })

  it.each([
    // The clock jumps from 02:00 to 03:00.
    ['Sun 01:00-03:00', '2026-03-29T00:59:59Z', true],
    ['Sun 01:00-03:00', '2026-03-29T01:00:00Z', false],
    ['Sun 02:00-03:00', '2026-03-29T01:00:00Z', false],
    ['Sun 03:00-04:00', '2026-03-29T01:00:00Z', true],
    // It goes back from 03:00 to 02:00: half past two comes twice.
    ['Sun 02:00-03:00', '2026-10-24T23:59:59Z', false],
    ['Sun 02:00-03:00', '2026-10-25T00:30:00Z', true],
    ['Sun 02:00-03:00', '2026-10-25T01:30:00Z', true],
    ['Sun 02:00-03:00', '2026-10-25T02:00:00Z', false],
    ['Sat 22:00-03:00', '2026-10-25T01:59:59Z', true],
    ['Sat 22:00-03:00', '2026-10-25T02:00:00Z', false],
  ])('across the clock changes of Berlin: %s at %s is %s', (days, time, expected) => {
    expect(window(days, 'Europe/Berlin').includes(at(time))).toBe(expected)
  })

  it.each([
    ['Australia/Lord_Howe', 'Sun 02:00-02:30', '2026-10-03T15:29:59Z', false],
    ['Australia/Lord_Howe', 'Sun 02:30-03:00', '2026-10-03T15:30:00Z', true],
    ['Australia/Lord_Howe', 'Sun 01:30-02:00', '2026-04-04T14:59:59Z', true],
    ['Australia/Lord_Howe', 'Sun 01:30-02:00', '2026-04-04T15:29:59Z', true],
    ['Australia/Lord_Howe', 'Sun 01:30-02:00', '2026-04-04T15:30:00Z', false],
    ['America/Santiago', 'Sat 23:00-24:00', '2026-04-05T03:30:00Z', true],
    ['Asia/Kathmandu', 'Mon 09:00-17:00', '2026-11-23T03:15:00Z', true],
    ['Asia/Kathmandu', 'Mon 09:00-17:00', '2026-11-23T03:14:59Z', false],
  ])('in %s: %s at %s is %s', (zone, days, time, expected) => {
    expect(window(days, zone).includes(at(time))).toBe(expected)
  })

  it('agrees with the wall clock, near clock changes and anywhere', () => {
    const zones = fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Australia/Sydney',
      'Australia/Lord_Howe',
      'America/Santiago',
      'Asia/Kathmandu',
      'Africa/Casablanca',
      'Pacific/Apia',
      'America/St_Johns',
      'UTC',
    )
    const clock = fc
      .tuple(fc.nat(23), fc.nat(59))
      .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`)
    const near = fc
      .tuple(
        fc.constantFrom('2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-10-03T15:30Z'),
        fc.integer({ min: -90_000_000, max: 90_000_000 }),
      )
      .map(([time, off]) => instant(Date.parse(time) + off))
    const anywhere = fc
      .integer({ min: Date.parse('2005-01-01'), max: Date.parse('2037-12-31') })
      .map((ms) => instant(ms))
    const days = fc.subarray(WEEK, { minLength: 1 })
    fc.assert(
      fc.property(zones, days, clock, clock, fc.oneof(near, anywhere), (zone, set, from, to, t) => {
        fc.pre(from !== to)
        const fast = window(`${set.join(',')} ${from}-${to}`, zone)
        expect(fast.includes(t)).toBe(slowly([set, from, to], t, zone))
        expect(fast.includes(t)).toBe(slowly([set, from, to], t, zone))
      }),
      { numRuns: 600 },
    )
  })

  it('asks Intl once for each quarter of an hour, not for each decision', () => {
    const open = window(HOURS, 'Europe/Berlin')
    const start = at('2026-11-23T10:00:00Z')
    const asked = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts')
    for (let second = 0; second < 1800; second += 1) open.includes(instant(start + second * 1000))
    for (let second = 0; second < 1800; second += 1) open.includes(instant(start + second * 1000))
    const calls = asked.mock.calls.length
    asked.mockRestore()
    expect(calls).toBe(4)
  })

  it.each([
    ['', 'UTC', 'is no time window'],
    ['09:00-17:00', 'UTC', 'is no time window'],
    ['Mon-Fri', 'UTC', 'is no time window'],
    ['Mon-Fri 9:00-17:00', 'UTC', 'is no time window'],
    ['Mon-Fri 09:00-17:00;', 'UTC', 'is no time window'],
    ['Mon-Fri 09:00–17:00', 'UTC', 'is no time window'],
    ['Mon-Fri 09:00-25:00', 'UTC', 'no clock shows'],
    ['Mon-Fri 09:60-17:00', 'UTC', 'no clock shows'],
    ['Mon-Fri 24:00-06:00', 'UTC', 'no clock shows'],
    ['Mon-Fri 09:00-09:00', 'UTC', 'is empty'],
    ['Monday 09:00-17:00', 'UTC', 'names no day'],
    ['mon 09:00-17:00', 'UTC', 'names no day'],
    ['Mon-Wed-Fri 09:00-17:00', 'UTC', 'names no day'],
    [HOURS, '', 'unknown time zone'],
    [HOURS, 'Europe/Berln', 'unknown time zone'],
    [HOURS, 'europe/berlin', 'unknown time zone'],
    [HOURS, '+01:00', 'unknown time zone'],
    [HOURS, 'CET', 'unknown time zone'],
    [HOURS, 'EST', 'unknown time zone'],
    [HOURS, 'Local', 'unknown time zone'],
  ])('refuses %j in %j: %s', (days, zone, words) => {
    const parsed = parseWindow(days, zone)
    expect(parsed).toHaveProperty('problem', expect.stringContaining(words))
    expect(parsed).toHaveProperty('remedy', expect.stringMatching(/\S/))
  })
})

describe('zoneOf', () => {
  it('suggests the nearest zone', () => {
    expect(nearestZone('Europe/Berln')).toBe('Europe/Berlin')
    expect(nearestZone('europe/berlin')).toBe('Europe/Berlin')
    expect(nearestZone('Berlin')).toBe('Europe/Berlin')
  })

  it('is exact where a zone changed within a quarter of an hour', () => {
    const zone = zoneOf('America/St_Johns')
    // 2005-04-03 00:01 local, 03:31 UTC: the last such clock changes were in 2011.
    expect(zone?.offset(at('2005-04-03T03:30:59Z'))).toBe(-12_600_000)
    expect(zone?.offset(at('2005-04-03T03:31:00Z'))).toBe(-9_000_000)
    expect(zone?.offset(at('2005-04-03T03:30:59Z'))).toBe(-12_600_000)
  })

  it('knows every zone that the platform names', () => {
    const unknown = Intl.supportedValuesOf('timeZone').filter((name) => zoneOf(name) === undefined)
    expect(unknown).toStrictEqual([])
  })
})
