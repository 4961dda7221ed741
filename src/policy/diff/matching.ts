/** Two versions of a rule: which calls does only the one match? */
import type { CallContext } from '../../model/call.ts'
import { Terms } from '../logic/prop.ts'
import { exemptKey, matchesIn, type RuleProp, rulePropOf } from '../logic/rule-prop.ts'
import { type State, states } from '../logic/states.ts'
import { matches } from '../rule.ts'
import { exemptsAll } from './constraints.ts'
import { draftOf, drafts } from './draft.ts'
import { callFor } from './example.ts'
import type { Version } from './version.ts'

/** `no`: proven that there is none. A call: this one. `unknown`: there may be one, and none was found. */
export type Only = 'no' | 'unknown' | CallContext

export interface Difference {
  readonly onlyBefore: Only
  readonly onlyAfter: Only
}

const MOST_DRAFTS = 4000

export function differenceOf(before: Version, after: Version): Difference {
  const terms = new Terms()
  const a = rulePropOf(before.rule, before.scope, terms)
  const b = rulePropOf(after.rule, after.scope, terms)
  const may = possible(before, after)
  const found = statesOf(terms, { a, b, may })
  const search = new Search(before, after)
  return {
    onlyBefore: search.settle(found?.onlyBefore, 'before'),
    onlyAfter: search.settle(found?.onlyAfter, 'after'),
  }
}

interface Asked {
  readonly a: RuleProp
  readonly b: RuleProp
  /** False for a state that cannot be. */
  readonly may: (state: State) => boolean
}

/** A state in which only the one matches; `none` where there is no such state; undefined where they are too many. */
function statesOf(
  terms: Terms,
  { a, b, may }: Asked,
): Readonly<Record<'onlyBefore' | 'onlyAfter', readonly State[]>> | undefined {
  const all = states(terms)
  if (!all) return undefined
  const onlyBefore: State[] = []
  const onlyAfter: State[] = []
  for (const state of all) {
    if (!may(state)) continue
    const [x, y] = [matchesIn(a, state), matchesIn(b, state)]
    const into = x && !y ? onlyBefore : y && !x ? onlyAfter : undefined
    if (into && into.length < MOST_TRIED) into.push(copied(state))
  }
  return { onlyBefore, onlyAfter }
}

const MOST_TRIED = 200

function copied({ values, answers }: State): State {
  return { values: new Map(values), answers: new Map(answers) }
}

/** What is exempt by the narrower of two exemptions is exempt by the wider one. */
function possible(before: Version, after: Version): (state: State) => boolean {
  const [a, b] = [before.rule.source.unlessArgs, after.rule.source.unlessArgs]
  if (!a || !b) return () => true
  const [x, y] = [
    exemptKey(before.rule.source, before.scope),
    exemptKey(after.rule.source, after.scope),
  ]
  const sets = [before.policies.sets, after.policies.sets] as const
  const widens = exemptsAll(b, a, [sets[1], sets[0]])
  const narrows = exemptsAll(a, b, sets)
  return ({ answers }) => {
    if (widens && answers.get(x) === true && answers.get(y) === false) return false
    return !(narrows && answers.get(y) === true && answers.get(x) === false)
  }
}

/** Looks for a real call: one that a state describes, or one made up by chance. */
class Search {
  readonly #before: Version
  readonly #after: Version
  #drawn: Readonly<Record<'before' | 'after', CallContext | undefined>> | undefined

  constructor(before: Version, after: Version) {
    this.#before = before
    this.#after = after
  }

  settle(found: readonly State[] | undefined, side: 'before' | 'after'): Only {
    if (found?.length === 0) return 'no'
    for (const state of found ?? []) {
      const call = callFor(this.#after.rule, draftOf(state, [this.#before, this.#after]))
      if (this.#shows(call) === side) return call
    }
    this.#drawn ??= this.#draw()
    return this.#drawn[side] ?? 'unknown'
  }

  /** Which of the two alone matches it. */
  #shows(call: CallContext): 'before' | 'after' | undefined {
    const x = matches(this.#before.rule, call) !== false
    const y = matches(this.#after.rule, call) !== false
    return x === y ? undefined : x ? 'before' : 'after'
  }

  #draw(): Readonly<Record<'before' | 'after', CallContext | undefined>> {
    const found: Record<'before' | 'after', CallContext | undefined> = {
      before: undefined,
      after: undefined,
    }
    for (const draft of drafts([this.#before, this.#after], MOST_DRAFTS)) {
      const call = callFor(this.#after.rule, draft)
      const side = this.#shows(call)
      if (side) found[side] ??= call
      if (found.before && found.after) break
    }
    return found
  }
}
