/** Budgets that load, and yet are hardly meant: nothing can take from them, or an argument that they read may be left out. */
import { globsOverlap } from '../expression/glob.ts'
import type { BudgetSource } from '../model/budget.ts'
import type { Problems } from '../model/document.ts'
import { isList, isObject, member } from '../model/json.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import { inputSchema, type ToolDefinition } from '../model/tool.ts'
import type { PreparedBudget } from './budget.ts'

/** A budget that names no granted tool limits nothing. */
export function warnOfDeadBudgets(
  budgets: NonNullable<Mandate['budgets']>,
  grants: readonly Grant[],
  problems: Problems,
): void {
  const tools = grants.filter(({ kind }) => kind === 'tool')
  for (const { name, place, of } of budgets) {
    const dead = (of ?? [{ server: '*', name: '**', place }]).filter(
      (target) => !tools.some((grant) => meet(target, grant)),
    )
    for (const target of dead) {
      const message =
        of === undefined
          ? `\`${name}\` counts nothing: the mandate grants no tool`
          : `\`${name}\` counts \`${target.server}/${target.name}\`, and no grant names such a tool`
      problems.warning(target, 'dead_budget', message, 'name a tool that is granted, or remove it')
    }
  }
}

/** A tool that pays, and no amount that limits how much. `others`: budgets of policies in force that may be about it. */
export function warnOfUnlimited(
  { grants, budgets = [] }: Pick<Mandate, 'grants' | 'budgets'>,
  others: readonly BudgetSource[],
  problems: Problems,
): void {
  const amounts = [...budgets, ...others].filter(({ amount }) => amount !== undefined)
  for (const grant of grants) {
    if (grant.kind !== 'tool' || grant.effect !== 'pay') continue
    if (amounts.some(({ of }) => !of || of.some((target) => meet(target, grant)))) continue
    const message = `\`${grant.rule}\` pays, and nothing limits how much in all`
    const remedy = 'add a budget: `{ id: eur, amount: args.amount, scale: 2, limit: …, per: day }`'
    problems.warning(grant, 'pay_without_budget', message, remedy)
  }
}

type Named = Pick<Grant, 'server' | 'name'>

function meet(one: Named, other: Named): boolean {
  return (
    globsOverlap(one.server, other.server, 'server') && globsOverlap(one.name, other.name, 'tool')
  )
}

/** An amount that need not be there: a call without it is denied, which is hardly meant. */
export function warnOfOptional(
  budgets: readonly PreparedBudget[],
  tool: ToolDefinition,
  problems: Problems,
): void {
  const schema = inputSchema(tool)
  const properties = member(schema, 'properties')
  const required = member(schema, 'required')
  if (!isObject(properties)) return
  const optional = Object.keys(properties).filter(
    (name) => !isList(required) || !required.includes(name),
  )
  for (const { source } of budgets.filter(({ names }) => names(tool.server, tool.name)))
    for (const name of optional) warnIfRead(source, name, tool, problems)
}

function warnIfRead(
  { name: budget, amount }: BudgetSource,
  argument: string,
  { server, name }: ToolDefinition,
  problems: Problems,
): void {
  const text = amount?.kind === 'scalar' ? String(amount.value) : ''
  const read = `args.${argument}`
  const words: readonly string[] = text.match(/[\w.]+/g) ?? []
  const reads = words.some((word) => word === read || word.startsWith(`${read}.`))
  if (!amount || !reads || text.includes(`has(${read})`)) return
  const message = `\`${budget}\` reads \`${argument}\`, which \`${server}/${name}\` need not be given: without it the call is denied`
  const remedy = `say what is taken then: \`has(${read}) ? ${read} : 0\``
  problems.warning(amount, 'optional_without_has', message, remedy)
}
