/** Conditions with one mistake in them, of the kind that people make. */
import { parseCondition } from '../../expression/condition.ts'
import { type BinaryOperator, type Expr, exprText } from '../../expression/syntax.ts'

export interface Variant {
  readonly kind: string
  readonly text: string
}

interface Changed {
  readonly kind: string
  readonly expr: Expr
}

/** Each differs from the source in one thing. */
export function conditionVariants(source: string): readonly Variant[] {
  const expr = parseCondition(source)
  if (!('kind' in expr)) return []
  const own = exprText(expr)
  const all = [{ kind: 'negated', expr: not(expr) }, ...changes(expr)].map(
    ({ kind, expr: one }) => ({
      kind,
      text: exprText(one),
    }),
  )
  const different = all.filter(({ text }) => text !== own)
  return [...new Map(different.map((one) => [one.text, one])).values()]
}

function not(expr: Expr): Expr {
  return expr.kind === 'not' ? expr.of : { start: expr.start, end: expr.end, kind: 'not', of: expr }
}

function changes(expr: Expr): readonly Changed[] {
  return [...ownChanges(expr), ...innerChanges(expr)]
}

const BOUNDARY: Readonly<Partial<Record<BinaryOperator, BinaryOperator>>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
}
const OPPOSITE: Readonly<Partial<Record<BinaryOperator, BinaryOperator>>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '+': '-',
  '-': '+',
  '*': '/',
}

function ownChanges(expr: Expr): readonly Changed[] {
  switch (expr.kind) {
    case 'binary': {
      const { operator } = expr
      const [boundary, opposite] = [BOUNDARY[operator], OPPOSITE[operator]]
      return [
        ...(boundary ? [{ kind: 'boundary', expr: { ...expr, operator: boundary } }] : []),
        ...(opposite ? [{ kind: 'comparison', expr: { ...expr, operator: opposite } }] : []),
        ...(operator === 'in' ? [{ kind: 'comparison', expr: not(expr) }] : []),
      ]
    }
    case 'and':
    case 'or':
      return dropped(expr, expr.kind)
    case 'not':
      return [{ kind: 'negated', expr: expr.of }]
    case 'literal':
      return literals(expr)
    case 'list':
      if (expr.items.length < 2) return []
      return fewOf(expr.items.length).map((at) => ({
        kind: 'value_dropped',
        expr: { ...expr, items: expr.items.toSpliced(at, 1) },
      }))
    case 'macro': {
      const macro = expr.macro === 'all' ? 'exists' : 'all'
      return [{ kind: 'macro', expr: { ...expr, macro } }]
    }
    case 'choice':
      return [{ kind: 'choice', expr: { ...expr, yes: expr.no, no: expr.yes } }]
    case 'call':
      return callChanges(expr)
    default:
      return []
  }
}

/** Of a chain of `&&` or `||` each link once, wherever its parentheses are. */
function dropped(expr: Expr, kind: 'and' | 'or'): readonly Changed[] {
  const name = kind === 'and' ? 'conjunct_dropped' : 'disjunct_dropped'
  const links = chain(expr, kind)
  return links.flatMap((_, at) => {
    const [first, ...others] = links.toSpliced(at, 1)
    if (!first) return []
    const joined = others.reduce((left, right) => ({ ...span(expr), kind, left, right }), first)
    return [{ kind: name, expr: joined }]
  })
}

function chain(expr: Expr, kind: 'and' | 'or'): readonly Expr[] {
  return expr.kind === kind ? [...chain(expr.left, kind), ...chain(expr.right, kind)] : [expr]
}

function span({ start, end }: Expr): { readonly start: number; readonly end: number } {
  return { start, end }
}

function literals(expr: Extract<Expr, { kind: 'literal' }>): readonly Changed[] {
  const { value } = expr
  if (typeof value === 'boolean') return [{ kind: 'constant', expr: { ...expr, value: !value } }]
  if (typeof value !== 'number') return []
  return [value - 1, value + 1].map((one) => ({ kind: 'constant', expr: { ...expr, value: one } }))
}

