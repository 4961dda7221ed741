/** The least that would have to be different for a denied call to be permitted. */
import type { Conjunct, Decision } from '../model/decision.ts'

export interface NearestMiss {
  /** What would have to hold, in words; empty where nothing of the call would have to be different. */
  readonly wishes: readonly string[]
  /** Rules that apply whatever the arguments are, as far as the call can be changed at all. */
  readonly whatever: readonly string[]
}

/** Undefined where nothing that can be said would permit the call. */
export function nearestMissOf(
  decision: Decision,
  conjuncts: readonly Conjunct[],
): NearestMiss | undefined {
  const counting = conjuncts.filter(({ of, shadow }) => of === undefined && shadow !== true)
  const own = counting.filter((one) => one.applies === undefined && !isEngine(one))
  const granted = ofGrants(decision, own)
  if (!granted) return undefined
  const policies = counting.filter(({ applies, result }) => applies !== undefined && isNo(result))
  const rules = policies.filter(({ budget }) => budget !== true)
  const budgets = policies.filter(({ budget }) => budget === true).map(wish)
  const ways = rules.map((rule) => wayOut(rule, conjuncts))
  const said = counting.filter((one) => isEngine(one) && isNo(one.result))
  const engines = said.map(({ rule }) => `\`${rule}\` permitted it`)
  const wishes = [...granted, ...ways.flatMap((way) => way?.wishes ?? []), ...budgets, ...engines]
  const whatever = rules.filter((_, at) => ways[at]?.argument !== true).map(({ rule }) => rule)
  return ways.includes(undefined) ? undefined : { wishes: [...new Set(wishes)], whatever }
}

function isEngine({ rule }: Conjunct): boolean {
  return rule.startsWith('engine:')
}

function isNo(result: Conjunct['result']): boolean {
  return result === 'fails' || result === 'error'
}

/**
 * Of the grants that name the tool, the one with the fewest failing argument conjuncts, together with every condition
 * that fails: conditions are duties of all grants, arguments of one.
 */
function ofGrants(
  { grants }: Decision,
  conjuncts: readonly Conjunct[],
): readonly string[] | undefined {
  const failing = conjuncts.filter(({ result }) => isNo(result))
  const owner = (conjunct: Conjunct): string | undefined =>
    grants
      .filter((grant) => conjunct.rule.startsWith(`${grant}.`))
      .toSorted((a, b) => b.length - a.length)[0]
  // What belongs to no grant (a `never`, no grant at all) cannot be met by other arguments.
  if (failing.some((conjunct) => owner(conjunct) === undefined)) return undefined
  const isDuty = (conjunct: Conjunct): boolean =>
    conjunct.rule.slice((owner(conjunct) ?? '').length).startsWith('.when')
  const duties = failing.filter(isDuty)
  const [nearest] = grants
    .map((grant) => failing.filter((one) => owner(one) === grant && !isDuty(one)))
    .toSorted((a, b) => a.length - b.length)
  return [...(nearest ?? []), ...duties].map(wish)
}

/** A way in which a rule would not apply. */
interface Way {
  readonly wishes: readonly string[]
  /** True when other arguments, or another time, are enough: what is asked for again. */
  readonly argument: boolean
}

/**
 * A rule applies where all of its selectors and `when` hold, and neither `unless` nor the exempting arguments: the fewest
 * changes that undo one of these, rather of what is asked for than of what stands. Undefined where there is none.
 */
function wayOut({ rule }: Conjunct, conjuncts: readonly Conjunct[]): Way | undefined {
  const own = conjuncts.filter(({ of }) => of === rule)
  const part = (name: string): readonly Conjunct[] =>
    own.filter((one) => one.rule === `${rule}.${name}` || one.rule.startsWith(`${rule}.${name}.`))
  const unmet = (name: string): readonly Conjunct[] =>
    part(name).filter(({ result }) => result !== 'holds')
  const ways: Way[] = [
    ...part('when').map((one) => ({ wishes: [refuted(one)], argument: changes(one) })),
    ...all('unless', unmet('unless')),
    ...all('unlessArgs', unmet('unlessArgs')),
    ...part('labels').map(({ expected }) => ({
      wishes: [expected.replace('has the label', 'had not the label')],
      argument: false,
    })),
    ...part('risk').map(({ expected }) => ({
      wishes: [expected.replace('risk is', 'risk were not')],
      argument: false,
    })),
  ]
  return ways.toSorted((a, b) => Number(b.argument) - Number(a.argument) || cost(a) - cost(b))[0]
}

function cost({ wishes }: Way): number {
  return wishes.length
}

function all(name: 'unless' | 'unlessArgs', unmet: readonly Conjunct[]): readonly Way[] {
  if (unmet.length === 0) return []
  const argument = name === 'unlessArgs' || unmet.every(changes)
  return [{ wishes: unmet.map(wish), argument }]
}

/** Does a condition read what a call could have otherwise? */
function changes({ expected }: Conjunct): boolean {
  return /\b(?:args\b|now\b)/.test(expected)
}

function refuted({ expected }: Conjunct): string {
  return `it did not hold that ${expected}`
}

const UNREAL: Readonly<Record<string, string>> = {
  is: 'were',
  are: 'were',
  has: 'had',
  equals: 'were',
  matches: 'matched',
  begins: 'began',
  ends: 'ended',
}

/** `amount is between 0 and 5000` as a wish: `amount were between 0 and 5000`. */
function wish({ expected }: Conjunct): string {
  const verb = / (is|are|has|equals|matches|begins|ends) /.exec(expected)
  if (!verb) return `it held that ${expected}`
  const end = verb.index + verb[0].length
  return `${expected.slice(0, verb.index)} ${UNREAL[verb[1] ?? ''] ?? verb[1]} ${expected.slice(end)}`
}
