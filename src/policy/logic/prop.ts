/**
 * A condition as far as it can be reasoned about: tests of single values, joined by and, or, not. What it asks
 * otherwise stays open: it may be true, false or a fault, and is the same wherever the same text asks it.
 */
import { parseWindow } from '../../expression/window.ts'
import { zoneOf } from '../../expression/zone.ts'
import { type Expr, exprText, parts } from '../../expression/syntax.ts'
import { ENVIRONMENTS, RISK_POSTURES } from '../../model/call.ts'
import { type Instant, instant } from '../../model/id.ts'
import { isList, type Json } from '../../model/json.ts'
import {
  compared,
  isAmong,
  type Kind,
  MISSING,
  type Sample,
  type Term,
  type Truth,
} from './sample.ts'

export type Prop =
  | { readonly kind: 'fixed'; readonly value: Truth }
  | { readonly kind: 'not'; readonly of: Prop }
  | { readonly kind: 'and' | 'or'; readonly left: Prop; readonly right: Prop }
  | { readonly kind: 'choice'; readonly test: Prop; readonly yes: Prop; readonly no: Prop }
  /** Undefined: the sample does not say, the open question under this key does. */
  | {
      readonly kind: 'test'
      readonly term: string
      readonly holds: (value: Sample) => Truth | undefined
      readonly open?: string
    }
  | { readonly kind: 'open'; readonly key: string }

/** What the names in a condition stand for. */
export interface NameScope {
  readonly sets: ReadonlyMap<string, readonly (string | number | boolean)[]>
  readonly timezone?: string
}

/** What several conditions read, so that they are asked about the same values. */
export class Terms {
  readonly terms: Map<string, Term> = new Map()
  /** Open questions, and what each may come to. */
  readonly open: Map<string, readonly Truth[]> = new Map()

  term(key: string, kind: Kind, faulty: boolean, values: readonly Json[] = []): Term {
    const known = this.terms.get(key)
    if (known) return known
    const made: Term = { key, kind, faulty, compared: new Set(), ordered: false, values }
    this.terms.set(key, made)
    return made
  }

  ask(key: string, may: readonly Truth[]): void {
    this.open.set(key, may)
  }
}

const ANYTHING: readonly Truth[] = [true, false, 'error']
const YES_OR_NO: readonly Truth[] = [true, false]

export function propOf(expr: Expr, scope: NameScope, terms: Terms): Prop {
  const of = (inner: Expr): Prop => propOf(inner, scope, terms)
  switch (expr.kind) {
    case 'literal':
      return { kind: 'fixed', value: typeof expr.value === 'boolean' ? expr.value : 'error' }
    case 'not':
      return { kind: 'not', of: of(expr.of) }
    case 'and':
    case 'or':
      return { kind: expr.kind, left: of(expr.left), right: of(expr.right) }
    case 'choice':
      return { kind: 'choice', test: of(expr.test), yes: of(expr.yes), no: of(expr.no) }
    case 'has': {
      const term = termOf({ ...expr, kind: 'member' }, terms)
      if (!term) return open(expr, scope, terms)
      return { kind: 'test', term: term.key, holds: (value) => value !== MISSING }
    }
    case 'binary':
      return binary(expr, scope, terms) ?? open(expr, scope, terms)
    case 'call':
      return call(expr, scope, terms) ?? open(expr, scope, terms)
    default:
      return plainTest(expr, terms) ?? open(expr, scope, terms)
  }
}

/** The same text asks something else where a set of that name, or the time zone, is another. */
function open(expr: Expr, scope: NameScope, terms: Terms): Prop {
  const text = exprText(expr)
  const sets = setsIn(expr).map((name) => [name, scope.sets.get(name) ?? []])
  const zone = text.includes('within(') ? scope.timezone : undefined
  const key = sets.length === 0 && zone === undefined ? text : JSON.stringify([text, sets, zone])
  terms.ask(key, ANYTHING)
  return { kind: 'open', key }
}

/** The sets that an expression reads, in the order of their names. */
export function setsIn(expr: Expr): readonly string[] {
  const own =
    expr.kind === 'member' && expr.of.kind === 'name' && expr.of.name === 'sets' ? [expr.name] : []
  return [...new Set([...own, ...parts(expr).flatMap(setsIn)])].toSorted()
}

