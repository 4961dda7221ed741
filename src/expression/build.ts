/** Compiles the tree of a condition to closures, and checks its types on the way. */
import { isList, isObject, type Json } from '../model/json.ts'
import { type Building, flaw, mismatch, suggestion } from './building.ts'
import { buildCall } from './functions.ts'
import { HISTORY_NAMES } from './history.ts'
import { buildMacro } from './macros.ts'
import type { Names } from './names-in-scope.ts'
import { buildBinary, buildMinus } from './operators.ts'
import { booleanOf, type Run, type Typed, type Value } from './run.ts'
import { type Expr, exprText } from './syntax.ts'
import {
  BOOL,
  DOUBLE,
  either,
  fits,
  INT,
  itemOf,
  KIND,
  kindOf,
  kindsText,
  type Type,
  UNDECLARED,
  UNKNOWN,
} from './typing.ts'

const NO_OBJECT = Symbol('a member is read of what is no object')
const NO_INDEX = Symbol('a list has no such element')

export function build(expr: Expr, building: Building): Typed | undefined {
  switch (expr.kind) {
    case 'literal':
      return literal(expr.value, expr.int)
    case 'name':
      return name(expr, building)
    case 'member':
      return memberOf(expr, building)
    case 'has':
      return has(expr, building)
    case 'index':
      return index(expr, building)
    case 'list':
      return list(expr, building)
    case 'call':
      return buildCall(expr, building)
    case 'macro':
      return buildMacro(expr, building)
    case 'binary':
      return buildBinary(expr, building)
    case 'minus':
      return buildMinus(expr, building)
    case 'not':
      return not(expr, building)
    case 'and':
    case 'or':
      return both(expr, building)
    case 'choice':
      return choice(expr, building)
  }
}

function literal(value: null | boolean | number | string, int: boolean): Typed {
  const type = typeof value === 'number' ? (int ? INT : DOUBLE) : { kinds: kindOf(value) }
  return { type, run: () => value, constant: value }
}

function name(expr: Extract<Expr, { kind: 'name' }>, building: Building): Typed | undefined {
  const found = building.names.get(expr.name)
  const { spaces } = building.scope
  if (expr.name === 'args' || spaces.has(expr.name))
    return flaw(building, expr, 'unknown_name', [
      `\`${expr.name}\` is no value of its own`,
      `read one of its members: \`${expr.name === 'session' ? 'session.labels' : `${expr.name}.name`}\``,
    ])
  if (found) {
    if (found.constant === undefined) noteRead(expr, building)
    return found
  }
  const ref = expr.name === 'purposeRef'
  return flaw(building, expr, 'unknown_name', [
    ref ? 'the purpose has no `ref`' : `unknown name \`${expr.name}\``,
    ref
      ? 'add `ref:` to the purpose, or do not read it'
      : suggestion(expr.name, [...building.names.keys(), 'session.labels']),
  ])
}

/** The steps of `args.a.b`, or undefined when the expression is no such path. */
function pathOf(expr: Expr): readonly string[] | undefined {
  if (expr.kind === 'name') return [expr.name]
  if (expr.kind !== 'member') return undefined
  const path = pathOf(expr.of)
  return path && [...path, expr.name]
}

/** Notes what is read of the call: not constants, nor the variables of macros. */
function noteRead(expr: Expr, building: Building): void {
  const path = pathOf(expr)
  const first = path?.[0] ?? ''
  if (!path || (!building.scope.names.has(first) && !building.scope.spaces.has(first))) return
  building.reads.set(path.join('.'), path)
}

type Member = Extract<Expr, { kind: 'member' | 'has' }>

