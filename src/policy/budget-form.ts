/** Parses the `budgets` of a policy: those of mandates, with the selectors that rules have. */
import { type Members, membersOf, namesOf, wordOf, wordsOf } from '../document/form.ts'
import { BUDGET_MEMBERS, type BudgetScope, parseBudget } from '../mandate/budget-form.ts'
import { EFFECT_CLASSES, ENVIRONMENTS } from '../model/call.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { POLICY_MODES, type PolicyMode } from '../model/policy.ts'
import type { BudgetShare } from '../model/state.ts'
import { itemsOf } from './form.ts'
import type { PolicyBudget } from './language.ts'
import { patternsOf } from './target.ts'

const MEMBERS = [...BUDGET_MEMBERS, 'mode', 'effects', 'data', 'agents', 'purposes', 'environments']
const SHARES: readonly BudgetShare[] = ['agent', 'mandate', 'session', 'principal', 'everyone']

interface Policy {
  readonly name: string
  readonly mode: PolicyMode
  readonly timezone?: string
}

export function parsePolicyBudgets(
  node: DocNode | undefined,
  policy: Policy,
  problems: Problems,
): readonly PolicyBudget[] {
  const prefix = `${policy.name}#`
  const scope: BudgetScope = {
    prefix,
    counter: prefix,
    shares: SHARES,
    timezone: policy.timezone ?? 'UTC',
  }
  return itemsOf(node, problems).flatMap((item) => {
    const members = membersOf(item, MEMBERS, problems)
    const budget = members && parseBudget(item, members, scope, problems)
    const mode = wordOf(members?.get('mode'), POLICY_MODES, problems) ?? 'enforce'
    const selected = members && parseSelectors(members, problems)
    if (!budget || !selected) return []
    // A policy that is in shadow has no budget that is not.
    return [{ ...budget, mode: policy.mode === 'shadow' ? 'shadow' : mode, ...selected }]
  })
}

type Selectors = Pick<PolicyBudget, 'effects' | 'data' | 'agents' | 'purposes' | 'environments'>

function parseSelectors(members: Members, problems: Problems): Selectors {
  return {
    effects: wordsOf(members.get('effects'), EFFECT_CLASSES, problems) ?? [],
    data: namesOf(members.get('data'), problems) ?? [],
    agents: patternsOf(members.get('agents'), 'tool', problems),
    purposes: patternsOf(members.get('purposes'), 'tool', problems),
    environments: wordsOf(members.get('environments'), ENVIRONMENTS, problems) ?? [],
  }
}
