/** What conditions ask of the task's history: tools and arguments that nobody ever has are never counted. */
import type { Expr } from '../../expression/syntax.ts'
import { argumentNames } from '../../mandate/schema.ts'
import { nearest, type Place } from '../../model/document.ts'
import { inputSchema, type ToolDefinition } from '../../model/tool.ts'
import type { Target } from '../language.ts'
import { compileTarget, names } from '../target.ts'
import { expressionsIn } from './expressions.ts'
import { type Findings, type LintGiven, someOf } from './finding.ts'
import { lintTarget, serversOf } from './targets.ts'

export function lintPast(given: LintGiven, findings: Findings): void {
  const { tools } = given
  if (!tools) return
  const known = { ...given, tools, servers: serversOf(given, tools) }
  for (const rule of given.policies.rules) {
    const { name } = rule.source
    for (const { expr, place } of expressionsIn(rule)) {
      const asked = askedOf(expr, place)
      if (!asked) continue
      lintTarget(asked.target, name, known, findings)
      lintArgument(asked, name, tools, findings)
    }
  }
}

interface Asked {
  readonly target: Target
  /** Of `calledWith`. */
  readonly argument?: string
}

const ASKING = ['calls', 'completed', 'calledWith']

function askedOf(expr: Expr, place: Place): Asked | undefined {
  if (expr.kind !== 'call' || !ASKING.includes(expr.name)) return undefined
  if (expr.target?.kind !== 'name' || expr.target.name !== 'session') return undefined
  const [pattern, argument] = expr.args.map((one) =>
    one.kind === 'literal' && typeof one.value === 'string' ? one.value : undefined,
  )
  const slash = pattern?.indexOf('/') ?? -1
  if (pattern === undefined || slash < 1) return undefined
  const [server, name] = [pattern.slice(0, slash), pattern.slice(slash + 1)]
  return {
    target: { kind: 'tool', server, name, place },
    ...(expr.name === 'calledWith' && argument !== undefined && { argument }),
  }
}

/** Of several tools not each has the argument; one has to. */
function lintArgument(
  { target, argument }: Asked,
  rule: string,
  tools: readonly ToolDefinition[],
  findings: Findings,
): void {
  if (argument === undefined) return
  const compiled = compileTarget(target)
  const asked = tools.filter((tool) => names(compiled, 'tool', tool.server, tool.name))
  const all = asked.map((tool) => argumentNames(inputSchema(tool)))
  // One that says nothing of its arguments may take any.
  if (all.length === 0 || all.some((one) => one === undefined || one.has(argument))) return
  const known = [...new Set(all.flatMap((one) => [...(one ?? [])]))]
  const near = nearest(argument, known)
  const there = known.length === 0 ? 'it has none' : `there are ${someOf(known)}`
  const remedy = near === undefined ? there : `did you mean \`${near}\`?`
  const literally = compiled.server.literal && compiled.name.literal
  const about = { place: target.place, rule, level: literally ? 'error' : 'warning' } as const
  const message = `\`${target.server}/${target.name}\` is never called with an argument \`${argument}\``
  findings.add('unknown_argument', about, message, remedy)
}
