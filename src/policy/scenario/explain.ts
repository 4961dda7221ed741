/** What each rule made of a call, with the values that it read. */
import type { Conjunct } from '../../model/decision.ts'
import type { Place } from '../../model/document.ts'
import type { PolicyMode, RuleEffect } from '../../model/policy.ts'
import { member } from '../../model/json.ts'
import type { CompiledRule } from '../rule.ts'
import type { Tried } from './bench.ts'

export interface RuleRow {
  readonly rule: string
  readonly place: Place
  readonly effect: RuleEffect
  readonly mode: PolicyMode
  readonly matched: boolean | 'error'
  /** `when`, `unless` and the arguments of `unlessArgs`. */
  readonly conjuncts: readonly Conjunct[]
}

export function rowsOf(tried: Tried): readonly RuleRow[] {
  return tried.examined.map(({ rule, matched }) => {
    const { name, place, effect, mode } = rule.source
    return { rule: name, place, effect, mode, matched, conjuncts: conjunctsOf(rule, tried) }
  })
}

function conjunctsOf({ when, unless, exempt }: CompiledRule, { call }: Tried): readonly Conjunct[] {
  const exempting = (exempt?.constraints ?? []).flatMap((constraint, at) => {
    const name = exempt?.names[at] ?? ''
    return constraint.explain(member(call.args, name), `unlessArgs.${name}`)
  })
  const other = Object.keys(call.args).find((name) => exempt?.closed?.has(name) === false)
  const closed: readonly Conjunct[] =
    other === undefined
      ? []
      : [
          {
            rule: 'unlessArgs',
            expected: 'no other argument is given',
            read: other,
            result: 'fails',
          },
        ]
  return [
    ...(when?.explain(call, 'when') ?? []),
    ...(unless?.explain(call, 'unless') ?? []),
    ...exempting,
    ...closed,
  ]
}