/** A boolean argument alone. */
function plainTest(expr: Expr, terms: Terms): Prop | undefined {
  const term = termOf(expr, terms)
  if (!term) return undefined
  term.compared.add(true)
  const holds = (value: Sample): Truth => (typeof value === 'boolean' ? value : 'error')
  return { kind: 'test', term: term.key, holds }
}

type Binary = Extract<Expr, { kind: 'binary' }>

const TURNED = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '==': '==', '!=': '!=' } as const

function binary(expr: Binary, scope: NameScope, terms: Terms): Prop | undefined {
  const { operator, left, right } = expr
  if (operator === 'in') return membership(expr, scope, terms)
  if (!isComparison(operator)) return undefined
  const right0 = constantOf(right, scope)
  const left0 = constantOf(left, scope)
  if (left0 !== undefined && right0 !== undefined)
    return { kind: 'fixed', value: isList(left0) ? 'error' : compared(left0, operator, right0) }
  const constant = right0 ?? left0
  if (constant === undefined || isList(constant)) return undefined
  const term = termOf(right0 === undefined ? right : left, terms)
  if (!term) return undefined
  term.compared.add(constant)
  if (operator !== '==' && operator !== '!=' && typeof constant === 'string') term.ordered = true
  const turned = right0 === undefined ? TURNED[operator] : operator
  return { kind: 'test', term: term.key, holds: (value) => compared(value, turned, constant) }
}

function isComparison(operator: string): operator is keyof typeof TURNED {
  return Object.hasOwn(TURNED, operator)
}

function membership({ left, right }: Binary, scope: NameScope, terms: Terms): Prop | undefined {
  const list = constantOf(right, scope)
  const term = list === undefined ? undefined : termOf(left, terms)
  if (term && isList(list) && list.every((one) => typeof one !== 'object')) {
    for (const one of list) term.compared.add(one)
    return { kind: 'test', term: term.key, holds: (value) => isAmong(value, list) }
  }
  const labels = right.kind === 'member' && exprText(right) === 'session.labels'
  if (!labels || left.kind !== 'literal') return undefined
  const key = labelKey(String(left.value))
  terms.ask(key, YES_OR_NO)
  return { kind: 'open', key }
}

/** The question whether a label is on the session. */
export function labelKey(label: string): string {
  return `${JSON.stringify(label)} in session.labels`
}

/** The value that is written in the condition, or stands in a set; undefined where it is neither. */
function constantOf(expr: Expr, { sets }: NameScope): Json | undefined {
  if (expr.kind === 'literal') return expr.value
  if (expr.kind === 'minus' && expr.of.kind === 'literal' && typeof expr.of.value === 'number')
    return -expr.of.value
  if (expr.kind === 'member' && expr.of.kind === 'name' && expr.of.name === 'sets')
    return sets.get(expr.name)
  if (expr.kind !== 'list') return undefined
  const items = expr.items.map((item) => constantOf(item, { sets }))
  const known = items.filter((item) => item !== undefined)
  return known.length === items.length ? known : undefined
}

const TEXTS: ReadonlyMap<string, boolean> = new Map([
  ['agent', false],
  ['server', false],
  ['tool', false],
  ['mandate', true],
  ['owner', true],
  ['purpose', true],
  ['purposeRef', true],
])

/** What is read, where that is one thing; the path is that of an argument. */
function termOf(expr: Expr, terms: Terms): Term | undefined {
  if (expr.kind === 'name') {
    if (expr.name === 'environment') return terms.term('environment', 'fixed', false, ENVIRONMENTS)
    if (expr.name === 'risk') return terms.term('risk', 'fixed', false, RISK_POSTURES)
    const faulty = TEXTS.get(expr.name)
    return faulty === undefined ? undefined : terms.term(expr.name, 'text', faulty)
  }
  const path = argumentPath(expr)
  if (path) return terms.term(argumentKey(path), 'any', true)
  return expr.kind === 'call' ? callTerm(expr, terms) : undefined
}

/** The steps below `args`; undefined for what is read of anything else. */
export function argumentPath(expr: Expr): readonly string[] | undefined {
  const step =
    expr.kind === 'member'
      ? expr.name
      : expr.kind === 'index' && expr.at.kind === 'literal' && typeof expr.at.value === 'string'
        ? expr.at.value
        : undefined
  if (step === undefined || (expr.kind !== 'member' && expr.kind !== 'index')) return undefined
  if (expr.of.kind === 'name') return expr.of.name === 'args' ? [step] : undefined
  const before = argumentPath(expr.of)
  return before && [...before, step]
}

