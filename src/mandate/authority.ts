/** What a mandate says of one tool, resource or prompt: is it listed, and what is decided when it is called. */
import type { ArgumentReads, Authority } from '../model/authority.ts'
import { type CallContext, EFFECT_CLASSES, type EffectClass } from '../model/call.ts'
import type { Conjunct, Decision, DenyReason, Outcome } from '../model/decision.ts'
import { type Problem, Problems } from '../model/document.ts'
import type { JsonObject } from '../model/json.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import { inputSchema, type ToolDefinition } from '../model/tool.ts'
import { compileAmount } from '../expression/amount.ts'
import { bindBudget, type Budgets, budgetsOf, type PreparedBudget } from './budget.ts'
import type { CompileCondition } from './conditions.ts'
import { conjunctsOf, shown } from './conjuncts.ts'
import { budgetConjuncts } from './budget-conjuncts.ts'
import { type Facts, factsOf } from './facts.ts'
import { conditionScope } from './grant.ts'
import type { GrantIndex } from './grant-index.ts'
import { denyAlways, judgeBy } from './judge.ts'
import { possibleBy } from './possible.ts'
import { type CompiledGrant, compileRule, type Rule } from './rule.ts'
import { isTemplate } from './template.ts'
import { declaredNames, type FindTwin, twinFinder } from './twin.ts'
import { notCanonical } from './uri.ts'

/** Definitions come from upstreams: what is shared among them is bounded. */
const MAX_SHARED = 4096

export interface AuthoritySource {
  readonly mandate: Mandate
  readonly index: GrantIndex
  /** Those of the mandate as a whole; the limits of grants stand with these. */
  readonly budgets: readonly PreparedBudget[]
  readonly conditions: (schema: JsonObject | undefined) => CompileCondition
  /** Compiled readers of arguments: tools whose rules read alike share them. */
  readonly readers: Map<string, Readers>
}

interface Readers {
  readonly facts: Facts
  readonly twin: FindTwin
}

export function toolAuthority(source: AuthoritySource, tool: ToolDefinition): Authority {
  const { index } = source
  const { server, name, lockedEffect } = tool
  const naming = index.naming('tool', server, name)
  return build({
    source,
    kind: 'tool',
    naming,
    blocking: index.blocking('tool', server, name),
    budgets: source.budgets.filter((one) => one.names(server, name)),
    schema: inputSchema(tool),
    ...(lockedEffect && { lockedEffect }),
  })
}

export function promptAuthority(source: AuthoritySource, server: string, name: string): Authority {
  const { index } = source
  const naming = index.naming('prompt', server, name)
  return build({
    source,
    kind: 'prompt',
    naming,
    blocking: index.blocking('prompt', server, name),
  })
}

/**
 * A URI that has a second spelling is covered by nothing. A URI template is only ever completed: reading it is
 * outside every mandate.
 */
export function resourceAuthority(source: AuthoritySource, server: string, uri: string): Authority {
  const { index } = source
  const template = isTemplate(uri)
  const why = template ? undefined : notCanonical(uri)
  const naming = template
    ? index.template(server, uri)
    : why === undefined
      ? index.naming('resource', server, uri)
      : []
  const authority = build({
    source,
    kind: 'resource',
    naming,
    blocking: index.blocking('resource', server, uri),
    ...(why !== undefined && { refused: { read: uri, why } }),
  })
  if (!template) return authority
  const unread = denyAlways('outside_mandate', [])
  return {
    ...authority,
    decide: (call) =>
      call.action === 'completion/complete' ? authority.decide(call) : unread(call),
    possible: (call) =>
      call.action === 'completion/complete' ? authority.possible(call) : OUTSIDE,
  }
}

const OUTSIDE: ReadonlySet<Outcome> = new Set(['outside_mandate'])

interface Parts {
  readonly source: AuthoritySource
  readonly kind: Grant['kind']
  readonly naming: readonly CompiledGrant[]
  /** The `never` patterns that match. */
  readonly blocking: readonly string[]
  /** Of the mandate's own, those that are about it; absent: none. */
  readonly budgets?: readonly PreparedBudget[]
  readonly schema?: JsonObject
  /** What the lock file says that a tool does. */
  readonly lockedEffect?: EffectClass
  /** A URI that nothing can cover. */
  readonly refused?: { readonly read: string; readonly why: string }
}

function build(parts: Parts): Authority {
  const found = new Problems()
  const { rules, budgets, facts, twin } = compiledFor(parts, found)
  const problems = found.list.filter((problem) => problem.level === 'error')
  const hidden = hiddenFor(parts, rules, problems)
  const names = parts.naming.map(({ grant }) => grant.rule)
  const decide: (call: CallContext) => Decision =
    hidden === undefined ? judgeBy(rules, facts, twin, budgets) : denyAlways(hidden, names)
  return {
    listed: hidden === undefined,
    effects: effectsOf(parts),
    named: namedIn(parts),
    data: [...new Set(parts.naming.flatMap(({ grant }) => grant.data))].toSorted(),
    problems,
    decide,
    explain: (call) => [
      ...explain(parts, { rules, problems, twin }, call),
      ...(budgets && hidden === undefined ? budgetConjuncts(budgets, call) : []),
    ],
    possible: (call) =>
      hidden === undefined
        ? possibleBy(rules, { twin, ...(budgets && { budgets }) }, call)
        : new Set<Outcome>([hidden]),
    reads: () => (hidden === undefined ? readsOf(rules, budgets) : NO_READS),
  }
}

