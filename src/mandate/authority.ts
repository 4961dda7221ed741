/** What a mandate says of one tool, resource or prompt: is it listed, and what is decided when it is called. */
import type { Authority } from '../model/authority.ts'
import { type CallContext, EFFECT_CLASSES, type EffectClass } from '../model/call.ts'
import type { Conjunct, Decision, DenyReason } from '../model/decision.ts'
import { type Problem, Problems } from '../model/document.ts'
import type { JsonObject } from '../model/json.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import { conjunctsOf, shown } from './conjuncts.ts'
import { factsOf, type Reads } from './facts.ts'
import type { GrantIndex } from './grant-index.ts'
import { denyAlways, judgeBy } from './judge.ts'
import { type CompiledGrant, compileRule, type Rule } from './rule.ts'
import { isTemplate } from './template.ts'
import { notCanonical } from './uri.ts'

export interface AuthoritySource {
  readonly mandate: Mandate
  readonly index: GrantIndex
}

export function toolAuthority(
  { mandate, index }: AuthoritySource,
  server: string,
  name: string,
  schema: JsonObject,
): Authority {
  const naming = index.naming('tool', server, name)
  return build({
    mandate,
    kind: 'tool',
    naming,
    blocking: index.blocking('tool', server, name),
    schema,
  })
}

export function promptAuthority(
  { mandate, index }: AuthoritySource,
  server: string,
  name: string,
): Authority {
  const naming = index.naming('prompt', server, name)
  return build({
    mandate,
    kind: 'prompt',
    naming,
    blocking: index.blocking('prompt', server, name),
  })
}

/**
 * A URI that has a second spelling is covered by nothing. A URI template is only ever completed: reading it is
 * outside every mandate.
 */
export function resourceAuthority(
  { mandate, index }: AuthoritySource,
  server: string,
  uri: string,
): Authority {
  const template = isTemplate(uri)
  const why = template ? undefined : notCanonical(uri)
  const naming = template
    ? index.template(server, uri)
    : why === undefined
      ? index.naming('resource', server, uri)
      : []
  const authority = build({
    mandate,
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
  }
}

interface Parts {
  readonly mandate: Mandate
  readonly kind: Grant['kind']
  readonly naming: readonly CompiledGrant[]
  /** The `never` patterns that match. */
  readonly blocking: readonly string[]
  readonly schema?: JsonObject
  /** A URI that nothing can cover. */
  readonly refused?: { readonly read: string; readonly why: string }
}

function build(parts: Parts): Authority {
  const { mandate, naming, blocking, schema } = parts
  const found = new Problems()
  const rules = naming.map((grant) => compileRule(grant, mandate, schema, found))
  const problems = found.list.filter((problem) => problem.level === 'error')
  const hidden = hiddenFor(parts, rules, problems)
  const names = rules.map((rule) => rule.name)
  const decide: (call: CallContext) => Decision =
    hidden === undefined ? judgeBy(rules, factsOf(readsOf(rules))) : denyAlways(hidden, names)
  return {
    listed: hidden === undefined,
    effects: effectsOf(rules),
    problems,
    decide,
    explain: (call) => explain(parts, { rules, problems, blocking }, call),
  }
}

/** Why no arguments whatever could be permitted; undefined where some may. */
function hiddenFor(
  { blocking }: Parts,
  rules: readonly Rule[],
  problems: readonly Problem[],
): DenyReason | undefined {
  if (blocking.length > 0) return 'forbidden'
  if (rules.length === 0) return 'outside_mandate'
  if (problems.length > 0) return 'evaluation_error'
  return rules.some(({ when }) => when?.source.trim() === 'false') ? 'outside_mandate' : undefined
}

function effectsOf(rules: readonly Rule[]): readonly EffectClass[] {
  const said = rules.map(({ grant }) => grant.effect).filter((effect) => effect !== undefined)
  const strictest = EFFECT_CLASSES.findLast((effect) => said.includes(effect))
  return strictest === undefined ? EFFECT_CLASSES : [strictest]
}

function readsOf(rules: readonly Rule[]): Reads {
  return {
    names: rules.flatMap(({ args }) => args.map(({ name }) => name)),
    paths: rules.flatMap(({ when, approval }) => [
      ...(when?.reads ?? []),
      ...(approval?.when?.reads ?? []),
    ]),
  }
}

function explain(
  { kind, refused }: Parts,
  found: {
    readonly rules: readonly Rule[]
    readonly problems: readonly Problem[]
    readonly blocking: readonly string[]
  },
  call: CallContext,
): readonly Conjunct[] {
  const conjuncts: Conjunct[] = found.blocking.map((pattern) => ({
    rule: `never.${pattern}`,
    expected: `\`never\` does not name it`,
    read: pattern,
    result: 'fails',
  }))
  if (refused) {
    const read = shown(refused.read)
    conjuncts.push({
      rule: 'resources',
      expected: 'the URI is canonical',
      read,
      result: 'fails',
      hint: refused.why,
    })
  }
  if (found.rules.length === 0) {
    conjuncts.push({ rule: `${kind}s`, expected: `a grant names the ${kind}`, result: 'fails' })
  }
  for (const problem of found.problems) {
    const expected = 'the grant fits the definition'
    const rule = `${kind}s`
    const hint =
      problem.remedy === undefined ? problem.message : `${problem.message}: ${problem.remedy}`
    conjuncts.push({ rule, expected, result: 'error', hint })
  }
  return [...conjuncts, ...conjunctsOf(found.rules, call)]
}
