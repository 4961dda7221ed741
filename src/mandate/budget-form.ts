/** Parses the `budgets` of a mandate or a policy: limits on calls, or on amounts that calls name. */
import {
  listOf,
  type Members,
  membersOf,
  nameOf,
  required,
  textOf,
  wordOf,
  wrongType,
} from '../document/form.ts'
import { zoneOf } from '../expression/zone.ts'
import type { BudgetSource, BudgetTarget } from '../model/budget.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { minorUnits, MOST_PLACES } from '../model/minor-units.ts'
import { BUDGET_PERIODS, type BudgetPeriod, type BudgetShare } from '../model/state.ts'
import { parseTarget } from './grant.ts'
import { emptyBudget } from './limit.ts'

export const BUDGET_MEMBERS: readonly string[] = [
  'id',
  'limit',
  'per',
  'of',
  'amount',
  'scale',
  'each',
  'timezone',
]

/** What is not the same in mandates and policies. */
export interface BudgetScope {
  /** Stands before the id in the budget's name: `budgets.`, `acme-guardrails#`. */
  readonly prefix: string
  /** Stands before the id in the name of its counter. */
  readonly counter: string
  /** Whose calls may count together; the first where nothing is said. */
  readonly shares: readonly BudgetShare[]
  readonly timezone: string
  /** Checks an amount as far as that goes without a tool. */
  readonly checkAmount?: (node: DocNode, problems: Problems) => void
}

const MANDATE_SHARES: readonly BudgetShare[] = ['mandate', 'session', 'agent', 'principal']

/** The `budgets` of a mandate. */
export function parseBudgets(
  node: DocNode | undefined,
  checkAmount: NonNullable<BudgetScope['checkAmount']>,
  problems: Problems,
): readonly BudgetSource[] {
  const scope: BudgetScope = {
    prefix: 'budgets.',
    counter: '',
    shares: MANDATE_SHARES,
    timezone: 'UTC',
    checkAmount,
  }
  const all = ((node && listOf(node, problems))?.items ?? []).flatMap((item) => {
    const members = membersOf(item, BUDGET_MEMBERS, problems)
    return (members && parseBudget(item, members, scope, problems)) ?? []
  })
  refuseSameIds(all, problems)
  return all
}

export function refuseSameIds(all: readonly BudgetSource[], problems: Problems): void {
  const known = new Map<string, BudgetSource>()
  for (const budget of all) {
    const before = known.get(budget.id)
    if (before) {
      const message = `the budget \`${budget.name}\` stands in line ${before.place.line} already`
      problems.error(budget, 'duplicate_budget', message, 'rename one of the two')
    }
    known.set(budget.id, budget)
  }
}

/** Undefined when a problem was reported. */
export function parseBudget(
  item: DocNode,
  members: Members,
  scope: BudgetScope,
  problems: Problems,
): BudgetSource | undefined {
  const need = (key: string, remedy: string): DocNode | undefined =>
    required(item, members, key, { problems, remedy })
  const id = idOf(need('id', 'name it: `id: calls`'), problems)
  const per = wordOf(
    need('per', `say how long it lasts: ${BUDGET_PERIODS.join(', ')}`),
    BUDGET_PERIODS,
    problems,
  )
  const each = wordOf(members.get('each'), scope.shares, problems) ?? scope.shares[0]
  const unit = parseUnit(members, scope, problems)
  const limit = limitOf(need('limit', 'say how much: `limit: 200`'), unit?.scale ?? 0, problems)
  const of = parseOf(members.get('of'), problems)
  const timezone = parseZone(members.get('timezone'), per, problems) ?? scope.timezone
  if (id === undefined || !per || !each || limit === undefined) return undefined
  return {
    id: `${scope.counter}${id}`,
    name: `${scope.prefix}${id}`,
    place: item.place,
    limit,
    per,
    each,
    ...unit,
    ...(of && { of }),
    timezone,
  }
}

