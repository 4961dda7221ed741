/** The macros `all`, `exists` and `exists_one`, over lists only. */
import { isList, type Json } from '../model/json.ts'
import { type Building, flaw, mismatch } from './building.ts'
import { isListType } from './operators.ts'
import { booleanOf, charge, spent, type Frame, type Run, type Typed, type Value } from './run.ts'
import { type Expr, type MacroName, weight } from './syntax.ts'
import { BOOL, fits, itemOf, kindsText } from './typing.ts'

type Macro = Extract<Expr, { kind: 'macro' }>

/** Longest list that a macro walks. */
const MAX_LIST = 1000
const MAX_NESTING = 2

const TOO_LONG = Symbol(`a list is longer than ${MAX_LIST}`)
const NO_LIST = Symbol('a macro is given no list')

export function buildMacro(expr: Macro, building: Building): Typed | undefined {
  const list = building.build(expr.list, building)
  if (building.depth >= MAX_NESTING)
    return flaw(building, expr, 'outside_profile', [
      `macros nest at most ${MAX_NESTING} deep`,
      'split the condition into several rules',
    ])
  if (building.names.has(expr.variable) || building.scope.spaces.has(expr.variable))
    return flaw(building, expr, 'name_taken', [
      `\`${expr.variable}\` already names something else`,
      'choose another name for the element',
    ])
  if (!list) return undefined
  if (!isListType(list.type))
    return mismatch(
      building,
      expr.list,
      `\`${expr.macro}\` needs a list that the schema declares`,
      list.type,
    )
  const nested = building.depth > 0
  const item = variable(expr, itemOf(list.type), nested)
  const test = building.build(expr.test, {
    ...building,
    names: new Map([...building.names, [expr.variable, item]]),
    depth: building.depth + 1,
  })
  if (!test) return undefined
  if ((test.type.kinds & BOOL.kinds) === 0)
    return mismatch(building, expr.test, `\`${expr.macro}\` needs a condition`, test.type)
  return { type: BOOL, run: walk(expr, list.run, { nested, test: test.run }) }
}

/** The element under its name; one that is not of the kind declared is a fault. */
function variable(expr: Macro, type: Typed['type'], nested: boolean): Typed {
  const unfit = Symbol(`\`${expr.variable}\` is not ${kindsText(type.kinds)}`)
  const run: Run = nested
    ? (frame) => (fits(frame.inner, type.kinds) ? frame.inner : unfit)
    : (frame) => (fits(frame.outer, type.kinds) ? frame.outer : unfit)
  return { type, run }
}

function walk(expr: Macro, list: Run, body: { readonly nested: boolean; readonly test: Run }): Run {
  const cost = weight(expr.test)
  const decide = DECIDE[expr.macro]
  return (frame) => {
    const items = list(frame)
    if (typeof items === 'symbol') return items
    if (!isList(items)) return NO_LIST
    if (items.length > MAX_LIST) return TOO_LONG
    return charge(frame, items.length * cost) ?? decide(items, body, frame)
  }
}

type Decide = (
  items: readonly Json[],
  body: { readonly nested: boolean; readonly test: Run },
  frame: Frame,
) => Value

function answer(
  item: Json,
  body: { readonly nested: boolean; readonly test: Run },
  frame: Frame,
): boolean | symbol {
  if (body.nested) frame.inner = item
  else frame.outer = item
  return booleanOf(body.test(frame))
}

/** CEL: one element that decides makes faults elsewhere irrelevant for `all` and `exists`, not for `exists_one`. */
const DECIDE: Readonly<Record<MacroName, Decide>> = {
  all: untilOneIs(false),
  exists: untilOneIs(true),
  exists_one: (items, body, frame) => {
    let count = 0
    for (const item of items) {
      const holds = answer(item, body, frame)
      if (typeof holds === 'symbol') return holds
      if (holds) count += 1
    }
    return count === 1
  },
}

function untilOneIs(decisive: boolean): Decide {
  return (items, body, frame) => {
    let fault: symbol | undefined
    for (const item of items) {
      const holds = answer(item, body, frame)
      if (holds === decisive) return decisive
      if (typeof holds !== 'symbol') continue
      const over = spent(frame)
      if (over) return over
      fault ??= holds
    }
    return fault ?? !decisive
  }
}
