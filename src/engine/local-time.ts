/** The time on a wall somewhere: Cedar and compiled Rego know no zones, so engines are told it. */
import type { JsonObject } from '../model/json.ts'

/**
 * Weekday (`Mon`), date, hour and minute in the zone.
 *
 * @throws RangeError for a zone that is none
 */
export function localTimeIn(zone: string): (ms: number) => JsonObject {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  })
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]))
    const part = (name: Intl.DateTimeFormatPartTypes): string => parts.get(name) ?? ''
    return {
      zone,
      weekday: part('weekday'),
      date: `${part('year')}-${part('month')}-${part('day')}`,
      hour: Number(part('hour')),
      minute: Number(part('minute')),
    }
  }
}
