/** Conditions: CEL under the profile of the design, type-checked, compiled to a predicate over a call. */
import type { CallContext } from '../model/call.ts'
import type { Conjunct } from '../model/decision.ts'
import type { DocNode, DocScalar, Place, Problems } from '../model/document.ts'
import { callId, instant, sha256 } from '../model/id.ts'
import { isObject, type Json, type JsonObject, member } from '../model/json.ts'
import type { HistoryQuery } from '../model/policy.ts'
import { NOT_KEPT, seen } from '../model/veil.ts'
import { build } from './build.ts'
import type { Asked, Building } from './building.ts'
import { parseCel } from './cel.ts'
import { type ConditionScope, type Scope, scopeOf } from './names-in-scope.ts'
import { booleanOf, type Frame, type Run, type Value } from './run.ts'
import { shown, shownText } from './show.ts'
import { conjuncts, type Expr, exprText, type Flaw } from './syntax.ts'
import { KIND, kindsText } from './typing.ts'

export type { ConditionScope } from './names-in-scope.ts'

/** Longest source in UTF-8 bytes. */
const MAX_BYTES = 2048

export interface Condition {
  readonly source: string
  /** The top-level `&&` conjuncts as trees; `exprText` writes one down again. */
  readonly conjuncts: readonly Expr[]
  /** Argument paths it reads: `amount`, `to`. */
  readonly reads: readonly string[]
  /** What it asks of the task's history. */
  readonly history: readonly HistoryQuery[]
  /** What it is for every call, where it needs nothing of the call. */
  readonly constant?: boolean | 'error'
  /** Anything but a real boolean, and any fault, is `error`. */
  readonly evaluate: (call: CallContext) => boolean | 'error'
  /** The same where not every value is known; `unknown` where it hangs on one that is not. */
  readonly answer: (call: CallContext) => boolean | 'error' | 'unknown'
  /** The top-level `&&` conjuncts one by one, with the values they read. */
  readonly explain: (call: CallContext, rule: string) => readonly Conjunct[]
  /** The answers of the history that it read, by the key of the query; a question without an answer is left out. */
  readonly historyFacts: (call: CallContext) => JsonObject
}

interface Part {
  readonly expr: Expr
  readonly run: Run
  readonly reads: ReadonlyMap<string, readonly string[]>
  readonly asks: ReadonlyMap<string, Asked>
}

/**
 * Compiles a condition; undefined when a problem was reported. Numbers are JSON numbers: an argument that the schema
 * calls `integer` is a whole number, every other is a double, and a whole number beside a double is taken for one.
 */
export function compileCondition(
  node: DocNode,
  scope: ConditionScope,
  problems: Problems,
): Condition | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    const remedy = 'write a condition like `args.amount > 1000`, in quotes where YAML needs them'
    problems.error(node, 'wrong_type', `\`${node.path}\` must be a condition`, remedy)
    return undefined
  }
  const source = node.value
  const expr = parseCondition(source)
  if (!('kind' in expr)) {
    const about = expr.start === WHOLE ? `\`${node.path}\` ${expr.message}` : expr.message
    report({ ...expr, message: about }, 'error', node, problems)
    return undefined
  }
  const names = scopeOf(scope)
  const parts = compileParts(expr, names, node, problems)
  return parts && { source, ...together(parts, names) }
}

/** Where a flaw stands that is about the condition as a whole. */
export const WHOLE = -1

/** The tree of a condition; where it does not parse or leaves the profile, what is wrong with it. */
export function parseCondition(text: string): Expr | Flaw {
  const empty = text.trim() === ''
  if (!empty && Buffer.byteLength(text) <= MAX_BYTES) return parseCel(text)
  const message = empty ? 'is empty' : `is longer than ${MAX_BYTES} bytes`
  return { id: 'condition_too_large', start: WHOLE, message, remedy: 'write a short condition' }
}

