/** Running a compiled condition: values, faults, and the count of steps that bounds the work. */
import type { CallContext } from '../model/call.ts'
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import type { Type } from './typing.ts'

/** A symbol is a fault, its description says which; times and durations are numbers of milliseconds. */
export type Value = Json | symbol

/** One evaluation. Macros nest at most twice, so two variables are enough. */
export interface Frame {
  readonly call: CallContext
  steps: number
  outer: Json
  inner: Json
  /** What the history answered, by the key of the question: it is asked once. */
  answers: Map<string, Value> | undefined
}

export type Run = (frame: Frame) => Value

export interface Typed {
  readonly type: Type
  readonly run: Run
  /** The value, where it is written in the condition itself. */
  readonly constant?: Json
}

/** Steps of one evaluation, each about ten nanoseconds at most: together well under five milliseconds. */
export const MAX_STEPS = 200_000
/** Steps for each member of an object whose members are listed. */
const KEY_STEPS = 8

const TOO_LONG = Symbol('it takes too many steps')
const NOT_BOOLEAN = Symbol('the result is no boolean')

/** Counts work done; a fault once it was too much. */
export function charge(frame: Frame, steps: number): symbol | undefined {
  frame.steps += steps
  return frame.steps > MAX_STEPS ? TOO_LONG : undefined
}

/** A fault once the steps are used up: then nothing more is begun. */
export function spent(frame: Frame): symbol | undefined {
  return frame.steps > MAX_STEPS ? TOO_LONG : undefined
}

/** Reading a text as a whole costs a step for every 16 units. */
export function textCost(text: string): number {
  return 1 + (text.length >>> 4)
}

/** `true`, `false`, or a fault. */
export function booleanOf(value: Value): boolean | symbol {
  if (typeof value === 'boolean') return value
  return typeof value === 'symbol' ? value : NOT_BOOLEAN
}

/** How many members an object has; all of them have to be listed to tell. */
export function countKeys(object: JsonObject, frame: Frame): number | symbol {
  const fault = spent(frame)
  if (fault) return fault
  const { length } = Object.keys(object)
  return charge(frame, length * KEY_STEPS) ?? length
}

/** Equal JSON; a fault when that takes too long to find out. Values of two kinds are not equal. */
export function deepEqual(a: Json, b: Json, frame: Frame): boolean | symbol {
  if (typeof a === 'string') return textsEqual(a, b, frame)
  const fault = charge(frame, 1)
  if (fault) return fault
  if (isList(a)) return isList(b) && a.length === b.length && listsEqual(a, b, frame)
  return isObject(a) && isObject(b) ? objectsEqual(a, b, frame) : a === b
}

/** Texts of two lengths are told apart at once. */
function textsEqual(a: string, b: Json, frame: Frame): boolean | symbol {
  if (typeof b !== 'string' || a.length !== b.length) return charge(frame, 1) ?? false
  return charge(frame, textCost(a)) ?? a === b
}

function objectsEqual(a: JsonObject, b: JsonObject, frame: Frame): boolean | symbol {
  const keys = Object.keys(a)
  const fault = charge(frame, keys.length * KEY_STEPS)
  if (fault) return fault
  const others = countKeys(b, frame)
  if (others !== keys.length) return typeof others === 'symbol' ? others : false
  for (const key of keys) {
    if (!Object.hasOwn(b, key)) return false
    const same = deepEqual(a[key] ?? null, b[key] ?? null, frame)
    if (same !== true) return same
  }
  return true
}

function listsEqual(a: readonly Json[], b: readonly Json[], frame: Frame): boolean | symbol {
  for (let at = 0; at < a.length; at += 1) {
    const same = deepEqual(a[at] ?? null, b[at] ?? null, frame)
    if (same !== true) return same
  }
  return true
}

/** Order of Unicode code points, which UTF-16 code units do not keep. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Surrogates stand for code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd8_00 && unit <= 0xdf_ff ? unit + 0x1_00_00 : unit
}
