/** The functions of a condition that are about times: `within`, `now.getHours("Europe/Berlin")`. */
import { instant } from '../model/id.ts'
import { badCall, type Building, flaw, mismatch } from './building.ts'
import { charge, type Run, type Typed } from './run.ts'
import type { Expr } from './syntax.ts'
import { BOOL, INT, KIND } from './typing.ts'
import { parseWindow } from './window.ts'
import { type Zone, zoneOf } from './zone.ts'

type Call = Extract<Expr, { kind: 'call' }>

const NO_DATE = Symbol('a time lies beyond the calendar')
const NO_TIME = Symbol('a function is given a value that is no time')

/** Steps of asking a zone for its offset, which is done anew for another quarter of an hour. */
const ZONE_STEPS = 1500
/** Of a time that was asked for before: `now` is one and the same. */
const KNOWN_STEPS = 4

/** Parts of a time, in UTC or in the zone that is named. */
export const TIME_PARTS: Readonly<Record<string, (local: Date) => number>> = {
  getFullYear: (local) => local.getUTCFullYear(),
  getMonth: (local) => local.getUTCMonth(),
  getDate: (local) => local.getUTCDate(),
  getDayOfMonth: (local) => local.getUTCDate() - 1,
  getDayOfWeek: (local) => local.getUTCDay(),
  getHours: (local) => local.getUTCHours(),
  getMinutes: (local) => local.getUTCMinutes(),
  getSeconds: (local) => local.getUTCSeconds(),
}

export function withinCall(
  expr: Call,
  values: readonly Typed[],
  building: Building,
): Typed | undefined {
  const [time, days, zone] = values
  const usage = 'write `within(now, "Mon-Fri 09:00-17:00", "Europe/Berlin")`, both texts in full'
  const known = zone ? zone.constant : building.scope.timezone
  if (!time || values.length > 3 || expr.target || typeof days?.constant !== 'string')
    return badCall(expr, building, usage)
  if (!zone && known === undefined)
    return flaw(building, expr, 'invalid_call', ['`within` names no time zone', usage])
  if (typeof known !== 'string') return badCall(expr, building, usage)
  if (time.type.kinds !== KIND.time)
    return mismatch(building, expr, '`within` takes a time first', time.type)
  const window = parseWindow(days.constant, known)
  if ('problem' in window) {
    const { problem, remedy } = window
    return flaw(
      building,
      expr,
      'invalid_window',
      remedy === undefined ? [problem] : [problem, remedy],
    )
  }
  const steps = isNow(expr.args[0]) ? KNOWN_STEPS : ZONE_STEPS
  const run: Run = (frame) => {
    const at = time.run(frame)
    if (typeof at === 'symbol') return at
    if (!Number.isSafeInteger(at)) return NO_TIME
    return charge(frame, steps) ?? window.includes(instant(Number(at)))
  }
  return { type: BOOL, run }
}

export function timePart(
  expr: Call,
  part: (local: Date) => number,
  values: readonly Typed[],
  building: Building,
): Typed | undefined {
  const [time, name] = values
  const usage = `write \`now.${expr.name}("Europe/Berlin")\`, the zone in full, or none for UTC`
  if (!time || !expr.target || values.length > 2) return badCall(expr, building, usage)
  if (time.type.kinds !== KIND.time)
    return mismatch(building, expr, `\`${expr.name}\` is asked of a time`, time.type)
  const zone: Zone | undefined =
    name && typeof name.constant === 'string' ? zoneOf(name.constant) : undefined
  if (name && !zone) return badCall(expr, building, usage)
  const steps = !zone || isNow(expr.target) ? KNOWN_STEPS : ZONE_STEPS
  const run: Run = (frame) => {
    const at = time.run(frame)
    if (typeof at === 'symbol') return at
    if (!Number.isSafeInteger(at)) return NO_TIME
    const fault = charge(frame, steps)
    if (fault) return fault
    const when = instant(Number(at))
    const found = part(new Date(when + (zone?.offset(when) ?? 0)))
    return Number.isInteger(found) ? found : NO_DATE
  }
  return { type: INT, run }
}

function isNow(expr: Expr | undefined): boolean {
  return expr?.kind === 'name' && expr.name === 'now'
}

/** `1h30m`, `90s`, `250ms`, perhaps with a sign. */
export function spanMs(text: string): number | undefined {
  const match = /^(-?)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(text)
  if (!match || !/\d/.test(text)) return undefined
  const [hours, minutes, seconds, ms] = match.slice(2).map((part) => Number(part ?? 0))
  const total = (((hours ?? 0) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000 + (ms ?? 0)
  return match[1] === '-' ? -total : total
}
