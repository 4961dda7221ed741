/** Arguments that a condition reads without having asked whether they are there. */
import { type Expr, parts } from '../../expression/syntax.ts'
import { argumentPath } from '../logic/prop.ts'

export interface Read {
  readonly path: readonly string[]
  readonly expr: Expr
}

type Asked = ReadonlySet<string>

/** What is read although nothing beside it would decide where it is absent. */
export function unguardedReads(conjuncts: readonly Expr[]): readonly Read[] {
  return conjuncts.flatMap((expr, at) => {
    const others = conjuncts.filter((_, other) => other !== at)
    return readsOf(expr, new Set(others.flatMap((one) => [...askedIf(one, true)])))
  })
}

/** Where one side of `&&` is false, or one of `||` true, a fault on the other side does not matter. */
function readsOf(expr: Expr, asked: Asked): readonly Read[] {
  const path = argumentPath(expr)
  if (path) return isAsked(path, asked) ? [] : [{ path, expr }]
  switch (expr.kind) {
    case 'has':
      return []
    case 'and':
    case 'or': {
      const holds = expr.kind === 'and'
      return [
        ...readsOf(expr.left, union(asked, askedIf(expr.right, holds))),
        ...readsOf(expr.right, union(asked, askedIf(expr.left, holds))),
      ]
    }
    case 'choice':
      return [
        ...readsOf(expr.test, asked),
        ...readsOf(expr.yes, union(asked, askedIf(expr.test, true))),
        ...readsOf(expr.no, union(asked, askedIf(expr.test, false))),
      ]
    default:
      return parts(expr).flatMap((part) => readsOf(part, asked))
  }
}

/** What is surely there if the expression comes to this. */
function askedIf(expr: Expr, comesTo: boolean): Asked {
  if (expr.kind === 'not') return askedIf(expr.of, !comesTo)
  if (expr.kind === 'has') {
    const path = comesTo ? argumentPath({ ...expr, kind: 'member' }) : undefined
    return new Set(path ? [JSON.stringify(path)] : [])
  }
  const both = comesTo ? 'and' : 'or'
  if (expr.kind !== both) return new Set()
  return union(askedIf(expr.left, comesTo), askedIf(expr.right, comesTo))
}

function union(a: Asked, b: Asked): Asked {
  return a.size === 0 ? b : new Set([...a, ...b])
}

/** `has(args.order)` and `has(args.order.total)` both are answers for `args.order.total`. */
function isAsked(path: readonly string[], asked: Asked): boolean {
  return path.some((_, at) => asked.has(JSON.stringify(path.slice(0, at + 1))))
}
