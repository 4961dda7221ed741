/** Two sets of policies compared: what widened, what narrowed, and what cannot be told. Pure. */
import { budgetChanges } from './budgets.ts'
import type { Direction, PolicyChange } from './change.ts'
import { classificationChanges, engineChanges, labelChanges, setChanges } from './others.ts'
import { ruleChanges } from './rules.ts'
import type { DiffSide } from './version.ts'

export function diffPolicies(before: DiffSide, after: DiffSide): readonly PolicyChange[] {
  return [
    ...ruleChanges(before, after),
    ...budgetChanges(before, after),
    ...engineChanges(before, after),
    ...labelChanges(before, after),
    ...classificationChanges(before, after),
    ...setChanges(before, after),
  ]
}

/** How many changes there are of each direction. */
export function countsOf(changes: readonly PolicyChange[]): Readonly<Record<Direction, number>> {
  const of = (direction: Direction): number =>
    changes.filter((one) => one.direction === direction).length
  return {
    widened: of('widened'),
    narrowed: of('narrowed'),
    unclear: of('unclear'),
    none: of('none'),
  }
}
