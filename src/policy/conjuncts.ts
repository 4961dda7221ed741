/** Rules as `explain` shows them: does each apply to the call, and what did its own conditions read? */
import { budgetConjuncts } from '../mandate/budget-conjuncts.ts'
import { conditionConjuncts, constraintConjuncts, onlyThese } from '../mandate/conjuncts.ts'
import type { CallContext } from '../model/call.ts'
import type { Applies, Conjunct } from '../model/decision.ts'
import type { Obligation } from '../model/policy.ts'
import { mayHaveTwin, NOT_KEPT } from '../model/veil.ts'
import type { AskingRule, BoundRules } from './judge.ts'
import type { ObligationSource } from './language.ts'
import { appliesTo } from './possible.ts'
import type { CompiledRule } from './rule.ts'

/** One conjunct for each rule that is about the call, each followed by its own conditions; then what engines said. */
export function policyConjuncts(
  about: readonly CompiledRule[],
  bound: BoundRules,
  call: CallContext,
): readonly Conjunct[] {
  return [
    ...about.flatMap((rule) => {
      const asking = bound.ask.find((one) => one.rule === rule)
      return [ruleConjunct(rule, asking, call), ...conditionsOf(rule, call)]
    }),
    ...budgetsOf(bound, call),
    ...spellings(bound, call),
    ...bound.engines.map((engine) => engineConjunct(engine, call)),
  ]
}

/** `applies` marks them as what policies say. */
function budgetsOf({ budgets, watching }: BoundRules, call: CallContext): readonly Conjunct[] {
  const applied = (one: Conjunct): Conjunct => ({ ...one, applies: APPLIED[one.result] ?? 'yes' })
  return [
    ...(budgets ? budgetConjuncts(budgets, call).map(applied) : []),
    ...budgetConjuncts({ all: watching }, call).map((one): Conjunct => ({
      ...applied(one),
      shadow: true,
    })),
  ]
}

const APPLIED: Readonly<Partial<Record<Conjunct['result'], Applies>>> = {
  error: 'error',
  unknown: 'unknown',
}

/** What a rule reads and what an upstream acts on are the same argument. */
function spellings({ twins, twinned = [] }: BoundRules, call: CallContext): readonly Conjunct[] {
  const [rule] = twins?.(call.args)?.rules ?? []
  const expected = 'no argument is a second spelling of one that a rule reads'
  const hint = 'an upstream may take the one for the other'
  if (rule !== undefined)
    return [{ rule, expected, result: 'error', hint, effect: 'forbid', applies: 'error' }]
  if (!mayHaveTwin(call, twinned)) return []
  const unknown = {
    result: 'unknown',
    hint: NOT_KEPT,
    effect: 'forbid',
    applies: 'unknown',
  } as const
  return [{ rule: 'args', expected, ...unknown }]
}

function ruleConjunct(
  rule: CompiledRule,
  asking: AskingRule | undefined,
  call: CallContext,
): Conjunct {
  const { effect, mode, name, description } = rule.source
  const applies = appliesTo(rule, call)
  return {
    rule: name,
    expected: expectedOf(rule, asking),
    result: effect === 'oblige' ? 'holds' : RESULTS[effect][applies],
    ...(description !== undefined && { hint: description }),
    effect,
    applies,
    ...(mode === 'shadow' && { shadow: true }),
  }
}

const RESULTS: Readonly<
  Record<'forbid' | 'require_approval', Readonly<Record<Applies, Conjunct['result']>>>
> = {
  forbid: { yes: 'fails', no: 'holds', error: 'error', unknown: 'unknown' },
  // Whatever cannot be evaluated asks.
  require_approval: { yes: 'asks', no: 'holds', error: 'asks', unknown: 'unknown' },
}

function expectedOf({ source }: CompiledRule, asking: AskingRule | undefined): string {
  if (source.effect === 'forbid') return 'it does not forbid the call'
  if (source.obligation) return `with a permit comes a duty: ${dutyText(source.obligation)}`
  const { from = [], quorum = 1, assurance } = source.approval ?? {}
  const who = (asking?.approvers ?? from).map((one) => `\`${one}\``)
  const many = quorum > 1 ? `${quorum} of ` : ''
  const how = assurance === undefined ? '' : `, at least as ${assurance}`
  return `it asks for no approval (by ${who.length === 0 ? 'nobody that is left' : `${many}${who.join(', ')}`}${how})`
}

/** What has to be done with a call that is permitted. */
export function dutyText(duty: ObligationSource | Obligation): string {
  switch (duty.type) {
    case 'redact':
      return `redact ${[...duty.detectors, ...duty.paths].join(', ')}`
    case 'limit_output':
      return `at most ${duty.bytes} bytes come back, more is ${duty.over === 'cut' ? 'cut' : 'refused'}`
    case 'notify':
      return `tell ${duty.to}`
    case 'label':
      return `label the session ${duty.add.join(', ')}`
  }
}

/** The rule's own conditions, with what they read. Selectors that are the same for every call are not among them. */
function conditionsOf(rule: CompiledRule, call: CallContext): readonly Conjunct[] {
  const { source, when, unless, exempt } = rule
  const { name } = source
  const { labels } = call.session
  const found: Conjunct[] = []
  if (source.risk.length > 0) {
    const expected = `risk is ${source.risk.join(' or ')}`
    const result = source.risk.includes(call.risk) ? 'holds' : 'fails'
    found.push({ rule: `${name}.risk`, expected, read: call.risk, result })
  }
  for (const label of source.labels) {
    const expected = `the session has the label \`${label}\``
    const read = labels.length === 0 ? 'no labels' : labels.join(', ')
    const result = labels.includes(label) ? 'holds' : 'fails'
    found.push({ rule: `${name}.labels`, expected, read, result })
  }
  if (when) found.push(...conditionConjuncts(when, `${name}.when`, call))
  if (unless) found.push(...conditionConjuncts(unless, `${name}.unless`, call))
  if (exempt) {
    const { names, constraints, closed } = exempt
    if (closed) found.push(onlyThese(closed, `${name}.unlessArgs`, call))
    constraints.forEach((constraint, at) => {
      const argument = { name: names[at] ?? '', constraint }
      found.push(...constraintConjuncts(argument, `${name}.unlessArgs.`, call))
    })
  }
  return found.map((one) => ({ ...one, of: name }))
}

function engineConjunct({ id, mode }: BoundRules['engines'][number], call: CallContext): Conjunct {
  const fact = call.engines?.find(({ engine }) => engine === id)
  const result = fact ? SAID[fact.effect] : 'unknown'
  return {
    rule: `engine:${id}`,
    expected: 'the engine permits',
    read: fact?.effect ?? 'not asked',
    result,
    ...(fact?.detail !== undefined && { hint: fact.detail }),
    ...(mode === 'shadow' && { shadow: true }),
  }
}

const SAID = { permit: 'holds', deny: 'fails', error: 'error' } as const
