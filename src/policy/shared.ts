/**
 * Conditions and constraints of a policy set, each compiled once however often it is written: rules repeat themselves, and
 * what is shared stays in the processor's cache.
 */
import { type Amount, compileAmount } from '../expression/amount.ts'
import { type Condition, compileCondition, type ConditionScope } from '../expression/condition.ts'
import { type Constraint, parseConstraint } from '../expression/constraint.ts'
import { type DocNode, plain, Problems } from '../model/document.ts'
import { canonical } from '../model/json.ts'
import { type Sets, withSets } from './sets.ts'

export interface Shared {
  /** Undefined when a problem was reported. */
  condition(node: DocNode, timezone: string | undefined, problems: Problems): Condition | undefined
  constraint(node: DocNode, problems: Problems): Constraint | undefined
  amount(node: DocNode, timezone: string | undefined, problems: Problems): Amount | undefined
}

/** What constraints of policies may refer to: neither a purpose nor a context. */
const NO_CONSTANTS = { purpose: '', context: new Map<string, readonly string[]>() }

export function sharedAmong(sets: Sets): Shared {
  const conditions = new Map<string, Condition>()
  const constraints = new Map<string, Constraint>()
  const values = new Map([...sets].map(([name, one]) => [name, one.values]))
  const scopes = new Map<string | undefined, ConditionScope>()
  const scopeFor = (timezone: string | undefined): ConditionScope => {
    const known = scopes.get(timezone)
    if (known) return known
    const scope = { policy: { sets: values, ...(timezone !== undefined && { timezone }) } }
    scopes.set(timezone, scope)
    return scope
  }
  return {
    condition: (node, timezone, problems) =>
      remembered(conditions, `${timezone ?? ''}\n${textOf(node)}`, problems, (found) =>
        compileCondition(node, scopeFor(timezone), found),
      ),
    amount: (node, timezone, problems) => compileAmount(node, scopeFor(timezone), problems),
    constraint: (node, problems) => {
      const whole = withSets(node, sets, problems)
      return remembered(constraints, textOf(whole), problems, (found) =>
        parseConstraint(whole, NO_CONSTANTS, found),
      )
    },
  }
}

/** Only what is without fault: a problem is about the place where it stands. */
function remembered<T>(
  known: Map<string, T>,
  key: string,
  problems: Problems,
  make: (found: Problems) => T | undefined,
): T | undefined {
  const before = known.get(key)
  if (before) return before
  const found = new Problems()
  const made = make(found)
  for (const problem of found.list) problems.add(problem)
  if (made && found.list.length === 0) known.set(key, made)
  return made
}

function textOf(node: DocNode): string {
  return canonical(plain(node))
}