function compileParts(
  expr: Expr,
  scope: Scope,
  node: DocScalar,
  problems: Problems,
): readonly Part[] | undefined {
  const flaws: Flaw[] = []
  const doubts: Flaw[] = []
  const parts: Part[] = []
  for (const conjunct of conjuncts(expr)) {
    const reads = new Map<string, readonly string[]>()
    const asks = new Map<string, Asked>()
    const { names } = scope
    const building: Building = { scope, names, depth: 0, flaws, doubts, reads, asks, build }
    const built = build(conjunct, building)
    if (built && (built.type.kinds & KIND.bool) === 0)
      flaws.push({
        id: 'not_boolean',
        start: conjunct.start,
        message: `a condition must be true or false, found ${kindsText(built.type.kinds)}`,
        remedy: 'compare it with something',
      })
    if (built) parts.push({ expr: conjunct, run: built.run, reads, asks })
  }
  for (const doubt of doubts) report(doubt, 'warning', node, problems)
  for (const flaw of flaws) report(flaw, 'error', node, problems)
  return flaws.length > 0 ? undefined : parts
}

export function report(
  flaw: Flaw,
  level: 'error' | 'warning',
  node: DocScalar,
  problems: Problems,
): void {
  const { id, start, message, remedy } = flaw
  const place = start === WHOLE ? node.place : placeWithin(node, start)
  problems.add({ id, level, place, message, ...(remedy !== undefined && { remedy }) })
}

/**
 * Where an offset of the source stands in the file. Exact for a text on one line, with or without quotes but without
 * escapes; a text that was folded or broken over lines keeps the place where it begins.
 */
