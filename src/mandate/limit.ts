/** The `limit` of a grant: `20 per hour` counts the calls of what the grant names. */
import { textOf, wrongType } from '../document/form.ts'
import type { BudgetSource } from '../model/budget.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { BUDGET_PERIODS } from '../model/state.ts'

const LIMIT = /^(\d{1,15}) per (\w+)$/

/** `rule`: the grant's name. Undefined when a problem was reported. */
export function parseLimit(
  node: DocNode | undefined,
  rule: string,
  problems: Problems,
): BudgetSource | undefined {
  const text = textOf(node, problems)
  if (!node || text === undefined) return undefined
  const [, digits = '', word = ''] = LIMIT.exec(text) ?? []
  const per = BUDGET_PERIODS.find((period) => period === word)
  const remedy = `write it as \`20 per hour\`: per ${BUDGET_PERIODS.join(', ')}`
  if (digits === '' || !per) return wrongType(node, 'a limit', problems, remedy)
  const limit = Number(digits)
  if (limit === 0) return emptyBudget(node, problems)
  const name = `${rule}.limit`
  return { id: name, name, place: node.place, limit, per, each: 'mandate', timezone: 'UTC' }
}

/** A limit of nothing is no limit: it says that something is not permitted, and that is said elsewhere. */
export function emptyBudget(node: DocNode, problems: Problems): undefined {
  const message = `\`${node.path}\` is 0: nothing could ever be taken`
  problems.error(node, 'empty_budget', message, 'name what is not permitted under `never` instead')
}
