/**
 * Texts within texts, with the steps that it takes counted. The engine's own `startsWith` goes unit by unit, and its
 * `includes` takes the product of both lengths where a long text repeats itself.
 */
import { charge, type Frame, textCost } from './run.ts'

/** Up to this length a beginning is compared unit by unit; a longer one as a whole. */
const SHORT = 16
/** Up to this length the engine's search is linear, whatever it is given; below the second it is slower at worst. */
const LINEAR = 250
const TABLED = 8
/** Steps to begin another search. */
const BEGIN = 200

export function includes(text: string, wanted: string, frame: Frame): boolean | symbol {
  const fault = charge(frame, scanCost(text.length, wanted.length))
  if (fault) return fault
  if (wanted.length > text.length) return false
  return wanted.length <= LINEAR ? text.includes(wanted) : includesLong(text, wanted, frame)
}

/** At most three to six nanoseconds for each unit of the text. */
function scanCost(text: number, wanted: number): number {
  if (wanted > text) return 1
  if (wanted < 2) return 1 + (text >>> 5)
  return 1 + ((text * (wanted < TABLED ? 5 : 3)) >>> 4)
}

/** Looks for the beginning, and compares the rest wherever it stands; where that is too often, it is a fault. */
function includesLong(text: string, wanted: string, frame: Frame): boolean | symbol {
  const head = wanted.slice(0, LINEAR)
  const last = text.length - wanted.length
  let at = text.indexOf(head)
  while (at !== -1 && at <= last) {
    const fault = charge(frame, BEGIN + textCost(wanted))
    if (fault) return fault
    if (text.slice(at, at + wanted.length) === wanted) return true
    at = text.indexOf(head, at + 1)
  }
  return false
}

export function startsWith(text: string, wanted: string, frame: Frame): boolean | symbol {
  const fault = charge(frame, textCost(wanted))
  if (fault) return fault
  if (wanted.length <= SHORT) return text.startsWith(wanted)
  return wanted.length <= text.length && text.slice(0, wanted.length) === wanted
}

export function endsWith(text: string, wanted: string, frame: Frame): boolean | symbol {
  const fault = charge(frame, textCost(wanted))
  if (fault) return fault
  if (wanted.length <= SHORT) return text.endsWith(wanted)
  return wanted.length <= text.length && text.slice(text.length - wanted.length) === wanted
}
