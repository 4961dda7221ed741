/** What rules read of a call, and the readers that are made for it: rules that read alike share them, whatever the tool. */
import { type Facts, factsOf } from '../mandate/facts.ts'
import { type FindTwin, twinFinder } from '../mandate/twin.ts'
import type { ArgumentReads } from '../model/authority.ts'
import type { JsonObject } from '../model/json.ts'
import { OTHER } from '../model/veil.ts'
import type { CompiledBudget } from './budget.ts'
import type { BoundRules, Twin } from './judge.ts'
import type { CompiledRule } from './rule.ts'
import { doubleSpelling, membersIn, membersRead, spellingBelow } from './spelling.ts'

/** Names of arguments come from upstreams, too: what is shared of them is bounded. */
const MAX_SHARED = 4096

/** The rules and the budgets that are about something. */
export interface About {
  readonly rules: readonly CompiledRule[]
  readonly budgets: readonly CompiledBudget[]
}

export interface Readers {
  /** Reads what the rules read of a call's arguments; undefined where that is nothing. */
  facts(about: About): BoundRules['facts']
  /**
   * Finds a second spelling of an argument that a rule in force reads: an upstream may take the one for the other, and then
   * the rule has judged what nobody acts on. What engines are told may have no name in two spellings.
   */
  twins(
    about: About,
    declared: readonly string[],
    engines: BoundRules['engines'],
  ): Pick<BoundRules, 'twins' | 'twinned'>
}

export function sharedReaders(): Readers {
  const facts = new Map<string, Facts>()
  const finders = new Map<string, FindTwin>()
  return {
    facts: (about) => {
      const { names, paths } = argumentsOf(about)
      if (names.length + paths.length === 0) return undefined
      const reads = { names: distinct(names), paths: distinct(paths) }
      return shared(facts, JSON.stringify(reads), () => factsOf(reads))
    },
    twins: ({ rules, budgets }, declared, engines) => {
      const reading = rules.filter(
        (rule) => rule.source.effect !== 'oblige' && readsOf(rule).length > 0,
      )
      const told = engines.filter(({ mode }) => mode === 'enforce').map(({ id }) => `engine:${id}`)
      const counting = budgets.filter(({ amount }) => amount && amount.reads.length > 0)
      if (reading.length + counting.length + told.length === 0) return {}
      const paths = [...reading.flatMap(readsOf), ...counting.flatMap(amountReads)]
      const names = distinct(paths.map(firstStep))
      const below = distinct([
        ...reading.flatMap(membersRead),
        ...counting.flatMap(({ amount }) => (amount ? membersIn([amount.expr]) : [])),
      ])
      const find = shared(finders, JSON.stringify([names, declared]), () =>
        twinFinder(names, declared),
      )
      const findBelow =
        below.length === 0
          ? undefined
          : shared(finders, JSON.stringify(['below', below]), () => spellingBelow(below))
      const asked = [...reading, ...counting].map(({ source }) => source.name)
      const twins = (args: JsonObject): Twin | undefined => {
        const path = asked.length > 0 ? (find(args) ?? findBelow?.(args)) : undefined
        if (path !== undefined) return { rules: asked, path }
        const double = told.length > 0 ? doubleSpelling(args) : undefined
        return double === undefined ? undefined : { rules: told, path: double }
      }
      // Of what engines are told, any name may be spelt twice.
      return { twins, twinned: told.length > 0 ? [...names, OTHER] : names }
    },
  }
}

function shared<T>(known: Map<string, T>, key: string, make: () => T): T {
  const before = known.get(key)
  if (before !== undefined) return before
  const made = make()
  if (known.size < MAX_SHARED) known.set(key, made)
  return made
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].toSorted()
}

function firstStep(path: string): string {
  return path.split('.', 1)[0] ?? path
}

function readsOf({ when, unless, exempt }: CompiledRule): readonly string[] {
  return [...(when?.reads ?? []), ...(unless?.reads ?? []), ...(exempt?.names ?? [])]
}

function amountReads({ amount }: CompiledBudget): readonly string[] {
  return amount?.reads ?? []
}

export function argumentsOf({ rules, budgets }: About): ArgumentReads {
  return {
    names: rules.flatMap((rule) => rule.exempt?.names ?? []),
    paths: [
      ...rules.flatMap(({ when, unless }) => [...(when?.reads ?? []), ...(unless?.reads ?? [])]),
      ...budgets.flatMap(amountReads),
    ],
  }
}

/** Reads what the rules read of the past. */
export function pastOf(about: readonly CompiledRule[]): BoundRules['past'] {
  const all = about
    .flatMap(({ when, unless }) => [when, unless])
    .filter((one) => one !== undefined && one.history.length > 0)
  if (all.length === 0) return undefined
  return (call) =>
    Object.fromEntries(all.flatMap((one) => Object.entries(one?.historyFacts(call) ?? {})))
}
