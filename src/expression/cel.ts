/**
 * Parses CEL; the only file that imports the CEL library. What the profile leaves out of the grammar is refused here:
 * maps, bytes, unsigned integers, and macros other than `has`, `all`, `exists` and `exists_one`.
 */
import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js'
import { type Expr, type Flaw, MACROS, type Shape } from './syntax.ts'

const MAX_NODES = 200
const CEL = new Environment({
  limits: {
    maxAstNodes: MAX_NODES,
    maxDepth: 24,
    maxListElements: 100,
    maxMapEntries: 16,
    maxCallArguments: 4,
  },
})

/** Parses a text; where it does not parse or leaves the profile, says where and why. */
export function parseCel(source: string): Expr | Flaw {
  try {
    const flaws: Flaw[] = []
    const expr = convert(CEL.parse(source).ast, flaws)
    return flaws[0] ?? expr
  } catch (error) {
    if (error instanceof ParseError) return parseFlaw(error)
    throw error
  }
}

function parseFlaw(error: ParseError): Flaw {
  const { code, summary, range } = error
  const start = range?.start ?? 0
  if (code === 'limit_exceeded') {
    const remedy = 'split it into several rules'
    return { id: 'condition_too_large', start, message: 'the condition is too large', remedy }
  }
  const text = `${summary.slice(0, 1).toLowerCase()}${summary.slice(1)}`
  return { id: 'invalid_condition', start, message: `the condition does not parse: ${text}` }
}

/** Notes what the profile leaves out; the tree goes on with a placeholder, and is not used. */
function outside(
  node: ASTNode,
  flaws: Flaw[],
  [what, remedy]: readonly [what: string, remedy: string],
): Shape {
  const message = `${what} is not part of the profile`
  flaws.push({ id: 'outside_profile', start: node.start, message, remedy })
  return { kind: 'literal', value: null, int: false }
}

function convert(node: ASTNode, flaws: Flaw[]): Expr {
  return { start: node.start, end: node.end, ...bare(node, flaws) }
}

function bare(node: ASTNode, flaws: Flaw[]): Shape {
  const of = (inner: ASTNode): Expr => convert(inner, flaws)
  switch (node.op) {
    case 'value':
      return literal(node, flaws)
    case 'id':
      return { kind: 'name', name: node.args }
    case '.':
      return { kind: 'member', of: of(node.args[0]), name: node.args[1] }
    case '[]':
      return { kind: 'index', of: of(node.args[0]), at: of(node.args[1]) }
    case 'call':
      return call(node, flaws)
    case 'rcall':
      return method(node, flaws)
    case 'list':
      return { kind: 'list', items: node.args.map(of) }
    case '!_':
      return { kind: 'not', of: of(node.args) }
    case '-_':
      return { kind: 'minus', of: of(node.args) }
    case '&&':
      return { kind: 'and', left: of(node.args[0]), right: of(node.args[1]) }
    case '||':
      return { kind: 'or', left: of(node.args[0]), right: of(node.args[1]) }
    case '?:': {
      const [test, yes, no] = node.args
      return { kind: 'choice', test: of(test), yes: of(yes), no: of(no) }
    }
    case 'map':
      return outside(node, flaws, ['a map', 'compare the members one by one'])
    case '.?':
    case '[?]':
      return outside(node, flaws, ['optional access', 'ask with `has()`'])
    default:
      return {
        kind: 'binary',
        operator: node.op,
        left: of(node.args[0]),
        right: of(node.args[1]),
      }
  }
}

function literal(node: ASTNode, flaws: Flaw[]): Shape {
  const value: unknown = node.args
  if (typeof value === 'bigint') {
    const number = Number(value)
    if (Number.isSafeInteger(number)) return { kind: 'literal', value: number, int: true }
    return outside(node, flaws, ['a number beyond 2^53', 'compare it as a text'])
  }
  if (typeof value === 'number') return { kind: 'literal', value, int: false }
  if (value === null || typeof value === 'boolean' || typeof value === 'string')
    return { kind: 'literal', value, int: false }
  if (value instanceof Uint8Array) return outside(node, flaws, ['a bytes literal', 'compare texts'])
  return outside(node, flaws, ['an unsigned number', 'write it without the `u`'])
}

type Node<Op extends ASTNode['op']> = Extract<ASTNode, { readonly op: Op }>

function call(node: Node<'call'>, flaws: Flaw[]): Shape {
  const [name, args] = node.args
  if (name !== 'has') return { kind: 'call', name, args: args.map((arg) => convert(arg, flaws)) }
  const [only] = args
  if (args.length === 1 && only?.op === '.')
    return { kind: 'has', of: convert(only.args[0], flaws), name: only.args[1] }
  // Beyond CEL: `has(args["vendor-id"])`, for names that cannot be written after a dot.
  const key = args.length === 1 && only?.op === '[]' ? only.args[1].args : undefined
  if (only?.op === '[]' && typeof key === 'string' && only.args[1].op === 'value')
    return { kind: 'has', of: convert(only.args[0], flaws), name: key }
  return outside(node, flaws, ['`has` of anything but a member', 'write `has(args.name)`'])
}

function method(node: Node<'rcall'>, flaws: Flaw[]): Shape {
  const [name, receiver, args] = node.args
  const target = convert(receiver, flaws)
  const macro = MACROS.find((known) => known === name)
  if (macro === undefined && name !== 'map' && name !== 'filter')
    return { kind: 'call', name, target, args: args.map((arg) => convert(arg, flaws)) }
  const [variable, test] = args
  if (macro === undefined || variable?.op !== 'id' || test === undefined || args.length !== 2)
    return outside(node, flaws, [
      `this \`${name}\``,
      'use `all`, `exists` or `exists_one` with a name and a condition',
    ])
  return { kind: 'macro', macro, list: target, variable: variable.args, test: convert(test, flaws) }
}
