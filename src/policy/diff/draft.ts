/** Made-up calls: from a state of what conditions tell apart, and by a seeded chance from the values that they name. */
import { everyExpr } from '../../expression/syntax.ts'
import {
  type Environment,
  ENVIRONMENTS,
  RISK_POSTURES,
  type RiskPosture,
} from '../../model/call.ts'
import { isObject, type Json } from '../../model/json.ts'
import type { History } from '../../model/policy.ts'
import { labelKey } from '../logic/prop.ts'
import { MISSING } from '../logic/sample.ts'
import type { State } from '../logic/states.ts'
import { type Draft, NEVER } from './example.ts'
import type { Version } from './version.ts'

const MONDAY = Date.UTC(2026, 10, 16, 10)
const WEEK_MINUTES = 10_080

/** A call of which this state says what matters. */
export function draftOf(state: State, versions: readonly Version[]): Draft {
  const args: Record<string, Json> = {}
  const counts = new Map<string, number>()
  let at = MONDAY
  for (const [key, value] of state.values) {
    if (value === MISSING) continue
    if (key.startsWith('args ')) place(args, stepsIn(key.slice(5)), value)
    else if (key.startsWith('now in ') && typeof value === 'number') at = value
    else if (typeof value === 'number') counts.set(key, value)
    derive(args, key, value)
  }
  const environment = ENVIRONMENTS.find((one) => one === state.values.get('environment'))
  const agent = state.values.get('agent')
  return {
    args,
    labels: labelsOf(versions).filter((one) => state.answers.get(labelKey(one)) === true),
    risk: RISK_POSTURES.find((one) => one === state.values.get('risk')) ?? 'normal',
    ...(environment && { environment }),
    ...(typeof agent === 'string' && { agent }),
    at,
    history: historyOf(counts),
  }
}

function stepsIn(text: string): readonly string[] {
  const steps: unknown = JSON.parse(text)
  return Array.isArray(steps) ? steps.map(String) : []
}

function historyOf(counts: ReadonlyMap<string, number>): History {
  return { read: (query, ...rest) => counts.get(query.key) ?? NEVER.read(query, ...rest) }
}

/** `size(args.to)`, `domain(args.to)` and `host(args.url)` say what the argument is. */
function derive(args: Record<string, Json>, key: string, value: Json): void {
  const match = /^(size|domain|host)\(args\.(\w+)\)$/.exec(key)
  const name = match?.[2]
  if (name === undefined || name === '__proto__' || Object.hasOwn(args, name)) return
  if (match?.[1] === 'size' && typeof value === 'number' && value <= 1000)
    args[name] = Array.from({ length: value }, () => 'x')
  if (typeof value !== 'string') return
  if (match?.[1] === 'domain') args[name] = `bob@${value}`
  if (match?.[1] === 'host') args[name] = `https://${value}/`
}

/** Puts a value at its path. Names that set a prototype are not put anywhere. */
function place(args: Record<string, Json>, steps: readonly string[], value: Json): void {
  const [first, ...rest] = steps
  if (first === undefined || first === '__proto__') return
  if (rest.length === 0) {
    if (!isObject(args[first] ?? null)) args[first] = value
    return
  }
  const known = args[first]
  const inner: Record<string, Json> = known !== undefined && isObject(known) ? { ...known } : {}
  place(inner, rest, value)
  args[first] = inner
}

/** All labels that rules of either set name. */
function labelsOf(versions: readonly Version[]): readonly string[] {
  const all = versions.flatMap(({ rule }) => [
    ...rule.source.labels,
    ...literalsIn(rule).filter((one) => typeof one === 'string'),
  ])
  return [...new Set(all)]
}

function literalsIn({ when, unless }: Version['rule']): readonly Json[] {
  return [...(when?.conjuncts ?? []), ...(unless?.conjuncts ?? [])]
    .flatMap(everyExpr)
    .flatMap((expr) => (expr.kind === 'literal' ? [expr.value] : []))
}

/** Numbers from 0 to 1, the same for the same seed. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Calls made of the values that the conditions of these rules name, and of others near them. */
export function* drafts(versions: readonly Version[], most: number, seed = 1): Generator<Draft> {
  const next = chance(seed)
  const one = <T>(list: readonly T[], otherwise: T): T =>
    list[Math.floor(next() * list.length)] ?? otherwise
  const pool = poolOf(versions)
  const paths = pathsOf(versions)
  const labels = labelsOf(versions)
  const value = (): Json => {
    const how = next()
    if (how < 0.3) return [one(pool, 'x'), one(pool, 'y')].slice(0, 1 + Math.floor(next() * 2))
    return one(pool, 'x')
  }
  for (let count = 0; count < most; count += 1) {
    const args: Record<string, Json> = {}
    for (const path of paths) if (next() < 0.9) place(args, path, value())
    const answer = Math.floor(next() * 20)
    yield {
      args,
      labels: labels.filter(() => next() < 0.5),
      risk: one<RiskPosture>(RISK_POSTURES, 'normal'),
      environment: one<Environment>(ENVIRONMENTS, 'prod'),
      at: MONDAY + Math.floor(next() * WEEK_MINUTES) * 60_000,
      history: { read: ({ kind }) => (kind === 'called_with' ? answer > 10 : answer) },
    }
  }
}

function poolOf(versions: readonly Version[]): readonly Json[] {
  const named = versions.flatMap(({ rule, scope }) => [
    ...literalsIn(rule),
    ...[...scope.sets.values()].flat(),
  ])
  const all = named.flatMap((value): readonly Json[] => {
    if (typeof value === 'number') return [value - 1, value, value + 1, value + 0.5]
    if (typeof value !== 'string') return [value]
    const domain = value.replace(/^[@.]/, '')
    const texts = [value, `${value}x`, `x${value}`, `bob@${domain}`, `bob@x.${domain}`]
    return [...texts, `https://${domain}/`, `${value} ${value}`]
  })
  return [
    ...new Set([...all, 'other', 'bob@other.example', 'https://other.example/', 1, 0, '', true]),
  ]
}

function pathsOf(versions: readonly Version[]): readonly (readonly string[])[] {
  const all = versions.flatMap(({ rule }) => [
    ...(rule.when?.reads ?? []),
    ...(rule.unless?.reads ?? []),
    ...(rule.exempt?.names ?? []),
  ])
  return [...new Set(all)].toSorted().map((path) => path.split('.'))
}