const ID = /^[A-Za-z0-9][\w.-]{0,63}$/

/** It stands in the record, in refusals and on command lines. */
function idOf(node: DocNode | undefined, problems: Problems): string | undefined {
  const text = nameOf(node, problems)
  if (!node || text === undefined || ID.test(text)) return text
  const remedy = 'use letters, digits, `.`, `_` and `-`, at most 64'
  problems.error(node, 'invalid_name', `\`${text}\` is no name of a budget`, remedy)
  return undefined
}

/** What is counted: nothing is said where it is calls. */
function parseUnit(
  members: Members,
  { checkAmount }: BudgetScope,
  problems: Problems,
): Pick<BudgetSource, 'amount' | 'scale'> | undefined {
  const [amount, scaleNode] = [members.get('amount'), members.get('scale')]
  if (amount) {
    checkAmount?.(amount, problems)
    return { amount, scale: (scaleNode && scaleOf(scaleNode, problems)) ?? 0 }
  }
  if (scaleNode) {
    const remedy = 'say what is counted: `amount: args.amount`, or remove `scale`'
    problems.error(scaleNode, 'contradiction', '`scale` says nothing without `amount`', remedy)
  }
  return undefined
}

function scaleOf(node: DocNode, problems: Problems): number | undefined {
  const value = node.kind === 'scalar' ? node.value : undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_PLACES)
    return value
  const remedy = 'write 2 for euros and cents'
  return wrongType(node, `a whole number from 0 to ${MOST_PLACES}`, problems, remedy)
}

/** By the digits that are written: no limit is rounded. */
function limitOf(node: DocNode | undefined, scale: number, problems: Problems): number | undefined {
  if (!node) return undefined
  const remedy = 'write it as 200, or 20000.00 with `scale: 2`'
  if (node.kind !== 'scalar' || typeof node.value !== 'number')
    return wrongType(node, 'a number', problems, remedy)
  const units = minorUnits(node.source ?? String(node.value), scale)
  switch (units) {
    case 'no_decimal':
      return wrongType(node, 'a plain number that is not negative', problems, remedy)
    case 'too_precise': {
      const places = scale === 0 ? 'a whole number' : `at most ${scale} decimal places`
      const message = `\`${node.path}\` has more decimal places than are counted: ${places}`
      problems.error(node, 'too_precise', message, 'round it, or say `scale`')
      return undefined
    }
    case 'too_large':
      problems.error(node, 'too_large', `\`${node.path}\` cannot be counted exactly`, 'lower it')
      return undefined
    case 0:
      return emptyBudget(node, problems)
    default:
      return units
  }
}

function parseOf(
  node: DocNode | undefined,
  problems: Problems,
): readonly BudgetTarget[] | undefined {
  const list = node && listOf(node, problems)
  if (!list) return undefined
  if (list.items.length === 0)
    problems.error(list, 'empty_list', `\`${list.path}\` is an empty list`, 'name at least one')
  return list.items.flatMap((item) => {
    const text = nameOf(item, problems)
    const { place } = item
    if (text === '**') return [{ server: '*', name: '**', place }]
    const target = text !== undefined && parseTarget({ text, place }, 'tool', problems)
    return target ? [{ ...target, place }] : []
  })
}

function parseZone(
  node: DocNode | undefined,
  per: BudgetPeriod | undefined,
  problems: Problems,
): string | undefined {
  const zone = textOf(node, problems)
  if (!node || zone === undefined) return undefined
  if (per !== undefined && per !== 'day') {
    const message = `\`timezone\` says nothing of a budget per ${per}`
    problems.error(node, 'contradiction', message, 'remove it, or count per day')
  }
  if (zoneOf(zone)) return zone
  const remedy = 'name one like `Europe/Berlin`'
  problems.error(node, 'invalid_zone', `unknown time zone \`${zone}\``, remedy)
  return undefined
}
