/** Amounts: what a call takes from a budget, in CEL under the profile of conditions. */
import type { CallContext } from '../model/call.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { build } from './build.ts'
import type { Asked, Building } from './building.ts'
import { parseCondition, readText, report, runSafely, WHOLE } from './condition.ts'
import { type ConditionScope, scopeOf } from './names-in-scope.ts'
import type { Run } from './run.ts'
import type { Expr, Flaw } from './syntax.ts'
import { kindsText, NUMBER } from './typing.ts'

export interface Amount {
  readonly source: string
  readonly expr: Expr
  /** Argument paths that it reads: `amount`, `order.total`. */
  readonly reads: readonly string[]
  /** Any number whatever; a symbol says why there is none. */
  readonly value: (call: CallContext) => number | symbol
  /** What it read, for people: `args.amount = 120.5`. */
  readonly read: (call: CallContext) => string
}

/** Compiles an amount; undefined when a problem was reported. Of the past it may ask nothing. */
export function compileAmount(
  node: DocNode,
  scope: ConditionScope,
  problems: Problems,
): Amount | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    const remedy = 'name what is counted, such as `args.amount`'
    problems.error(node, 'wrong_type', `\`${node.path}\` must be an expression`, remedy)
    return undefined
  }
  const source = node.value
  const expr = parseCondition(source)
  if (!('kind' in expr)) {
    const message = expr.start === WHOLE ? `\`${node.path}\` ${expr.message}` : expr.message
    report({ ...expr, message }, 'error', node, problems)
    return undefined
  }
  const names = scopeOf(scope)
  const flaws: Flaw[] = []
  const doubts: Flaw[] = []
  const reads = new Map<string, readonly string[]>()
  const asks = new Map<string, Asked>()
  const within = { scope: names, names: names.names, depth: 0 }
  const building: Building = { ...within, flaws, doubts, reads, asks, build }
  const built = build(expr, building)
  if (built && (built.type.kinds & NUMBER) === 0)
    flaws.push({
      id: 'not_a_number',
      start: expr.start,
      message: `an amount must be a number, found ${kindsText(built.type.kinds)}`,
      remedy: 'name an argument that is a number, such as `args.amount`',
    })
  if (asks.size > 0)
    flaws.push({
      id: 'history_in_amount',
      start: expr.start,
      message: 'an amount cannot ask for what was called before',
      remedy: 'count calls with a budget that has no `amount`',
    })
  for (const doubt of doubts) report(doubt, 'warning', node, problems)
  for (const flaw of flaws) report(flaw, 'error', node, problems)
  if (!built || flaws.length > 0) return undefined
  const paths = [...reads.values()]
  return {
    source,
    expr,
    reads: paths.filter(([first]) => first === 'args').map((path) => path.slice(1).join('.')),
    value: (call) => numberOf(built.run, call),
    read: (call) => paths.map((path) => readText(path, names, call)).join(', '),
  }
}

const NO_NUMBER = Symbol('the amount is no number')

function numberOf(run: Run, call: CallContext): number | symbol {
  const value = runSafely(run, call)
  return typeof value === 'number' || typeof value === 'symbol' ? value : NO_NUMBER
}
