/** Conditions: CEL under the profile of the design, type-checked, compiled to a predicate over a call. */
import type { CallContext } from '../model/call.ts'
import type { Conjunct } from '../model/decision.ts'
import type { DocNode, DocScalar, Place, Problems } from '../model/document.ts'
import { isObject, type Json, member } from '../model/json.ts'
import { build } from './build.ts'
import type { Building } from './building.ts'
import { parseCel } from './cel.ts'
import { type ConditionScope, namesInScope, SESSION } from './names-in-scope.ts'
import { booleanOf, type Frame, type Run } from './run.ts'
import { shown, shownText } from './show.ts'
import { conjuncts, type Expr, exprText, type Flaw } from './syntax.ts'
import { KIND, kindsText } from './typing.ts'

export type { ConditionScope } from './names-in-scope.ts'

/** Longest source in UTF-8 bytes. */
const MAX_BYTES = 2048

export interface Condition {
  readonly source: string
  /** Argument paths it reads: `amount`, `to`. */
  readonly reads: readonly string[]
  /** Anything but a real boolean, and any fault, is `error`. */
  readonly evaluate: (call: CallContext) => boolean | 'error'
  /** The top-level `&&` conjuncts one by one, with the values they read. */
  readonly explain: (call: CallContext, rule: string) => readonly Conjunct[]
}

interface Part {
  readonly text: string
  readonly run: Run
  readonly reads: ReadonlyMap<string, readonly string[]>
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
  if (source.trim() === '' || Buffer.byteLength(source) > MAX_BYTES) {
    const what = source.trim() === '' ? 'is empty' : `is longer than ${MAX_BYTES} bytes`
    problems.error(
      node,
      'condition_too_large',
      `\`${node.path}\` ${what}`,
      'write a short condition',
    )
    return undefined
  }
  const expr = parseCel(source)
  if (!('kind' in expr)) {
    report(expr, 'error', node, problems)
    return undefined
  }
  const parts = compileParts(expr, scope, node, problems)
  return parts && { source, ...together(parts) }
}

function compileParts(
  expr: Expr,
  scope: ConditionScope,
  node: DocScalar,
  problems: Problems,
): readonly Part[] | undefined {
  const names = namesInScope(scope)
  const flaws: Flaw[] = []
  const doubts: Flaw[] = []
  const parts: Part[] = []
  for (const conjunct of conjuncts(expr)) {
    const reads = new Map<string, readonly string[]>()
    const building: Building = { names, depth: 0, flaws, doubts, reads, build }
    const built = build(conjunct, building)
    if (built && (built.type.kinds & KIND.bool) === 0)
      flaws.push({
        id: 'not_boolean',
        start: conjunct.start,
        message: `a condition must be true or false, found ${kindsText(built.type.kinds)}`,
        remedy: 'compare it with something',
      })
    if (built) parts.push({ text: exprText(conjunct), run: built.run, reads })
  }
  for (const doubt of doubts) report(doubt, 'warning', node, problems)
  for (const flaw of flaws) report(flaw, 'error', node, problems)
  return flaws.length > 0 ? undefined : parts
}

function report(flaw: Flaw, level: 'error' | 'warning', node: DocScalar, problems: Problems): void {
  const { id, start, message, remedy } = flaw
  const place = placeWithin(node, start)
  problems.add({ id, level, place, message, ...(remedy !== undefined && { remedy }) })
}

/**
 * Where an offset of the source stands in the file. Exact for a text on one line, with or without quotes but without
 * escapes; a text that was folded or broken over lines keeps the place where it begins.
 */
function placeWithin(node: DocScalar, offset: number): Place {
  const source = String(node.value)
  if (/[\n\\]/.test(source)) return node.place
  // What YAML cannot hold plainly stood in quotes, and so does every text in JSON.
  const quoted =
    /\.jsonc?$/.test(node.place.file) || /^["'!&*[\]{}#|>@`%,?:-]|: | #|:$/.test(source)
  return { ...node.place, column: node.place.column + offset + (quoted ? 1 : 0) }
}

function together(parts: readonly Part[]): Omit<Condition, 'source'> {
  const paths = new Map(parts.flatMap((part) => [...part.reads]))
  const runs = parts.map((part) => part.run)
  return {
    reads: [...paths.values()]
      .filter(([first]) => first === 'args')
      .map((path) => path.slice(1).join('.')),
    evaluate: (call) => {
      try {
        return evaluateAll(runs, frameOf(call))
      } catch {
        // Arguments nested deeper than the stack reaches.
        return 'error'
      }
    },
    explain: (call, rule) => parts.map((part) => explainPart(part, call, rule)),
  }
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

function frameOf(call: CallContext): Frame {
  return { call, steps: 0, outer: null, inner: null }
}

function explainPart(part: Part, call: CallContext, rule: string): Conjunct {
  const value = runSafely(part.run, frameOf(call))
  const result = typeof value === 'symbol' ? 'error' : value ? 'holds' : 'fails'
  const read = [...part.reads.values()].map((path) => readText(path, call)).join(', ')
  return {
    rule,
    expected: part.text,
    ...(read !== '' && { read: shownText(read) }),
    result,
    ...(typeof value === 'symbol' && { hint: value.description ?? '' }),
  }
}

const BROKEN = Symbol('it cannot be decided')

function runSafely(run: Run, frame: Frame): boolean | symbol {
  try {
    return booleanOf(run(frame))
  } catch {
    return BROKEN
  }
}

function readText(path: readonly string[], call: CallContext): string {
  const name = path.join('.')
  const value = valueAt(path, call)
  return value === undefined ? `${name} is absent` : `${name} = ${shown(value, name)}`
}

function valueAt(path: readonly string[], call: CallContext): Json | undefined {
  const [first, ...rest] = path
  if (first === 'session') return SESSION.get(rest[0] ?? '') && call.session.labels
  if (first === 'now') return new Date(call.at).toISOString()
  if (first === 'agent') return call.principal.agent
  if (first === 'environment') return call.environment
  if (first === 'risk') return call.risk
  let value: Json | undefined = call.args
  for (const step of rest) value = isObject(value) ? member(value, step) : undefined
  return value
}
