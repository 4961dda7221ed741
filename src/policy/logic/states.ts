/** All that may be the case, as far as conditions tell it apart. What holds in every state holds for every call. */
import type { Prop, Terms } from './prop.ts'
import { MISSING, type Sample, samplesOf, type Truth } from './sample.ts'

export interface State {
  readonly values: ReadonlyMap<string, Sample>
  readonly answers: ReadonlyMap<string, Truth>
}

/** As conditions are evaluated: a no decides `&&`, a yes decides `||`, whatever the other side is. */
export function truthOf(prop: Prop, state: State): Truth {
  switch (prop.kind) {
    case 'fixed':
      return prop.value
    case 'open':
      return state.answers.get(prop.key) ?? 'error'
    case 'test': {
      const value = state.values.get(prop.term) ?? MISSING
      const found = prop.holds(value)
      return found ?? state.answers.get(prop.open ?? '') ?? 'error'
    }
    case 'not': {
      const of = truthOf(prop.of, state)
      return of === 'error' ? of : !of
    }
    case 'and':
    case 'or': {
      const decides = prop.kind === 'or'
      const left = truthOf(prop.left, state)
      if (left === decides) return left
      const right = truthOf(prop.right, state)
      return right === decides || left !== 'error' ? right : left
    }
    case 'choice': {
      const test = truthOf(prop.test, state)
      return test === 'error' ? test : truthOf(test ? prop.yes : prop.no, state)
    }
  }
}

/** More states than this are not looked at. */
export const MOST_STATES = 20_000

/** How many states there are. */
export function stateCount(terms: Terms): number {
  let count = 1
  for (const term of terms.terms.values()) count *= samplesOf(term).length
  for (const answers of terms.open.values()) count *= answers.length
  return count
}

/**
 * Every state, one after the other, in an object that is used again; undefined where there are too many to look at.
 */
export function states(terms: Terms, most: number = MOST_STATES): Iterable<State> | undefined {
  return stateCount(terms) > most ? undefined : each(terms)
}

function* each(terms: Terms): Generator<State> {
  const values = new Map<string, Sample>()
  const answers = new Map<string, Truth>()
  const wheels: Wheel[] = [
    ...[...terms.terms].map(([key, term]) => wheel(samplesOf(term), (one) => values.set(key, one))),
    ...[...terms.open].map(([key, may]) => wheel(may, (one) => answers.set(key, one))),
  ]
  for (const one of wheels) one.set()
  yield { values, answers }
  while (turn(wheels)) yield { values, answers }
}

interface Wheel {
  /** Shows the next; false when it began anew. */
  next(): boolean
  set(): void
}

function wheel<T>(all: readonly T[], show: (one: T) => void): Wheel {
  let at = 0
  const set = (): void => {
    const one = all[at]
    if (one !== undefined) show(one)
  }
  return {
    set,
    next: () => {
      at = (at + 1) % all.length
      set()
      return at !== 0
    },
  }
}

function turn(wheels: readonly Wheel[]): boolean {
  for (const one of wheels) if (one.next()) return true
  return false
}

/** Does it hold in every state? Undefined where that cannot be told; then nothing may be said. */
export function always(terms: Terms, holds: (state: State) => boolean): boolean | undefined {
  const all = states(terms)
  if (!all) return undefined
  for (const state of all) if (!holds(state)) return false
  return true
}
