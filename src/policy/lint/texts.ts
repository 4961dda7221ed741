/** Comparisons that match more or less than they seem to: loose patterns, bare suffixes, numbers that are names. */
import { type Expr, exprText } from '../../expression/syntax.ts'
import type { DocNode, Place } from '../../model/document.ts'
import { argumentPath } from '../logic/prop.ts'
import type { CompiledRule } from '../rule.ts'
import { clausesIn, expressionsIn } from './expressions.ts'
import type { Findings, LintGiven } from './finding.ts'

export function lintTexts({ policies, mandates }: LintGiven, findings: Findings): void {
  for (const rule of policies.rules) {
    const { name } = rule.source
    for (const { expr, place } of expressionsIn(rule))
      lintExpr(expr, { place, rule: name }, findings)
    lintConstraints(constraintsOf(rule), name, findings)
  }
  for (const { mandate } of mandates)
    for (const { args, rule } of mandate.grants) lintConstraints([...args], rule, findings)
}

function constraintsOf({ source }: CompiledRule): readonly (readonly [string, DocNode])[] {
  return [...(source.unlessArgs?.args ?? [])]
}

interface At {
  readonly place: Place
  readonly rule: string
}

function lintExpr(expr: Expr, at: At, findings: Findings): void {
  if (expr.kind === 'binary') lintNumber(expr, at, findings)
  if (expr.kind !== 'call') return
  const [first, second] = expr.args
  if (expr.name === 'pattern' && second?.kind === 'literal')
    lintPattern(String(second.value), at, findings)
  if (expr.name === 'startsWith' && first?.kind === 'literal' && expr.target)
    lintPrefix(exprText(expr.target), String(first.value), at, findings)
  const reads = expr.target && lastStep(expr.target)
  if (expr.name === 'endsWith' && first?.kind === 'literal' && reads !== undefined)
    lintSuffix(reads, String(first.value), at, findings)
}

/** How what is read is called: the last step of `args.order.email`, or a variable of a macro. */
function lastStep(expr: Expr): string | undefined {
  if (expr.kind === 'name') return expr.name
  if (expr.kind === 'call' && (expr.name === 'domain' || expr.name === 'host')) return expr.name
  const path = argumentPath(expr)
  return path ? path.at(-1) : expr.kind === 'member' ? expr.name : undefined
}

function lintConstraints(
  args: readonly (readonly [string, DocNode])[],
  rule: string,
  findings: Findings,
): void {
  for (const [name, node] of args) {
    for (const { value, place } of clausesIn(node, 'pattern'))
      lintPattern(String(value), { place, rule }, findings)
    for (const { value, place } of clausesIn(node, 'suffix'))
      lintSuffix(name, String(value), { place, rule }, findings)
    for (const { value, place } of clausesIn(node, 'prefix'))
      lintPrefix(name, String(value), { place, rule }, findings)
  }
}

function lintPattern(source: string, at: At, findings: Findings): void {
  const begins = /^\^?\.[*+]/.test(source)
  const ends = /(?:^|[^\\])\.[*+]\$?$/.test(source)
  if (!begins && !ends) return
  const where = begins && ends ? 'begins and ends' : begins ? 'begins' : 'ends'
  const message = `the pattern \`${source}\` ${where} with whatever there is`
  findings.add('loose_pattern', at, message, 'name all that may stand there, or use `contains`')
}

const BARE_DOMAIN = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}$/i
const FILE = /path|file|dir|folder|name/i

function lintSuffix(reads: string, suffix: string, at: At, findings: Findings): void {
  if (!BARE_DOMAIN.test(suffix) || FILE.test(reads)) return
  const message = `what ends with \`${suffix}\` may be \`evil${suffix}\``
  const remedy = `compare the domain: \`domain(…) == "${suffix}"\`, or begin with \`@\` or \`.\``
  findings.add('suffix_domain', at, message, remedy)
}

/** A scheme and a host, and nothing that ends the host. */
const BARE_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\]+)$/i

function lintPrefix(reads: string, prefix: string, at: At, findings: Findings): void {
  const host = BARE_ORIGIN.exec(prefix)?.[1]
  if (host === undefined) return
  const message = `what begins with \`${prefix}\` may be \`${prefix}.evil.example\``
  const remedy = `compare the host: \`host(${reads}) == "${host.toLowerCase()}"\``
  findings.add('prefix_host', at, message, remedy)
}

const NUMBERED = /(?:^|[_-])id$|[a-z]I[dD]$/

function lintNumber(expr: Extract<Expr, { kind: 'binary' }>, at: At, findings: Findings): void {
  for (const [side, other] of [
    [expr.left, expr.right],
    [expr.right, expr.left],
  ] as const) {
    const value = numberIn(side)
    if (value === undefined) continue
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      const message = `\`${exprText(side)}\` is beyond 2^53, where numbers are no longer exact`
      findings.add('numeric_id', at, message, 'compare it as a text')
    } else if (NUMBERED.test(argumentPath(other)?.at(-1) ?? '')) {
      const message = `\`${exprText(other)}\` is compared as a number: what names something may have leading zeros, or more digits than a number keeps`
      findings.add('numeric_id', at, message, 'have it as a text, and compare it as one')
    }
  }
}

function numberIn(expr: Expr): number | undefined {
  const inner = expr.kind === 'minus' ? expr.of : expr.kind === 'list' ? expr.items[0] : expr
  return inner?.kind === 'literal' && typeof inner.value === 'number' ? inner.value : undefined
}
