/**
 * Second spellings of what rules read, at any depth: an upstream may take the one for the other, and then a rule has
 * judged what nobody acts on.
 */
import { fold } from '../model/fold.ts'
import { everyExpr, type Expr } from '../expression/syntax.ts'
import type { DocNode } from '../model/document.ts'
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import type { CompiledRule } from './rule.ts'

/** More values than this are not looked through: something may be among the rest. */
const MOST_VALUES = 100_000
/** How many names are remembered, and how long ones; they come from agents. */
const MAX_REMEMBERED = 512
const MAX_NAME = 128

/** Where a second spelling stands: `order.Total`; without its name below a list, which is read whole. */
export type FindSpelling = (args: JsonObject) => string | undefined

/** The names of members that a rule reads, but for its arguments themselves. */
export function membersRead({ when, unless, source }: CompiledRule): readonly string[] {
  const exprs = [...(when?.conjuncts ?? []), ...(unless?.conjuncts ?? [])]
  const fields = [...(source.unlessArgs?.args.values() ?? [])].flatMap(fieldsIn)
  return [...membersIn(exprs), ...fields]
}

/** The names of members that expressions read, but for arguments themselves. */
export function membersIn(exprs: readonly Expr[]): readonly string[] {
  return exprs.flatMap(everyExpr).flatMap(memberIn)
}

/** What a condition may name that is no variable of a macro: what stands right below it is read elsewhere. */
const SPACES: ReadonlySet<string> = new Set(['args', 'session', 'sets'])

function memberIn(expr: Expr): readonly string[] {
  if (expr.kind !== 'member' && expr.kind !== 'has' && expr.kind !== 'index') return []
  if (expr.of.kind === 'name' && SPACES.has(expr.of.name)) return []
  if (expr.kind !== 'index') return [expr.name]
  const { at } = expr
  return at.kind === 'literal' && typeof at.value === 'string' ? [at.value] : []
}

/** The names under `fields`, which constrain the members of an object. */
function fieldsIn(node: DocNode): readonly string[] {
  if (node.kind === 'scalar') return []
  if (node.kind === 'list') return node.items.flatMap(fieldsIn)
  return node.entries.flatMap(({ key, value }) => [
    ...(key === 'fields' && value.kind === 'map' ? value.entries.map((entry) => entry.key) : []),
    ...fieldsIn(value),
  ])
}

/** Finds a second spelling of one of these names below the arguments themselves. */
export function spellingBelow(names: readonly string[]): FindSpelling {
  const folded = new Set(names.map(fold))
  const harmless = new Set(names)
  return (args) =>
    search(args, (object) =>
      Object.keys(object).find((key) => {
        if (harmless.has(key)) return false
        if (folded.has(fold(key))) return true
        if (harmless.size < MAX_REMEMBERED && key.length <= MAX_NAME) harmless.add(key)
        return false
      }),
    )
}

/** Finds an object with two spellings of one name: whoever is told of it may read either. */
export const doubleSpelling: FindSpelling = (args) => doubled(args) ?? search(args, doubled)

function doubled(object: JsonObject): string | undefined {
  const seen = new Set<string>()
  for (const key of Object.keys(object)) {
    const folded = fold(key)
    if (seen.has(folded)) return key
    seen.add(folded)
  }
  return undefined
}

interface Place {
  readonly value: Json
  readonly path: string
  /** Below a list there is no path of names. */
  readonly listed: boolean
}

function search(
  args: JsonObject,
  spelt: (object: JsonObject) => string | undefined,
): string | undefined {
  const open: Place[] = below(args, '', false)
  for (let at = 0; at < open.length; at += 1) {
    const place = open[at]
    if (open.length > MOST_VALUES) return place?.path
    if (!place) return undefined
    const { value, path, listed } = place
    const key = isObject(value) ? spelt(value) : undefined
    if (key !== undefined) return listed ? path : `${path}.${key}`
    open.push(...below(value, path, listed))
  }
  return undefined
}

/** The objects and lists right below a value; below a list its own path stands for all of them. */
function below(value: Json, path: string, listed: boolean): Place[] {
  if (isList(value))
    return value.filter(isNested).map((item) => ({ value: item, path, listed: true }))
  if (!isObject(value)) return []
  const at = (name: string): string => (listed ? path : path === '' ? name : `${path}.${name}`)
  return Object.entries(value).flatMap(([name, member]) =>
    isNested(member) ? [{ value: member, path: at(name), listed }] : [],
  )
}

function isNested(value: Json): boolean {
  return typeof value === 'object' && value !== null
}
