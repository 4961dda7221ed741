/**
 * What policies make of a decision where not every value is known: all outcomes that some values would give. Where all are
 * known there is one, and it is the decision's.
 */
import type { CallContext } from '../model/call.ts'
import type { Applies, Outcome } from '../model/decision.ts'
import { hasOthers, mayHaveTwin, seen } from '../model/veil.ts'
import { canTake } from '../mandate/budget.ts'
import type { BoundRules } from './judge.ts'
import type { CompiledRule, Exempt } from './rule.ts'

/** Does the rule apply to this call? */
export function appliesTo(rule: CompiledRule, call: CallContext): Applies {
  const { source, when, unless, exempt } = rule
  if (source.risk.length > 0 && !source.risk.includes(call.risk)) return 'no'
  if (source.labels.some((label) => !call.session.labels.includes(label))) return 'no'
  const holds = when ? when.answer(call) : true
  if (holds === false) return 'no'
  const spares = unless ? unless.answer(call) : false
  if (spares === true) return 'no'
  const fitting = exempt ? fitsKnown(exempt, call) : false
  if (fitting === true) return 'no'
  if ([holds, spares, fitting].includes('unknown'))
    return call.veil?.told?.get(source.name) ?? 'unknown'
  return holds === 'error' || spares === 'error' ? 'error' : 'yes'
}

function fitsKnown(exempt: Exempt, call: CallContext): boolean | 'unknown' {
  if (call.action === 'completion/complete') return false
  const others = exempt.closed ? hasOthers(call, exempt.closed) : false
  if (others === true) return false
  const answers = exempt.constraints.map((constraint, at) => {
    const name = exempt.names[at] ?? ''
    return seen(call, () =>
      constraint.judge(Object.hasOwn(call.args, name) ? call.args[name] : undefined),
    )
  })
  if (answers.some((one) => one === 'fails' || one === 'asks')) return false
  return others === 'unknown' || answers.includes('unknown') ? 'unknown' : true
}

type Denial = 'forbidden' | 'evaluation_error'

/** `base`: what the mandate may say. */
export function possibleUnder(
  { forbid, ask, engines, budgets, twins, twinned = [] }: BoundRules,
  base: ReadonlySet<Outcome>,
  call: CallContext,
): ReadonlySet<Outcome> {
  const found = new Set([...base].filter((one) => !isOpen(one)))
  const open = [...base].filter(isOpen)
  if (open.length === 0) return found
  const forbidden = forbiddenBy(forbid.map((rule) => appliesTo(rule, call)))
  for (const one of forbidden) if (one !== 'not') found.add(one)
  if (!forbidden.has('not')) return found
  const spelt = twins?.(call.args) !== undefined
  if (spelt || mayHaveTwin(call, twinned)) found.add('evaluation_error')
  if (spelt) return found
  const told = canTake(budgets, call)
  if (told !== true) found.add('evaluation_error')
  if (told === false) return found
  const denied = deniedBy(engines, call)
  for (const one of denied) if (one !== 'not') found.add(one)
  if (!denied.has('not')) return found
  const asks = ask.map(({ rule }) => appliesTo(rule, call))
  const must = asks.some((one) => one === 'yes' || one === 'error')
  if (must || asks.includes('unknown') || open.includes('approval_required'))
    found.add('approval_required')
  if (!must && open.includes('permitted')) found.add('permitted')
  return found
}

/** What engines in force may deny with; an answer that is known to be no decides, then one that is none. */
function deniedBy(
  engines: BoundRules['engines'],
  call: CallContext,
): ReadonlySet<'forbidden' | 'engine_unavailable' | 'not'> {
  const said = engines.filter(({ mode }) => mode === 'enforce').map(({ id }) => answerOf(id, call))
  if (said.includes('deny')) return new Set(['forbidden'])
  const unknown = said.includes('unknown')
  if (said.includes('error'))
    return new Set(['engine_unavailable', ...(unknown ? (['forbidden'] as const) : [])])
  return new Set(unknown ? ['engine_unavailable', 'forbidden', 'not'] : ['not'])
}

/** What policies still have a say about. */
function isOpen(outcome: Outcome): boolean {
  return outcome === 'permitted' || outcome === 'approval_required'
}

/** Where one rule forbids outright, another that cannot be evaluated changes nothing. */
function forbiddenBy(answers: readonly Applies[]): ReadonlySet<Denial | 'not'> {
  if (answers.includes('yes')) return new Set<Denial>(['forbidden'])
  const found = new Set<Denial | 'not'>([answers.includes('error') ? 'evaluation_error' : 'not'])
  if (answers.includes('unknown')) found.add('forbidden').add('evaluation_error')
  return found
}

/** What an engine said; one that was not asked denies, unless nobody knows what it would have said. */
function answerOf(
  id: string,
  { engines, veil }: CallContext,
): 'permit' | 'deny' | 'error' | 'unknown' {
  const fact = engines?.find(({ engine }) => engine === id)
  if (fact) return fact.effect
  return veil ? 'unknown' : 'error'
}