/** How the term of an argument is called. */
export function argumentKey(path: readonly string[]): string {
  return `args ${JSON.stringify(path)}`
}

type Call = Extract<Expr, { kind: 'call' }>

const CLOCK: Readonly<Record<string, readonly [least: number, most: number]>> = {
  getMonth: [0, 11],
  getDate: [1, 31],
  getDayOfMonth: [0, 30],
  getDayOfWeek: [0, 6],
  getHours: [0, 23],
  getMinutes: [0, 59],
  getSeconds: [0, 59],
}

function callTerm(expr: Call, terms: Terms): Term | undefined {
  const key = exprText(expr)
  const { name, target, args } = expr
  if (target?.kind === 'name' && target.name === 'session')
    return name === 'calls' || name === 'completed' ? terms.term(key, 'count', true) : undefined
  const range = Object.hasOwn(CLOCK, name) ? CLOCK[name] : undefined
  if (range && target?.kind === 'name' && target.name === 'now') {
    const [least, most] = range
    const values = Array.from({ length: most - least + 1 }, (_, at) => least + at)
    return terms.term(key, 'fixed', false, values)
  }
  const [only] = target ? [target, ...args] : args
  if (!only || !argumentPath(only)) return undefined
  if (name === 'size') return terms.term(`size(${exprText(only)})`, 'count', true)
  return name === 'domain' || name === 'host' ? terms.term(key, 'text', true) : undefined
}

const TEXT_TESTS: Readonly<Record<string, (text: string, other: string) => boolean>> = {
  startsWith: (text, other) => text.startsWith(other),
  endsWith: (text, other) => text.endsWith(other),
  contains: (text, other) => text.includes(other),
}

function call(expr: Call, scope: NameScope, terms: Terms): Prop | undefined {
  const { name, target, args } = expr
  if (name === 'within') return windowTest(expr, scope, terms)
  const test = Object.hasOwn(TEXT_TESTS, name) ? TEXT_TESTS[name] : undefined
  const [first] = args
  const other =
    first?.kind === 'literal' && typeof first.value === 'string' ? first.value : undefined
  const term = test && target && other !== undefined ? termOf(target, terms) : undefined
  if (!test || !term || other === undefined) return undefined
  const key = exprText(expr)
  terms.ask(key, YES_OR_NO)
  // Of the texts that are compared with, it is known; of all others it is not.
  term.compared.add(test === TEXT_TESTS['contains'] ? `${other} ${other}` : other)
  const holds = (value: Sample): Truth | undefined => {
    if (typeof value !== 'string') return 'error'
    return term.compared.has(value) ? test(value, other) : undefined
  }
  return { kind: 'test', term: term.key, holds, open: key }
}

/** A Monday, in a week in which few clocks change. */
const MONDAY = Date.UTC(2026, 10, 16)
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** Windows in one zone: of the week, one instant before and after each minute at which one of them begins or ends. */
function windowTest(expr: Call, scope: NameScope, terms: Terms): Prop | undefined {
  const [time, days, named] = expr.args
  if (time?.kind !== 'name' || time.name !== 'now') return undefined
  if (days?.kind !== 'literal' || typeof days.value !== 'string') return undefined
  const zone = named?.kind === 'literal' ? named.value : scope.timezone
  const clock = typeof zone === 'string' ? zoneOf(zone) : undefined
  const window = clock && parseWindow(days.value, clock.name)
  if (!clock || !window || 'problem' in window) return undefined
  const term = terms.term(windowKey(clock.name), 'time', false)
  for (const one of weekOf(days.value, clock.offset)) term.compared.add(one)
  const holds = (value: Sample): Truth =>
    typeof value === 'number' ? window.includes(instant(value)) : 'error'
  return { kind: 'test', term: term.key, holds }
}

export function windowKey(zone: string): string {
  return `now in ${zone}`
}

function weekOf(days: string, offset: (at: Instant) => number): readonly number[] {
  const times = ['00:00', ...(days.match(/\d\d:\d\d/g) ?? [])]
  const minutes = new Set(times.map((one) => Number(one.slice(0, 2)) * 60 + Number(one.slice(3))))
  return [...minutes].flatMap((minute) =>
    [0, 1, 2, 3, 4, 5, 6].map((day) => {
      const local = MONDAY + day * DAY_MS + minute * MINUTE_MS
      return local - offset(instant(local))
    }),
  )
}