export function placeWithin(node: DocScalar, offset: number): Place {
  const source = String(node.value)
  if (/[\n\\]/.test(source)) return node.place
  // What YAML cannot hold plainly stood in quotes, and so does every text in JSON.
  const quoted =
    /\.jsonc?$/.test(node.place.file) || /^["'!&*[\]{}#|>@`%,?:-]|: | #|:$/.test(source)
  return { ...node.place, column: node.place.column + offset + (quoted ? 1 : 0) }
}

function together(parts: readonly Part[], scope: Scope): Omit<Condition, 'source'> {
  const paths = new Map(parts.flatMap((part) => [...part.reads]))
  const asks = new Map(parts.flatMap((part) => [...part.asks]))
  const constant = constantOf(parts)
  return {
    conjuncts: parts.map((part) => part.expr),
    reads: [...paths.values()]
      .filter(([first]) => first === 'args')
      .map((path) => path.slice(1).join('.')),
    history: [...asks.values()].map(({ query }) => query),
    ...(constant !== undefined && { constant }),
    evaluate: evaluatorOf(parts.map((part) => part.run)),
    answer: (call) => answerAll(parts, call),
    explain: (call, rule) => parts.map((part) => explainPart(part, scope, call, rule)),
    historyFacts: asks.size === 0 ? () => NO_FACTS : (call) => answers(asks, call),
  }
}

function evaluatorOf(runs: readonly Run[]): Condition['evaluate'] {
  const [only] = runs
  if (only && runs.length === 1)
    return (call) => {
      try {
        const value = only(frameOf(call))
        return typeof value === 'boolean' ? value : 'error'
      } catch {
        return 'error'
      }
    }
  return (call) => {
    try {
      return evaluateAll(runs, frameOf(call))
    } catch {
      // Arguments nested deeper than the stack reaches.
      return 'error'
    }
  }
}

/** What is known to be false decides, whatever the others would say. */
function answerAll(parts: readonly Part[], call: CallContext): boolean | 'error' | 'unknown' {
  const all = parts.map(({ run }) => seen(call, () => answerOf(run, call)))
  if (all.includes(false)) return false
  if (all.includes('unknown')) return 'unknown'
  return all.every((one) => one === true) ? true : 'error'
}

function evaluateAll(runs: readonly Run[], frame: Frame): boolean | 'error' {
  let faulty = false
  for (const run of runs) {
    const value = run(frame)
    if (value === false) return false
    if (value !== true) faulty = true
  }
  return faulty ? 'error' : true
}

const NO_FACTS: JsonObject = {}

/** Only for what reads nothing of it. */
const NO_CALL: CallContext = {
  id: callId('none'),
  at: instant(0),
  principal: { agent: '', assurance: 'mandate' },
  action: 'tools/call',
  resource: { kind: 'tool', server: '', name: '', definition: sha256('0'.repeat(64)) },
  args: {},
  environment: 'prod',
  risk: 'normal',
  session: { id: '', labels: [] },
}

/** One conjunct that is never true decides, whatever the others read. */
function constantOf(parts: readonly Part[]): boolean | 'error' | undefined {
  const fixed = parts.filter(({ reads, asks }) => reads.size === 0 && asks.size === 0)
  const value = evaluatorOf(fixed.map((part) => part.run))(NO_CALL)
  return value === false || fixed.length === parts.length ? value : undefined
}

function frameOf(call: CallContext): Frame {
  return { call, steps: 0, outer: null, inner: null, answers: undefined }
}

function explainPart(part: Part, scope: Scope, call: CallContext, rule: string): Conjunct {
  const value = seen(call, () => answerOf(part.run, call))
  const read = [
    ...[...part.reads.values()].map((path) => readText(path, scope, call)),
    ...[...part.asks].map(([key, { run }]) => askedText(key, run, call)),
  ].join(', ')
  if (value === 'unknown')
    return {
      rule,
      expected: exprText(part.expr),
      read: shownText(read),
      result: value,
      hint: NOT_KEPT,
    }
  const result = typeof value !== 'boolean' ? 'error' : value ? 'holds' : 'fails'
  return {
    rule,
    expected: exprText(part.expr),
    ...(read !== '' && { read: shownText(read) }),
    result,
    ...(typeof value === 'symbol' && { hint: value.description ?? '' }),
  }
}

function answerOf(run: Run, call: CallContext): boolean | symbol {
  const value = runSafely(run, call)
  return typeof value === 'symbol' ? value : booleanOf(value)
}

const BROKEN = Symbol('it cannot be decided')

export function runSafely(run: Run, call: CallContext): Value {
  try {
    return run(frameOf(call))
  } catch {
    return BROKEN
  }
}

function answers(asks: ReadonlyMap<string, Asked>, call: CallContext): JsonObject {
  const facts: [string, Json][] = []
  for (const [key, { run }] of asks) {
    const answer = runSafely(run, call)
    if (typeof answer !== 'symbol') facts.push([key, answer])
  }
  return Object.fromEntries(facts)
}

function askedText(key: string, run: Run, call: CallContext): string {
  const answer = seen(call, () => runSafely(run, call))
  return typeof answer === 'symbol' ? `${key} is not known` : `${key} = ${JSON.stringify(answer)}`
}

export function readText(path: readonly string[], scope: Scope, call: CallContext): string {
  const name = path.join('.')
  const text = seen(call, () => {
    const value = valueAt(path, scope, call)
    return value === undefined ? `${name} is absent` : `${name} = ${shown(value, name)}`
  })
  return text === 'unknown' ? `${name} is not kept` : text
}

function valueAt(path: readonly string[], scope: Scope, call: CallContext): Json | undefined {
  const [first = '', ...rest] = path
  if (first === 'args') {
    let value: Json | undefined = call.args
    for (const step of rest) value = isObject(value) ? member(value, step) : undefined
    return value
  }
  if (first === 'now') return new Date(call.at).toISOString()
  const named =
    rest.length === 0 ? scope.names.get(first) : scope.spaces.get(first)?.get(rest[0] ?? '')
  const value = named && runSafely(named.run, call)
  return typeof value === 'symbol' ? undefined : value
}
