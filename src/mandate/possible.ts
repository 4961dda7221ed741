/**
 * The judgement of a mandate where not every value is known: all outcomes that some values would give. Where all are known
 * there is one, and it is the decision's.
 */
import type { CallContext } from '../model/call.ts'
import type { Outcome } from '../model/decision.ts'
import { hasOthers, mayHaveTwin, seen } from '../model/veil.ts'
import type { Judgement } from '../expression/constraint.ts'
import { type Budgets, canTake } from './budget.ts'
import type { Argument, Rule } from './rule.ts'
import type { FindTwin } from './twin.ts'

/** `rules` name what is acted on; what is hidden is not asked here. */
export function possibleBy(
  rules: readonly Rule[],
  { twin, budgets }: { readonly twin: FindTwin; readonly budgets?: Budgets },
  call: CallContext,
): ReadonlySet<Outcome> {
  const open = rules.some((rule) => !rule.closed)
  if (open && twin(call.args) !== undefined) return new Set<Outcome>(['outside_mandate'])
  const found = new Set<Outcome>()
  const covers = rules.map((rule) => covering(rule, call))
  const mayBeSpelt = open && mayHaveTwin(call, namesIn(rules, budgets))
  if (mayBeSpelt || covers.every((one) => one.has('fails'))) found.add('outside_mandate')
  const may = (judgement: Judgement): boolean => covers.some((one) => one.has(judgement))
  const outright = covers.some((one) => one.size === 1 && one.has('holds'))
  // Where no grant covers it outright, those that cover it once they are asked ask.
  const onlyAsks = may('asks') && !outright
  if (!may('holds') && !onlyAsks) return found
  const duties = dutiesOf(rules, call)
  for (const duty of duties) if (duty !== 'met') found.add(duty)
  if (!duties.has('met')) return found
  const told = canTake(budgets, call)
  if (told !== true) found.add('evaluation_error')
  if (told === false) return found
  const asks = rules.map((rule) => asking(rule, call))
  if (onlyAsks || asks.some((one) => one !== false)) found.add('approval_required')
  if (may('holds') && !asks.includes(true)) found.add('permitted')
  return found
}

/** The arguments that the rules read: of others, a second spelling does not matter. */
function namesIn(rules: readonly Rule[], budgets: Budgets | undefined): readonly string[] {
  const paths = rules.flatMap(({ args, when, approval }) => [
    ...args.map(({ name }) => name),
    ...(when?.reads ?? []),
    ...(approval?.when?.reads ?? []),
  ])
  const all = [...paths, ...(budgets?.reads ?? [])]
  return all.map((path) => path.split('.', 1)[0] ?? path)
}

/** What the grant's arguments may come to. One that asks and has no approval does not cover the call. */
function covering(rule: Rule, call: CallContext): ReadonlySet<Judgement> {
  const others = rule.closed ? hasOthers(call, rule.closed) : false
  if (others === true) return FAILS
  const judged =
    call.action === 'completion/complete' ? [] : rule.args.map((one) => judge(one, call))
  if (judged.includes('fails')) return FAILS
  const all = new Set<Judgement>()
  const asks = judged.includes('asks')
  if (!asks) all.add('holds')
  if (asks || judged.some((one, at) => one === 'unknown' && mayAsk(rule, at)))
    all.add(rule.approval ? 'asks' : 'fails')
  return others === 'unknown' || judged.includes('unknown') ? all.add('fails') : all
}

const FAILS: ReadonlySet<Judgement> = new Set(['fails'])

function judge({ name, constraint }: Argument, call: CallContext): Judgement | 'unknown' {
  return seen(call, () =>
    constraint.judge(Object.hasOwn(call.args, name) ? call.args[name] : undefined),
  )
}

function mayAsk({ args }: Rule, at: number): boolean {
  return args[at]?.constraint.kinds.has('named_in') === true
}

type Duty = 'met' | 'outside_mandate' | 'evaluation_error'

/** `when` of every rule: one that does not hold denies, and one that cannot be evaluated does too. */
function dutiesOf(rules: readonly Rule[], call: CallContext): ReadonlySet<Duty> {
  const answers = rules.flatMap(({ when }) => (when ? [when.answer(call)] : []))
  if (answers.includes(false)) return new Set(['outside_mandate'])
  const found = new Set<Duty>(answers.includes('error') ? ['evaluation_error'] : ['met'])
  if (!answers.includes('unknown')) return found
  return found.add('outside_mandate').add('evaluation_error')
}

function asking({ approval }: Rule, call: CallContext): boolean | 'unknown' {
  if (!approval?.when) return approval !== undefined
  const answer = approval.when.answer(call)
  return answer === 'unknown' ? answer : answer !== false
}