const NO_READS: ArgumentReads = { names: [], paths: [] }

interface Compiled extends Readers {
  readonly rules: readonly Rule[]
  readonly budgets: Budgets | undefined
}

/** A definition that cannot be followed (nested without end) hides its tool, and only that. */
function compiledFor(parts: Parts, problems: Problems): Compiled {
  const { source, naming, schema } = parts
  try {
    const compile = source.conditions(schema)
    const rules = naming.map((grant) => compileRule(grant, schema, compile, problems))
    const budgets = budgetsFor(parts, problems)
    return { rules, budgets, ...readersOf(parts, rules, budgets) }
  } catch {
    const place = naming[0]?.grant.place ?? { file: source.mandate.file, line: 1, column: 1 }
    const message = 'the definition of the tool cannot be followed'
    problems.error({ place }, 'invalid_definition', message, 'ask whoever runs the upstream')
    return { rules: [], budgets: undefined, facts: () => ({}), twin: () => undefined }
  }
}

/** The budgets that a call of it is counted by, with their amounts as its definition types them. */
function budgetsFor(
  { source, naming, budgets = [], schema }: Parts,
  problems: Problems,
): Budgets | undefined {
  const limits = naming.flatMap(({ limit }) => limit ?? [])
  const { purpose } = source.mandate
  const scope = {
    ...conditionScope({ ...purpose, purpose: purpose.text }),
    ...(schema && { inputSchema: schema }),
  }
  return budgetsOf(
    [...budgets, ...limits].map((one) => {
      const { amount } = one.source
      return bindBudget(one, amount && compileAmount(amount, scope, problems))
    }),
  )
}

/** Why no arguments whatever could be permitted; undefined where some may. */
function hiddenFor(
  { blocking }: Parts,
  rules: readonly Rule[],
  problems: readonly Problem[],
): DenyReason | undefined {
  if (blocking.length > 0) return 'forbidden'
  if (problems.length > 0) return 'evaluation_error'
  if (rules.length === 0) return 'outside_mandate'
  return rules.some(({ when }) => when?.source.trim() === 'false') ? 'outside_mandate' : undefined
}

/** The strictest that anybody says, the grants or the lock file; where nobody says one, it counts as all of them. */
function effectsOf(parts: Parts): readonly EffectClass[] {
  const strictest = namedIn(parts).at(-1)
  return strictest === undefined ? EFFECT_CLASSES : [strictest]
}

/** What anybody says, the strictest last. */
function namedIn({ naming, lockedEffect }: Parts): readonly EffectClass[] {
  const said = [...naming.map(({ grant }) => grant.effect), lockedEffect]
  return EFFECT_CLASSES.filter((effect) => said.includes(effect))
}

/** The readers for the rules of one tool, shared with the tools whose rules read the same. */
function readersOf(
  { source, schema }: Parts,
  rules: readonly Rule[],
  budgets: Budgets | undefined,
): Readers {
  const { readers } = source
  const reads = readsOf(rules, budgets)
  const declared = declaredNames(schema)
  const key = JSON.stringify([reads, declared])
  const known = readers.get(key)
  if (known) return known
  const names = [...reads.names, ...reads.paths.map(firstStep)]
  const made = { facts: factsOf(reads), twin: twinFinder(names, declared) }
  if (readers.size < MAX_SHARED) readers.set(key, made)
  return made
}

function firstStep(path: string): string {
  return path.split('.', 1)[0] ?? path
}

function readsOf(rules: readonly Rule[], budgets: Budgets | undefined): ArgumentReads {
  return {
    names: rules.flatMap(({ args }) => args.map(({ name }) => name)),
    paths: [
      ...rules.flatMap(({ when, approval }) => [
        ...(when?.reads ?? []),
        ...(approval?.when?.reads ?? []),
      ]),
      ...(budgets?.reads ?? []),
    ],
  }
}

function explain(
  { kind, blocking, refused }: Parts,
  found: {
    readonly rules: readonly Rule[]
    readonly problems: readonly Problem[]
    readonly twin: FindTwin
  },
  call: CallContext,
): readonly Conjunct[] {
  const { rules, problems, twin } = found
  const conjuncts: Conjunct[] = blocking.map((pattern) => ({
    rule: `never.${pattern}`,
    expected: '`never` does not name it',
    read: pattern,
    result: 'fails',
  }))
  if (refused) {
    const { read, why } = refused
    const expected = 'the URI is canonical'
    conjuncts.push({ rule: 'resources', expected, read: shown(read), result: 'fails', hint: why })
  }
  if (rules.length === 0) {
    conjuncts.push({ rule: `${kind}s`, expected: `a grant names the ${kind}`, result: 'fails' })
  }
  for (const { message, remedy } of problems) {
    const hint = remedy === undefined ? message : `${message}: ${remedy}`
    const expected = 'the grant fits the definition'
    conjuncts.push({ rule: `${kind}s`, expected, result: 'error', hint })
  }
  return [...conjuncts, ...secondSpelling(rules, twin, call), ...conjunctsOf(rules, call)]
}

function secondSpelling(
  rules: readonly Rule[],
  twin: FindTwin,
  call: CallContext,
): readonly Conjunct[] {
  const open = rules.find((rule) => !rule.closed)
  const key = open && twin(call.args)
  if (!open || key === undefined) return []
  const expected = 'no argument is a second spelling of one that a rule reads'
  const hint = 'an upstream may take the one for the other'
  return [{ rule: `${open.name}.args`, expected, read: shown(key), result: 'fails', hint }]
}
