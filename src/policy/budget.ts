/** A budget of a policy compiled: what it is about, for whom, and how much of it a call takes. */
import type { Amount } from '../expression/amount.ts'
import { Problems } from '../model/document.ts'
import type { PolicyBudget } from './language.ts'
import type { Selecting } from './rule.ts'
import type { Shared } from './shared.ts'
import { compileTarget, globOf } from './target.ts'

export interface CompiledBudget extends Selecting {
  readonly source: PolicyBudget
  readonly amount?: Amount
}

/** Undefined when a problem was reported. */
export function compileBudget(
  source: PolicyBudget,
  timezone: string | undefined,
  shared: Shared,
  problems: Problems,
): CompiledBudget | undefined {
  const found = new Problems()
  const amount = source.amount && shared.amount(source.amount, timezone, found)
  for (const problem of found.list) {
    const message = `in the budget \`${source.name}\`: ${problem.message}`
    const remedy = 'correct it here: docs/budgets.md shows how it is written'
    problems.add({ remedy, ...problem, message })
  }
  if (found.bad) return undefined
  return {
    source,
    targets: source.of?.map((target) => compileTarget({ kind: 'tool', ...target })),
    agents: source.agents.map((one) => globOf(one, 'tool')),
    purposes: source.purposes.map((one) => globOf(one, 'tool')),
    ...(amount && { amount }),
  }
}
