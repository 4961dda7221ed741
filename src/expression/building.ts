/** What the compiler of a condition carries along: where names lead, what is wrong, what is read. */
import { nearest } from '../model/document.ts'
import type { HistoryQuery } from '../model/policy.ts'
import type { Names, Scope } from './names-in-scope.ts'
import type { Expr, Flaw } from './syntax.ts'
import type { Run, Typed } from './run.ts'
import { kindsText, type Type } from './typing.ts'

export interface Building {
  readonly scope: Scope
  /** Variables by name; within a macro also its own. */
  readonly names: Names
  /** How many macros stand around this expression. */
  readonly depth: number
  readonly flaws: Flaw[]
  /** Things that are worth a warning. */
  readonly doubts: Flaw[]
  /** Paths that are read, as their steps: `args`, `to`. */
  readonly reads: Map<string, readonly string[]>
  /** What is asked of the history, by its key. */
  readonly asks: Map<string, Asked>
  /** Compiles an expression that stands within this one. */
  readonly build: (expr: Expr, building: Building) => Typed | undefined
}

/** A question about the history. */
export interface Asked {
  readonly query: HistoryQuery
  /** The answer at a call, or a fault. */
  readonly run: Run
}

export function flaw(
  building: Building,
  expr: Expr,
  id: string,
  [message, remedy]: readonly [message: string, remedy?: string],
): undefined {
  const found: Flaw = { id, start: expr.start, message }
  building.flaws.push(remedy === undefined ? found : { ...found, remedy })
  return undefined
}

export function badCall(
  expr: Extract<Expr, { kind: 'call' }>,
  building: Building,
  usage: string,
): undefined {
  return flaw(building, expr, 'invalid_call', [`\`${expr.name}\` is not called like this`, usage])
}

export function mismatch(building: Building, expr: Expr, wanted: string, found: Type): undefined {
  return flaw(building, expr, 'type_mismatch', [`${wanted}, found ${kindsText(found.kinds)}`])
}

/** `did you mean …`, or the names there are. */
export function suggestion(written: string, known: readonly string[]): string {
  const near = nearest(written, known)
  if (near !== undefined) return `did you mean \`${near}\`?`
  return known.length === 0
    ? 'there are none'
    : `there are ${known.map((name) => `\`${name}\``).join(', ')}`
}
