/** A grant compiled: its patterns and constraints once, its conditions against the definition of each tool. */
import type { Condition } from '../expression/condition.ts'
import { type Constraint, parseConstraint } from '../expression/constraint.ts'
import { compileGlob, type Glob } from '../expression/glob.ts'
import { type DocNode, nearest, plain, type Problem, Problems } from '../model/document.ts'
import { canonical, type JsonObject } from '../model/json.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import type { CompileCondition } from './conditions.ts'
import { counterOf, type PreparedBudget, prepareBudget } from './budget.ts'
import { argumentNames } from './schema.ts'

/** A grant with its patterns and constraints, whatever tool it will be asked about. */
export interface CompiledGrant {
  readonly grant: Grant
  readonly server: Glob
  readonly name: Glob
  readonly args: readonly Argument[]
  /** Names that may be given; absent: any may. */
  readonly closed?: ReadonlySet<string>
  readonly limit?: PreparedBudget
}

export interface Argument {
  readonly name: string
  readonly constraint: Constraint
}

export interface Approval {
  readonly when?: Condition
  readonly from: readonly string[]
  readonly expiresInMs: number
}

/** A grant as it stands for one tool, resource or prompt. */
export interface Rule {
  readonly name: string
  readonly grant: Grant
  readonly args: readonly Argument[]
  readonly closed?: ReadonlySet<string>
  readonly when?: Condition
  readonly approval?: Approval
}

/** Constraints by their canonical text: a mandate repeats itself, and what is shared stays in the processor's cache. */
export type Shared = Map<string, Constraint>

/** Compiles what does not depend on a definition; undefined when a problem was reported. */
export function compileGrant(
  grant: Grant,
  mandate: Mandate,
  shared: Shared,
  problems: Problems,
): CompiledGrant | undefined {
  const found = new Problems()
  const place = grant.place
  const server = compileGlob({ text: grant.server, place }, 'server', found)
  const kind = grant.kind === 'resource' ? 'uri' : 'tool'
  const name = compileGlob({ text: grant.name, place }, kind, found)
  const scope = { purpose: mandate.purpose.text, context: mandate.context }
  const args: Argument[] = []
  for (const [argument, node] of grant.args) {
    const text = canonical(plain(node))
    const constraint = shared.get(text) ?? parseConstraint(node, scope, found)
    if (constraint) shared.set(text, constraint)
    if (constraint) args.push({ name: argument, constraint })
  }
  for (const problem of found.list) if (problem.level === 'error') problems.add(problem)
  if (found.bad || !server || !name) return undefined
  const closed = grant.otherArgs === 'refuse' && { closed: new Set(grant.args.keys()) }
  const { limit } = grant
  const limited = limit && {
    limit: prepareBudget(limit, counterOf(limit, mandate.name, { own: true })),
  }
  return { grant, server, name, args, ...closed, ...limited }
}

/** Compiles the conditions of a grant for a tool with this schema, and checks the names of its arguments. */
export function compileRule(
  compiled: CompiledGrant,
  schema: JsonObject | undefined,
  compile: CompileCondition,
  problems: Problems,
): Rule {
  const { grant, args, closed } = compiled
  const condition = (node: DocNode | undefined): Condition | undefined =>
    node && compile(node, problems)
  const when = condition(grant.when)
  const asksWhen = condition(grant.approval?.when)
  if (schema) checkArguments(grant, schema, problems)
  return {
    name: grant.rule,
    grant,
    args,
    ...(closed && { closed }),
    ...(when && { when }),
    ...(grant.approval && {
      approval: {
        ...(asksWhen && { when: asksWhen }),
        from: grant.approval.from,
        expiresInMs: grant.approval.expiresInMs,
      },
    }),
  }
}

function checkArguments(grant: Grant, schema: JsonObject, problems: Problems): void {
  const known = argumentNames(schema)
  if (!known) return
  for (const [name, node] of grant.args) {
    if (!known.has(name)) problems.add(unknownArgument(name, node, known))
  }
}

function unknownArgument(name: string, node: DocNode, known: ReadonlySet<string>): Problem {
  const near = nearest(name, known)
  const remedy =
    near !== undefined
      ? `did you mean \`${near}\`?`
      : known.size === 0
        ? 'remove it: the tool takes no arguments'
        : `use one of ${[...known].map((one) => `\`${one}\``).join(', ')}`
  const message = `\`${node.path}\`: the tool has no argument \`${name}\``
  return { id: 'unknown_argument', level: 'error', place: node.place, message, remedy }
}
