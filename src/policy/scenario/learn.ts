/** Learns from conditions what they compare: arguments with their values, labels, agents, times of the day. */
import { type Expr, parts } from '../../expression/syntax.ts'
import type { Json } from '../../model/json.ts'
import { itemsOfShape, memberOfShape, newShape, type Shape } from './shape.ts'

/** What conditions mention of everything that is no argument. */
export interface Mentioned {
  readonly labels: Set<string>
  /** By name: `agent`, `owner`, `purposeRef`, `purpose`. */
  readonly texts: Map<string, Set<string>>
  /** `09:00`, with the zone that it is said in. */
  readonly times: { readonly minute: number; readonly zone: string | undefined }[]
  /** Numbers that a count of past calls is compared with. */
  readonly counts: Set<number>
}

export function nothingMentioned(): Mentioned {
  return { labels: new Set(), texts: new Map(), times: [], counts: new Set() }
}

export interface Lesson {
  readonly args: Shape
  readonly mentioned: Mentioned
  readonly sets: ReadonlyMap<string, readonly Json[]>
  /** Zone of windows that name none. */
  readonly timezone?: string | undefined
}

/** Variables of macros stand for the elements of their list. */
type Variables = ReadonlyMap<string, Shape>

export function learn(expr: Expr, lesson: Lesson, variables: Variables = new Map()): void {
  if (expr.kind === 'macro') {
    const list = shapeOf(expr.list, lesson, variables)
    const items = list ? itemsOfShape(list) : newShape()
    learn(expr.test, lesson, new Map([...variables, [expr.variable, items]]))
    return
  }
  if (expr.kind === 'binary') compared(expr, lesson, variables)
  if (expr.kind === 'call') called(expr, lesson, variables)
  if (expr.kind === 'has') shapeOf({ ...expr, kind: 'member' }, lesson, variables)
  for (const part of parts(expr)) learn(part, lesson, variables)
}

function compared(
  expr: Extract<Expr, { kind: 'binary' }>,
  lesson: Lesson,
  variables: Variables,
): void {
  const { operator, left, right } = expr
  if (operator === 'in') {
    for (const value of valuesOf(right, lesson)) mention(left, value, lesson, variables)
    const [only] = valuesOf(left, lesson)
    if (only === undefined) return
    const list = shapeOf(right, lesson, variables)
    if (list) itemsOfShape(list).values.add(only)
    if (isMember(right, 'session', 'labels')) lesson.mentioned.labels.add(textOf(only))
    return
  }
  for (const [of, other] of [
    [left, right],
    [right, left],
  ] as const)
    for (const value of valuesOf(other, lesson)) mention(of, value, lesson, variables)
}

/** The value is one that `of` is compared with. */
function mention(of: Expr, value: Json, lesson: Lesson, variables: Variables): void {
  const shape = shapeOf(of, lesson, variables)
  if (shape) {
    for (const one of around(value)) shape.values.add(one)
    return
  }
  if (of.kind === 'name' && typeof value === 'string') {
    const { texts } = lesson.mentioned
    texts.set(of.name, (texts.get(of.name) ?? new Set()).add(value))
  }
  if (of.kind !== 'call') return
  const inner = of.target ?? of.args[0]
  const about = inner && shapeOf(inner, lesson, variables)
  if (about) derived(of.name, value, about)
  if (isHistory(of) && typeof value === 'number') lesson.mentioned.counts.add(value)
}

function isHistory({ name, target }: Extract<Expr, { kind: 'call' }>): boolean {
  return target?.kind === 'name' && target.name === 'session' && name !== 'calledWith'
}

/** `domain(args.to) == "acme.example"` says something of `args.to`. */
function derived(name: string, value: Json, shape: Shape): void {
  if (name === 'size' && typeof value === 'number') {
    shape.sizes.add(value)
    if (shape.items === undefined) shape.values.add('x'.repeat(Math.min(300, Math.max(0, value))))
  }
  if (name === 'domain') shape.values.add(`someone@${textOf(value)}`)
  if (name === 'host') shape.values.add(`https://${textOf(value)}/a`)
}

const HINTS: Readonly<Record<string, 'text' | 'email' | 'url' | 'time'>> = {
  domain: 'email',
  host: 'url',
  timestamp: 'time',
  startsWith: 'text',
  endsWith: 'text',
  contains: 'text',
  pattern: 'text',
}

function called(expr: Extract<Expr, { kind: 'call' }>, lesson: Lesson, variables: Variables): void {
  const { name, target, args } = expr
  const of = target ?? args[0]
  const shape = of && shapeOf(of, lesson, variables)
  const hint = HINTS[name]
  if (shape && hint) shape.hints.add(hint)
  if (shape && hint === 'text')
    for (const arg of args)
      for (const value of valuesOf(arg, lesson)) shape.values.add(value).add(`x${textOf(value)}x`)
  if (name !== 'within') return
  const [window, zone] = args.slice(1).flatMap((arg) => valuesOf(arg, lesson))
  for (const [, hour, minute] of textOf(window ?? '').matchAll(/(\d\d):(\d\d)/g))
    lesson.mentioned.times.push({
      minute: Number(hour) * 60 + Number(minute),
      zone: typeof zone === 'string' ? zone : lesson.timezone,
    })
}

/** The values of a literal, a list of them, or a set. */
function valuesOf(expr: Expr, lesson: Lesson): readonly Json[] {
  if (expr.kind === 'literal') return [expr.value]
  if (expr.kind === 'list') return expr.items.flatMap((item) => valuesOf(item, lesson))
  if (expr.kind === 'minus')
    return valuesOf(expr.of, lesson).map((value) => (typeof value === 'number' ? -value : value))
  const isSet = expr.kind === 'member' && expr.of.kind === 'name' && expr.of.name === 'sets'
  return isSet ? (lesson.sets.get(expr.name) ?? []) : []
}

function isMember(expr: Expr, of: string, name: string): boolean {
  return (
    expr.kind === 'member' && expr.of.kind === 'name' && expr.of.name === of && expr.name === name
  )
}

/** What is known of the argument, or part of one, that the expression reads. */
function shapeOf(expr: Expr, lesson: Lesson, variables: Variables): Shape | undefined {
  switch (expr.kind) {
    case 'name':
      return expr.name === 'args' ? lesson.args : variables.get(expr.name)
    case 'member': {
      const of = shapeOf(expr.of, lesson, variables)
      return of && memberOfShape(of, expr.name)
    }
    case 'index': {
      const of = shapeOf(expr.of, lesson, variables)
      const at = expr.at.kind === 'literal' ? expr.at.value : undefined
      if (!of) return undefined
      return typeof at === 'string' ? memberOfShape(of, at) : itemsOfShape(of)
    }
    default:
      return undefined
  }
}

function around(value: Json): readonly Json[] {
  return typeof value === 'number' ? [value - 1, value, value + 1] : [value]
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
