/** Names and hosts that a condition compares, and that nothing ever is called. */
import { type Expr, exprText } from '../../expression/syntax.ts'
import { nearest, type Place } from '../../model/document.ts'
import type { CompiledRule } from '../rule.ts'
import { expressionsIn } from './expressions.ts'
import { type Findings, type LintGiven, someOf } from './finding.ts'
import { serversOf } from './targets.ts'

export function lintCompared(given: LintGiven, findings: Findings): void {
  const known = knownNames(given)
  for (const rule of given.policies.rules)
    for (const { expr, place } of expressionsIn(rule)) {
      const comparison = comparisonIn(expr, given)
      if (!comparison) continue
      lintName(comparison, known, { rule, place }, findings)
      lintHost(comparison, { rule, place }, findings)
    }
}

interface Comparison {
  readonly of: Expr
  readonly texts: readonly string[]
}

interface At {
  readonly rule: CompiledRule
  readonly place: Place
}

/** `of == "x"`, `"x" != of`, `of in ["x", "y"]`, `of in sets.x`. */
function comparisonIn(expr: Expr, given: LintGiven): Comparison | undefined {
  if (expr.kind !== 'binary' || !['==', '!=', 'in'].includes(expr.operator)) return undefined
  const { left, right, operator } = expr
  const turned = operator !== 'in' && left.kind === 'literal'
  const [of, other] = turned ? [right, left] : [left, right]
  const texts = textsOf(other, given)
  return texts.length === 0 ? undefined : { of, texts }
}

function textsOf(expr: Expr, { policies }: LintGiven): readonly string[] {
  if (expr.kind === 'literal') return typeof expr.value === 'string' ? [expr.value] : []
  if (expr.kind === 'list')
    return expr.items.flatMap((item) =>
      item.kind === 'literal' && typeof item.value === 'string' ? [item.value] : [],
    )
  if (expr.kind !== 'member' || expr.of.kind !== 'name' || expr.of.name !== 'sets') return []
  const values = policies.sets.get(expr.name)?.values ?? []
  return values.filter((value) => typeof value === 'string')
}

/** What `agent`, `server` and `tool` may be; nothing of what nobody said. */
type Known = ReadonlyMap<string, { readonly names: readonly string[]; readonly who: string }>

function knownNames(given: LintGiven): Known {
  const { mandates, tools, silent } = given
  const known = new Map<string, { readonly names: readonly string[]; readonly who: string }>()
  const agents = mandates.map(({ mandate }) => mandate.agent)
  if (agents.length > 0) known.set('agent', { names: agents, who: 'no mandate is for the agent' })
  if (!tools) return known
  known.set('server', { names: serversOf(given, tools), who: 'no upstream is named' })
  const named = tools.map(({ server, name }) => `${server}/${name}`)
  const asked = (silent?.size ?? 0) === 0
  if (asked) known.set('tool', { names: named, who: 'no upstream has a tool' })
  return known
}

function lintName(
  { of, texts }: Comparison,
  known: Known,
  { rule, place }: At,
  findings: Findings,
): void {
  const meant = of.kind === 'name' ? known.get(of.name) : undefined
  // Of a resource `tool` is its URI, and resources stand in no list of tools.
  if (!meant || texts.some((text) => text.includes('://') || meant.names.includes(text))) return
  const [first = ''] = texts
  const near = nearest(first, meant.names)
  const there = meant.names.length === 0 ? 'correct it' : `there are ${someOf(meant.names)}`
  const remedy = near === undefined ? there : `did you mean \`${near}\`?`
  const message = `${meant.who} ${someOf(texts)}`
  findings.add('never_matches', { place, rule: rule.source.name }, message, remedy)
}

/** Domains and hosts are in lower case, whatever an address or a URL says. */
function lintHost({ of, texts }: Comparison, { rule, place }: At, findings: Findings): void {
  if (of.kind !== 'call' || (of.name !== 'domain' && of.name !== 'host')) return
  const upper = texts.filter((text) => text !== text.toLowerCase())
  if (upper.length === 0) return
  const message = `\`${exprText(of)}\` is in lower case, and never ${someOf(upper)}`
  const remedy = `write ${someOf(upper.map((text) => text.toLowerCase()))}`
  findings.add('impossible_value', { place, rule: rule.source.name }, message, remedy)
}
