/** The same judgement without short-circuit: every conjunct of every rule that names the tool, with what it read. */
import type { Condition } from '../expression/condition.ts'
import type { CallContext } from '../model/call.ts'
import type { Conjunct } from '../model/decision.ts'
import { isSecretName } from '../model/secret-name.ts'
import { hasOthers, NOT_KEPT, OTHER, seen } from '../model/veil.ts'
import type { Argument, Rule } from './rule.ts'

/** Longest value shown. */
const MAX_READ = 120

export function conjunctsOf(rules: readonly Rule[], call: CallContext): readonly Conjunct[] {
  return rules.flatMap((rule) => [
    ...closedWorld(rule, call),
    ...(call.action === 'completion/complete'
      ? []
      : rule.args.flatMap((argument) => argumentConjuncts(rule, argument, call))),
    ...(rule.when ? conditionConjuncts(rule.when, `${rule.name}.when`, call) : []),
    ...approvalConjuncts(rule, call),
  ])
}

function closedWorld(rule: Rule, call: CallContext): readonly Conjunct[] {
  const { closed } = rule
  if (!closed) return []
  return [onlyThese(closed, `${rule.name}.args`, call)]
}

/** A closed world: there is no argument beside these. */
export function onlyThese(closed: ReadonlySet<string>, rule: string, call: CallContext): Conjunct {
  const expected =
    closed.size === 0 ? 'there are no arguments' : `the arguments are only ${quoted([...closed])}`
  const base = { rule, expected }
  const found = hasOthers(call, closed)
  if (found === false) return { ...base, result: 'holds' }
  if (found === 'unknown') return { ...base, result: 'unknown', hint: NOT_KEPT }
  const others = Object.keys(call.args).filter((name) => name !== OTHER && !closed.has(name))
  if (others.length === 0) return { ...base, result: 'fails', hint: 'another one was given' }
  const read = shown(quoted(others))
  return { ...base, read, result: 'fails', hint: `leave out ${read}` }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

function argumentConjuncts(rule: Rule, argument: Argument, call: CallContext): readonly Conjunct[] {
  return constraintConjuncts(argument, `${rule.name}.args.`, call)
}

/** The constraint's words are read after the argument's name. */
export function constraintConjuncts(
  { name, constraint }: Argument,
  prefix: string,
  call: CallContext,
): readonly Conjunct[] {
  const found = seen(call, () => {
    const value = Object.hasOwn(call.args, name) ? call.args[name] : undefined
    return constraint.explain(value, `${prefix}${name}`).map((conjunct) => ({
      ...conjunct,
      expected: `${conjunct.rule.slice(prefix.length)} ${conjunct.expected}`,
    }))
  })
  if (found === 'unknown') {
    const expected = `${name} ${constraint.describe}`
    return [{ rule: `${prefix}${name}`, expected, result: 'unknown', hint: NOT_KEPT }]
  }
  return isSecretName(name) ? found.map(withoutValue) : found
}

export function conditionConjuncts(
  condition: Condition,
  rule: string,
  call: CallContext,
): readonly Conjunct[] {
  const found = condition.explain(call, rule)
  const secret = condition.reads.some((path) => path.split('.').some(isSecretName))
  return secret ? found.map(withoutValue) : found
}

/** What a conjunct read, and a hint that may repeat it, are left out where the field is named like a secret. */
function withoutValue(conjunct: Conjunct): Conjunct {
  const { rule, expected, result } = conjunct
  return conjunct.read === undefined
    ? { rule, expected, result }
    : { rule, expected, result, read: '(secret)' }
}

function approvalConjuncts(rule: Rule, call: CallContext): readonly Conjunct[] {
  const { approval } = rule
  if (!approval) return []
  const condition = approval.when ? ` where ${approval.when.source}` : ''
  const expected = `a human approves the call${condition}: ${quoted(approval.from)}`
  const answer = approval.when ? approval.when.answer(call) : true
  const result = answer === 'unknown' ? answer : answer === false ? 'holds' : 'asks'
  return [{ rule: `${rule.name}.approval`, expected, result }]
}

export function shown(text: string): string {
  return text.length <= MAX_READ ? text : `${text.slice(0, MAX_READ)}… (${text.length} characters)`
}