/** What a member is read of, and its type; without noting that the object itself was read. */
function owner(
  expr: Member,
  building: Building,
): { readonly of: Typed; readonly type: Type } | undefined {
  const of = ownerValue(expr.of, building)
  if (!of) return undefined
  if ((of.type.kinds & KIND.object) === 0)
    return mismatch(building, expr, `\`${expr.name}\` is read of what must be an object`, of.type)
  const listed = of.type.members?.get(expr.name)
  const other = listed ?? of.type.others ?? (of.type.members ? undefined : UNDECLARED)
  if (other) return { of, type: of.type.unknown === true ? UNKNOWN : other }
  const isArgument = expr.of.kind === 'name' && expr.of.name === 'args'
  const what = isArgument ? 'argument' : 'member'
  return flaw(building, expr, `unknown_${what}`, [
    `the tool has no ${what} \`${expr.name}\``,
    suggestion(expr.name, [...(of.type.members?.keys() ?? [])]),
  ])
}

function ownerValue(expr: Expr, building: Building): Typed | undefined {
  if (expr.kind === 'name' && expr.name === 'args') return building.names.get('args')
  // `args.a` is not noted beside `args.a.b` that it is read for; what leads to an element is.
  const reads = pathOf(expr) ? new Map<string, readonly string[]>() : building.reads
  return building.build(expr, { ...building, reads })
}

function memberOf(expr: Extract<Expr, { kind: 'member' }>, building: Building): Typed | undefined {
  const space = expr.of.kind === 'name' ? building.scope.spaces.get(expr.of.name) : undefined
  if (expr.of.kind === 'name' && space) return spaceMember(expr, expr.of.name, space, building)
  const owned = owner(expr, building)
  if (!owned) return undefined
  noteRead(expr, building)
  const text = exprText(expr)
  const absent = Symbol(`\`${text}\` is absent: ask \`has(${text})\` first`)
  const unfit = Symbol(`\`${text}\` is not ${kindsText(owned.type.kinds)}, as the schema says`)
  const { kinds } = owned.type
  const key = expr.name
  const of = owned.of.run
  const run: Run = (frame) => {
    const object = of(frame)
    if (!isObject(object)) return typeof object === 'symbol' ? object : NO_OBJECT
    if (!Object.hasOwn(object, key)) return absent
    const value = object[key]
    if (value === undefined) return absent
    return fits(value, kinds) ? value : unfit
  }
  return { type: owned.type, run }
}

function spaceMember(
  expr: Member,
  space: string,
  known: Names,
  building: Building,
): Typed | undefined {
  const found = known.get(expr.name)
  if (found) {
    if (found.constant === undefined) noteRead({ ...expr, kind: 'member' }, building)
    return found
  }
  if (space === 'session' && HISTORY_NAMES.includes(expr.name))
    return flaw(building, expr, 'unknown_name', [
      `\`session.${expr.name}\` is a function`,
      `call it: \`session.${expr.name}(…)\``,
    ])
  return space === 'sets'
    ? flaw(building, expr, 'unknown_set', [
        `the policies have no set \`${expr.name}\``,
        suggestion(expr.name, [...known.keys()]),
      ])
    : flaw(building, expr, 'unknown_name', [
        `the session has no \`${expr.name}\``,
        suggestion(expr.name, [...known.keys(), ...HISTORY_NAMES]),
      ])
}

function has(expr: Extract<Expr, { kind: 'has' }>, building: Building): Typed | undefined {
  const owned = owner(expr, building)
  if (!owned) return undefined
  noteRead({ ...expr, kind: 'member' }, building)
  const key = expr.name
  const of = owned.of.run
  const run: Run = (frame) => {
    const object = of(frame)
    if (!isObject(object)) return typeof object === 'symbol' ? object : NO_OBJECT
    return Object.hasOwn(object, key)
  }
  return { type: BOOL, run }
}

