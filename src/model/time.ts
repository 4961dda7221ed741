/** Times and durations as people write them. */
import { instant, type Instant } from './id.ts'

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `15m`, `90s`, `24h`, `7d`, `250ms` in milliseconds; undefined when it is none of these. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  if (!match) return undefined
  const unit = UNITS[match[2] ?? '']
  return unit === undefined ? undefined : Number(match[1]) * unit
}

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/

/**
 * An RFC 3339 time with its zone offset, cut to whole milliseconds; undefined when the text is none: a bare date,
 * a local time, a day that the month does not have, a leap second.
 */
export function rfc3339(text: string): Instant | undefined {
  const match = RFC_3339.exec(text)
  if (!match) return undefined
  const part = (index: number): number => Number(match[index] ?? 0)
  const [hour, minute, second] = [part(4), part(5), part(6)]
  const [offsetHour, offsetMinute] = [part(9), part(10)]
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59)
    return undefined
  const midnight = Date.UTC(part(1), part(2) - 1, part(3))
  // Date.UTC rolls 30 February over into March and takes the years 0 to 99 for 1900 to 1999.
  const day = new Date(midnight)
  if (day.getUTCDate() !== part(3) || day.getUTCMonth() !== part(2) - 1) return undefined
  if (day.getUTCFullYear() !== part(1)) return undefined
  const ms = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const offset = (match[8] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute)
  return instant(midnight + ((hour * 60 + minute - offset) * 60 + second) * 1000 + ms)
}
