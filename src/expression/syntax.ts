/** The syntax tree of a condition, and its text again. */

interface Span {
  /** Offsets into the source, in UTF-16 code units. */
  readonly start: number
  readonly end: number
}

export type BinaryOperator =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | 'in'
export const MACROS = ['all', 'exists', 'exists_one'] as const
export type MacroName = (typeof MACROS)[number]

export type Expr = Span & Shape

export type Shape =
  | {
      readonly kind: 'literal'
      readonly value: null | boolean | number | string
      readonly int: boolean
    }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'member'; readonly of: Expr; readonly name: string }
  | { readonly kind: 'has'; readonly of: Expr; readonly name: string }
  | { readonly kind: 'index'; readonly of: Expr; readonly at: Expr }
  | {
      readonly kind: 'call'
      readonly name: string
      readonly target?: Expr
      readonly args: readonly Expr[]
    }
  | {
      readonly kind: 'macro'
      readonly macro: MacroName
      readonly list: Expr
      readonly variable: string
      readonly test: Expr
    }
  | { readonly kind: 'list'; readonly items: readonly Expr[] }
  | { readonly kind: 'not' | 'minus'; readonly of: Expr }
  | { readonly kind: 'and' | 'or'; readonly left: Expr; readonly right: Expr }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expr
      readonly right: Expr
    }
  | { readonly kind: 'choice'; readonly test: Expr; readonly yes: Expr; readonly no: Expr }

/** What is wrong with an expression, and where in its source. */
export interface Flaw {
  readonly id: string
  readonly start: number
  readonly message: string
  readonly remedy?: string
}

/** Parts joined by `&&` at the top, in order. */
export function conjuncts(expr: Expr): readonly Expr[] {
  return expr.kind === 'and' ? [...conjuncts(expr.left), ...conjuncts(expr.right)] : [expr]
}

/** Expressions within this one, not deeper. */
export function parts(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'literal':
    case 'name':
      return []
    case 'member':
    case 'has':
    case 'not':
    case 'minus':
      return [expr.of]
    case 'index':
      return [expr.of, expr.at]
    case 'call':
      return expr.target ? [expr.target, ...expr.args] : expr.args
    case 'macro':
      return [expr.list, expr.test]
    case 'list':
      return expr.items
    case 'and':
    case 'or':
    case 'binary':
      return [expr.left, expr.right]
    case 'choice':
      return [expr.test, expr.yes, expr.no]
  }
}

/** An expression and all that stand within it. */
export function everyExpr(expr: Expr): readonly Expr[] {
  return [expr, ...parts(expr).flatMap(everyExpr)]
}

/** Number of nodes: what one evaluation costs at most, macros aside. */
export function weight(expr: Expr): number {
  return parts(expr).reduce((sum, part) => sum + weight(part), 1)
}

/** The expression as a person would write it, on one line. */
export function exprText(expr: Expr): string {
  switch (expr.kind) {
    case 'literal':
      return literalText(expr.value, expr.int)
    case 'name':
      return expr.name
    case 'member':
      return `${operandText(expr.of)}${memberText(expr.name)}`
    case 'has':
      return `has(${operandText(expr.of)}${memberText(expr.name)})`
    case 'index':
      return `${operandText(expr.of)}[${exprText(expr.at)}]`
    case 'call':
      return `${expr.target ? `${operandText(expr.target)}.` : ''}${expr.name}(${listText(expr.args)})`
    case 'macro':
      return `${operandText(expr.list)}.${expr.macro}(${expr.variable}, ${exprText(expr.test)})`
    case 'list':
      return `[${listText(expr.items)}]`
    case 'not':
      return `!${operandText(expr.of)}`
    case 'minus':
      return `-${operandText(expr.of)}`
    case 'and':
      return `${operandText(expr.left)} && ${operandText(expr.right)}`
    case 'or':
      return `${operandText(expr.left)} || ${operandText(expr.right)}`
    case 'binary':
      return `${operandText(expr.left)} ${expr.operator} ${operandText(expr.right)}`
    case 'choice':
      return `${operandText(expr.test)} ? ${operandText(expr.yes)} : ${operandText(expr.no)}`
  }
}

/** Names that the grammar keeps for itself. */
const RESERVED: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null'])

function memberText(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) && !RESERVED.has(name)
    ? `.${name}`
    : `[${JSON.stringify(name)}]`
}

function listText(items: readonly Expr[]): string {
  return items.map(exprText).join(', ')
}

/** In parentheses wherever a reader could wonder what belongs together. */
function operandText(expr: Expr): string {
  const loose = ['and', 'or', 'binary', 'choice', 'minus'].includes(expr.kind)
  return loose ? `(${exprText(expr)})` : exprText(expr)
}

function literalText(value: null | boolean | number | string, int: boolean): string {
  if (typeof value !== 'number') return JSON.stringify(value)
  return int || !Number.isInteger(value) ? String(value) : value.toFixed(1)
}