function index(expr: Extract<Expr, { kind: 'index' }>, building: Building): Typed | undefined {
  if (expr.at.kind === 'literal' && typeof expr.at.value === 'string') {
    const { of, start, end } = expr
    return building.build({ kind: 'member', of, name: expr.at.value, start, end }, building)
  }
  const of = building.build(expr.of, building)
  const at = building.build(expr.at, building)
  if (!of || !at) return undefined
  if ((of.type.kinds & KIND.list) === 0)
    return mismatch(building, expr, 'a list is indexed by number', of.type)
  if ((at.type.kinds & (KIND.int | KIND.double)) === 0)
    return mismatch(building, expr.at, 'an index must be a whole number', at.type)
  const type = itemOf(of.type)
  const unfit = Symbol(`\`${exprText(expr)}\` is not ${kindsText(type.kinds)}`)
  const run: Run = (frame) => {
    const items = of.run(frame)
    const position = at.run(frame)
    if (typeof items === 'symbol') return items
    if (typeof position === 'symbol') return position
    const value = isList(items) && typeof position === 'number' ? items[position] : undefined
    if (value === undefined) return NO_INDEX
    return fits(value, type.kinds) ? value : unfit
  }
  return { type, run }
}

function list(expr: Extract<Expr, { kind: 'list' }>, building: Building): Typed | undefined {
  const items: Typed[] = []
  for (const item of expr.items) {
    const built = building.build(item, building)
    if (built) items.push(built)
  }
  if (items.length < expr.items.length) return undefined
  const [first] = items
  if (!first)
    return flaw(building, expr, 'type_mismatch', ['an empty list says nothing', 'remove it'])
  const wrong = items.findIndex((item) => !sameKind(item.type, first.type))
  if (wrong !== -1)
    return flaw(building, expr.items[wrong] ?? expr, 'type_mismatch', [
      'the elements of a list must be of one kind',
      'compare the others apart',
    ])
  const type: Type = { kinds: KIND.list, item: items.map((item) => item.type).reduce(either) }
  const constants = items.map((item) => item.constant).filter((value) => value !== undefined)
  if (constants.length === items.length) return { type, run: () => constants, constant: constants }
  return { type, run: (frame) => runAll(items, frame) }
}

function sameKind(a: Type, b: Type): boolean {
  const numbers = KIND.int | KIND.double
  return (a.kinds & b.kinds) !== 0 || ((a.kinds & numbers) !== 0 && (b.kinds & numbers) !== 0)
}

function runAll(items: readonly Typed[], frame: Parameters<Run>[0]): Value {
  const values: Json[] = []
  for (const item of items) {
    const value = item.run(frame)
    if (typeof value === 'symbol') return value
    values.push(value)
  }
  return values
}

function condition(expr: Expr, building: Building): Typed | undefined {
  const built = building.build(expr, building)
  if (!built || (built.type.kinds & KIND.bool) !== 0) return built
  return mismatch(building, expr, 'a condition must be true or false', built.type)
}

function not(
  expr: Extract<Expr, { kind: 'not' | 'minus' }>,
  building: Building,
): Typed | undefined {
  const of = condition(expr.of, building)
  if (!of) return undefined
  const run: Run = (frame) => {
    const value = booleanOf(of.run(frame))
    return typeof value === 'symbol' ? value : !value
  }
  return { type: BOOL, run }
}

/** CEL: what decides wins over a fault on the other side. */
function both(expr: Extract<Expr, { kind: 'and' | 'or' }>, building: Building): Typed | undefined {
  const left = condition(expr.left, building)
  const right = condition(expr.right, building)
  if (!left || !right) return undefined
  const decides = expr.kind === 'or'
  const run: Run = (frame) => {
    const first = booleanOf(left.run(frame))
    if (first === decides) return decides
    const second = booleanOf(right.run(frame))
    if (second === decides) return decides
    return typeof first === 'symbol' ? first : second
  }
  return { type: BOOL, run }
}

function choice(expr: Extract<Expr, { kind: 'choice' }>, building: Building): Typed | undefined {
  const test = condition(expr.test, building)
  const yes = building.build(expr.yes, building)
  const no = building.build(expr.no, building)
  if (!test || !yes || !no) return undefined
  if (!sameKind(yes.type, no.type))
    return mismatch(building, expr, 'both answers of `? :` must be of one kind', no.type)
  const run: Run = (frame) => {
    const answer = booleanOf(test.run(frame))
    if (typeof answer === 'symbol') return answer
    return answer ? yes.run(frame) : no.run(frame)
  }
  return { type: either(yes.type, no.type), run }
}
