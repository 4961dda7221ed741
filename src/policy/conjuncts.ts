/** Rules as `explain` shows them: does each apply, and what did its conditions read? */
import type { CallContext } from '../model/call.ts'
import type { Conjunct } from '../model/decision.ts'
import { type CompiledRule, matches } from './rule.ts'

/** A rule with the words for it. */
export interface Told {
  readonly rule: CompiledRule
  readonly expected: string
}

const EXPECTED = {
  forbid: 'it does not forbid the call',
  require_approval: 'it asks for no approval',
  oblige: 'its duty can be met',
} as const

export function conditionsOf(rule: CompiledRule): Told {
  return { rule, expected: EXPECTED[rule.source.effect] }
}

/** One conjunct for each rule in force. */
export function policyConjuncts(told: readonly Told[], call: CallContext): readonly Conjunct[] {
  return told
    .filter(({ rule }) => rule.source.mode === 'enforce')
    .map(({ rule, expected }) => {
      const matched = matches(rule, call)
      const { effect, name, description } = rule.source
      const result =
        effect === 'oblige' || matched === false
          ? 'holds'
          : effect === 'require_approval'
            ? 'asks'
            : matched === 'error'
              ? 'error'
              : 'fails'
      return {
        rule: name,
        expected,
        result,
        ...(description !== undefined && { hint: description }),
      }
    })
}
