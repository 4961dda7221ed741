/** Time windows (`Mon-Fri 09:00-17:00`) in a named zone, right across both clock changes of the year. */
import { nearest } from '../model/document.ts'
import type { Instant } from '../model/id.ts'
import { nearestZone, zoneOf } from './zone.ts'

export interface Window {
  /** On the wall clock of the zone, half-open: the first minute is in, the last is out. */
  readonly includes: (at: Instant) => boolean
}

export interface WindowProblem {
  readonly problem: string
  readonly remedy?: string
}

/** Days as bits, Sunday first; minutes of the day. `from` later than `to` runs over midnight. */
interface Span {
  readonly days: number
  readonly from: number
  readonly to: number
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** 1970-01-01 was a Thursday. */
const FIRST_DAY = 4
const EXAMPLE = 'write it like `Mon-Fri 09:00-17:00`'

/**
 * Parses `Mon-Fri 09:00-17:00`, `Mon,Wed 22:00-06:00` or several of them separated by `;`, in an IANA zone. A span
 * that runs over midnight belongs to the day on which it begins. An hour that the clock skips is in no window, one
 * that it repeats is in it twice.
 */
export function parseWindow(days: string, zone: string): Window | WindowProblem {
  const clock = zoneOf(zone)
  if (!clock) {
    const near = nearestZone(zone)
    const remedy =
      near === undefined ? 'name one like `Europe/Berlin`' : `did you mean \`${near}\`?`
    return { problem: `unknown time zone \`${zone}\``, remedy }
  }
  const spans: Span[] = []
  for (const part of days.split(';')) {
    const span = parseSpan(part.trim())
    if ('problem' in span) return span
    spans.push(span)
  }
  return {
    includes: (at) => {
      const local = at + clock.offset(at)
      const day = Math.floor(local / DAY_MS)
      const minute = Math.floor((local - day * DAY_MS) / MINUTE_MS)
      // The remainder of a negative number is negative.
      const weekday = (((day + FIRST_DAY) % 7) + 7) % 7
      for (const span of spans) if (within(span, weekday, minute)) return true
      return false
    },
  }
}

function within(span: Span, weekday: number, minute: number): boolean {
  const today = (span.days >> weekday) & 1
  if (span.from < span.to) return today === 1 && minute >= span.from && minute < span.to
  const yesterday = (span.days >> ((weekday + 6) % 7)) & 1
  return (today === 1 && minute >= span.from) || (yesterday === 1 && minute < span.to)
}

function parseSpan(text: string): Span | WindowProblem {
  const match = /^(\S+) +(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text)
  if (!match) return { problem: `\`${text}\` is no time window`, remedy: EXAMPLE }
  const days = parseDays(match[1] ?? '')
  if (typeof days !== 'number') return days
  const from = minuteOf(match[2] ?? '')
  const to = minuteOf(match[3] ?? '')
  if (from === undefined || to === undefined || from === 1440)
    return { problem: `\`${text}\` holds a time that no clock shows`, remedy: EXAMPLE }
  if (from === to)
    return { problem: `\`${text}\` is empty`, remedy: 'for a whole day write `00:00-24:00`' }
  return { days, from, to }
}

/** `09:00`; `24:00` is the end of the day. */
function minuteOf(text: string): number | undefined {
  const hour = Number(text.slice(0, 2))
  const minute = Number(text.slice(3))
  const total = hour * 60 + minute
  return minute > 59 || total > 1440 ? undefined : total
}

/** `Mon-Fri`, `Mon,Wed`, `Fri-Mon` (over the weekend). */
function parseDays(text: string): number | WindowProblem {
  let bits = 0
  for (const part of text.split(',')) {
    const ends = part.split('-')
    const first = dayOf(ends[0] ?? '')
    const last = ends.length === 1 ? first : dayOf(ends[1] ?? '')
    if (ends.length > 2 || first === undefined || last === undefined) return unknownDay(part)
    for (let day = first; ; day = (day + 1) % 7) {
      bits |= 1 << day
      if (day === last) break
    }
  }
  return bits
}

function dayOf(text: string): number | undefined {
  const index = DAYS.findIndex((day) => day === text)
  return index === -1 ? undefined : index
}

function unknownDay(text: string): WindowProblem {
  const wrong = text.split('-').find((part) => dayOf(part) === undefined) ?? text
  const near = nearest(wrong.slice(0, 3), DAYS)
  const all = 'use `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat`, `Sun`'
  return {
    problem: `\`${text}\` names no day of the week`,
    remedy: near === undefined ? all : `did you mean \`${near}\`? ${all}`,
  }
}
