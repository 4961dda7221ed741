/** Budgets compared: what a call may take, of how much, and which calls count. */
import { canonical } from '../../model/json.ts'
import { plain } from '../../model/document.ts'
import { limitText } from '../../mandate/budget-conjuncts.ts'
import type { PolicyBudget } from '../language.ts'
import type { Direction, PolicyChange } from './change.ts'
import { selectorChanges } from './selectors.ts'
import type { DiffSide } from './version.ts'

type Said = Pick<PolicyChange, 'direction' | 'message'>

export function budgetChanges(before: DiffSide, after: DiffSide): readonly PolicyChange[] {
  const [old, now] = [budgetsOf(before), budgetsOf(after)]
  return [...new Set([...old.keys(), ...now.keys()])].toSorted().flatMap((about) => {
    const [was, is] = [old.get(about), now.get(about)]
    const place = (is ?? was)?.place
    return changesOf(was, is).map((said): PolicyChange => ({
      kind: 'budget',
      about,
      ...said,
      ...(place && { place }),
    }))
  })
}

function budgetsOf({ policies }: DiffSide): ReadonlyMap<string, PolicyBudget> {
  return new Map(policies.budgets.map(({ source }) => [source.name, source]))
}

function changesOf(was: PolicyBudget | undefined, is: PolicyBudget | undefined): readonly Said[] {
  if (!was || !is) {
    const one = was ?? is
    if (!one) return []
    const how = is ? 'added' : 'removed'
    const shadow = one.mode === 'shadow'
    const message = `${how}${shadow ? ' in shadow' : ''}: ${limitText(one)}`
    return [{ direction: shadow ? 'none' : is ? 'narrowed' : 'widened', message }]
  }
  if (was.mode !== is.mode) {
    const message = is.mode === 'shadow' ? 'in shadow now: it takes nothing' : 'in force now'
    return [{ direction: is.mode === 'shadow' ? 'widened' : 'narrowed', message }]
  }
  const all = [...unitChanges(was, is), ...aboutChanges(was, is)]
  return is.mode === 'shadow' ? all.map((one) => ({ ...one, direction: 'none' as const })) : all
}

function unitChanges(was: PolicyBudget, is: PolicyBudget): readonly Said[] {
  const said = `it was ${limitText(was)}, now ${limitText(is)}`
  const counted = (one: PolicyBudget): string =>
    canonical([one.amount ? plain(one.amount) : null, one.scale ?? null])
  if (counted(was) !== counted(is)) {
    const [old, now] = [was, is].map(({ amount }) =>
      amount?.kind === 'scalar' ? `\`${String(amount.value)}\`` : 'calls',
    )
    const message =
      old === now
        ? `the decimal places changed, and what was counted before means something else: ${said}`
        : `it counted ${old ?? ''}, now ${now ?? ''}`
    return [{ direction: 'unclear', message }]
  }
  const period = was.per !== is.per || was.timezone !== is.timezone || was.each !== is.each
  if (period) return [{ direction: 'unclear', message: said }]
  if (was.limit === is.limit) return []
  const raised = is.limit > was.limit
  const direction: Direction = raised ? 'widened' : 'narrowed'
  return [{ direction, message: `${raised ? 'raised' : 'lowered'}: ${said}` }]
}

function aboutChanges(was: PolicyBudget, is: PolicyBudget): readonly Said[] {
  return selectorChanges(ruleLike(was), ruleLike(is)).map(({ direction, message }) => ({
    direction,
    message,
  }))
}

/** A budget as a rule that names the same: the more it is about, the less is permitted. */
function ruleLike(budget: PolicyBudget): Parameters<typeof selectorChanges>[0] {
  const { id, name, place, mode, of, effects, data, agents, purposes, environments } = budget
  const about = { effects, data, agents, purposes, environments }
  return {
    id,
    name,
    place,
    effect: 'forbid',
    mode,
    ...(of && { targets: of.map((target) => ({ kind: 'tool' as const, ...target })) }),
    ...about,
    risk: [],
    labels: [],
  }
}