/** The edges of a window, its days, and the time in which calls are counted. */
function callChanges(expr: Extract<Expr, { kind: 'call' }>): readonly Changed[] {
  const { name, target, args } = expr
  const ofSession = target?.kind === 'name' && target.name === 'session'
  if (ofSession && (name === 'calls' || name === 'completed') && args.length === 2)
    return [{ kind: 'window_dropped', expr: { ...expr, args: args.slice(0, 1) } }]
  const at = name === 'within' ? 1 : -1
  const window = args[at]
  if (window?.kind !== 'literal' || typeof window.value !== 'string') return []
  return windows(window.value).map((value) => ({
    kind: 'window',
    expr: { ...expr, args: args.with(at, { ...window, value }) },
  }))
}

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

function windows(text: string): readonly string[] {
  const found: string[] = []
  for (const { 0: time, index } of text.matchAll(/\d\d:\d\d/g)) {
    for (const step of [-1, 1]) {
      const minute = Number(time.slice(0, 2)) * 60 + Number(time.slice(3)) + step
      if (minute < 0 || minute > 1440) continue
      const [hours, minutes] = [Math.floor(minute / 60), minute % 60]
      const other = `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`
      found.push(text.slice(0, index) + other + text.slice(index + time.length))
    }
  }
  for (const { 0: day, index } of text.matchAll(/\b[A-Z][a-z]{2}\b/g)) {
    const at = DAYS.indexOf(day)
    const other = DAYS[(at + 1) % 7]
    if (at !== -1 && other) found.push(text.slice(0, index) + other + text.slice(index + 3))
  }
  return found
}

/** Of a long list the ends and the middle: its values are alike. */
export function fewOf(length: number): readonly number[] {
  if (length <= 6) return Array.from({ length }, (_, at) => at)
  return [0, Math.floor(length / 2), length - 1]
}

function innerChanges(expr: Expr): readonly Changed[] {
  const within = (part: Expr, put: (changed: Expr) => Expr): readonly Changed[] =>
    changes(part).map(({ kind, expr: one }) => ({ kind, expr: put(one) }))
  switch (expr.kind) {
    case 'and':
    case 'or':
      return chainChanges(expr)
    case 'binary':
      return [
        ...within(expr.left, (left) => ({ ...expr, left })),
        ...within(expr.right, (right) => ({ ...expr, right })),
      ]
    case 'not':
    case 'minus':
      return within(expr.of, (of) => ({ ...expr, of }))
    case 'macro':
      return [
        ...within(expr.list, (list) => ({ ...expr, list })),
        ...within(expr.test, (test) => ({ ...expr, test })),
      ]
    case 'choice':
      return [
        ...within(expr.test, (test) => ({ ...expr, test })),
        ...within(expr.yes, (yes) => ({ ...expr, yes })),
        ...within(expr.no, (no) => ({ ...expr, no })),
      ]
    case 'list':
      return expr.items.flatMap((item, at) =>
        within(item, (one) => ({ ...expr, items: expr.items.with(at, one) })),
      )
    case 'call':
      return expr.args.flatMap((arg, at) =>
        within(arg, (one) => ({ ...expr, args: expr.args.with(at, one) })),
      )
    default:
      return []
  }
}

function chainChanges(expr: Extract<Expr, { kind: 'and' | 'or' }>): readonly Changed[] {
  const inside = (part: Expr, put: (changed: Expr) => Expr): readonly Changed[] => {
    // What this chain as a whole has lost is told once, at its top.
    const found = part.kind === expr.kind ? innerChanges(part) : changes(part)
    return found.map(({ kind, expr: one }) => ({ kind, expr: put(one) }))
  }
  return [
    ...inside(expr.left, (left) => ({ ...expr, left })),
    ...inside(expr.right, (right) => ({ ...expr, right })),
  ]
}
