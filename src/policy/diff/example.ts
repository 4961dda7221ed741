/** Calls that show a difference: made up, and then decided by both sets. */
import { compileMandate } from '../../mandate/compile.ts'
import type { Authority } from '../../model/authority.ts'
import type { CallContext, Environment, RiskPosture } from '../../model/call.ts'
import type { Decision } from '../../model/decision.ts'
import { type Place, Problems } from '../../model/document.ts'
import { callId, instant, type Sha256, sha256 } from '../../model/id.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Grant } from '../../model/mandate.ts'
import type { History } from '../../model/policy.ts'
import type { CompiledPolicies } from '../compile.ts'
import { guarded } from '../guarded.ts'
import type { Pattern, RuleSource, Target } from '../language.ts'
import type { Example } from './change.ts'
import type { Version } from './version.ts'

/** Everything about a made-up call that rules can tell apart. */
export interface Draft {
  readonly args: JsonObject
  readonly labels: readonly string[]
  readonly risk: RiskPosture
  readonly environment?: Environment
  readonly agent?: string
  readonly at: number
  readonly history: History
}

export const NEVER: History = { read: ({ kind }) => (kind === 'called_with' ? false : 0) }

const DEFINITION: Sha256 = sha256('0'.repeat(64))
const PLACE: Place = { file: 'example', line: 1, column: 1 }

/** A call that this rule is about. */
export function callFor({ source }: Version['rule'], draft: Draft): CallContext {
  const target = source.targets?.[0]
  const agent = draft.agent ?? instance(source.agents[0]) ?? 'agent'
  const ref = instance(source.purposes[0])
  return {
    id: callId('example'),
    at: instant(draft.at),
    principal: { agent, assurance: 'mandate' },
    ...acted(target),
    args: draft.args,
    environment: draft.environment ?? source.environments[0] ?? 'prod',
    risk: draft.risk,
    session: { id: 'example', labels: draft.labels, history: draft.history },
    mandate: {
      name: 'example',
      purpose: { text: 'example', ...(ref !== undefined && { ref }) },
      owner: 'owner@example.com',
    },
  }
}

function acted(target: Target | undefined): Pick<CallContext, 'action' | 'resource'> {
  const server = concrete(target?.server ?? 'server')
  const name = concrete(target?.name ?? 'tool')
  switch (target?.kind) {
    case 'resource':
      return { action: 'resources/read', resource: { kind: 'resource', server, uri: name } }
    case 'prompt':
      return { action: 'prompts/get', resource: { kind: 'prompt', server, name } }
    default: {
      const resource = { kind: 'tool', server, name, definition: DEFINITION } as const
      return { action: 'tools/call', resource }
    }
  }
}

function instance(pattern: Pattern | undefined): string | undefined {
  return pattern && concrete(pattern.text)
}

/** A text that the pattern matches. */
function concrete(pattern: string): string {
  return pattern.replaceAll(/\*+|\?/g, 'x')
}

/** The call in words, with what both sets make of it. */
export function exampleOf(
  call: CallContext,
  source: RuleSource,
  [before, after]: readonly [CompiledPolicies, CompiledPolicies],
): Example {
  const verdict = changeOf(verdictOf(call, source, before), verdictOf(call, source, after))
  const { resource } = call
  const name = resource.kind === 'resource' ? resource.uri : resource.name
  return {
    target: `${resource.server}/${name}`,
    args: call.args,
    given: givenOf(call, source),
    ...(verdict && { verdict }),
  }
}

function givenOf(
  { session, risk, environment, at }: CallContext,
  source: RuleSource,
): readonly string[] {
  const conditions = [source.when, source.unless].map((node) =>
    node?.kind === 'scalar' ? String(node.value) : '',
  )
  const text = conditions.join(' ')
  return [
    ...session.labels.map((label) => `label ${label}`),
    ...(risk !== 'normal' || text.includes('risk') ? [`risk ${risk}`] : []),
    ...(text.includes('environment') ? [`environment ${environment}`] : []),
    ...(/\bnow\b/.test(text) ? [`at ${new Date(at).toISOString()}`] : []),
  ]
}

type Verdict = 'permit' | 'held' | 'deny'

function changeOf(before: Verdict, after: Verdict): Example['verdict'] {
  if (before === after) return undefined
  if (after === 'permit') return 'newly_permitted'
  if (after === 'deny') return 'newly_denied'
  return 'newly_held'
}

/** Under a mandate that grants just this; engines are not asked. */
function verdictOf(call: CallContext, source: RuleSource, policies: CompiledPolicies): Verdict {
  const authority = authorityOf(call, source, policies)
  if (!authority) return 'deny'
  const decision: Decision = authority.locally?.(call) ?? authority.decide(call)
  if (decision.effect === 'permit') return 'permit'
  return decision.remedy ? 'held' : 'deny'
}

function authorityOf(
  { resource, principal, environment, mandate }: CallContext,
  source: RuleSource,
  policies: CompiledPolicies,
): Authority | undefined {
  const { kind, server } = resource
  const name = resource.kind === 'resource' ? resource.uri : resource.name
  const effect = source.effects[0]
  const grant: Grant = {
    kind,
    rule: 'example',
    place: PLACE,
    server,
    name,
    ...(effect && { effect }),
    data: source.data.slice(0, 1),
    args: new Map(),
    otherArgs: 'permit',
  }
  const compiled = compileMandate(
    {
      name: 'example',
      agent: principal.agent,
      purpose: mandate?.purpose ?? { text: 'example' },
      owner: 'owner@example.com',
      environment: [environment],
      valid: { until: instant(Number.MAX_SAFE_INTEGER) },
      context: new Map(),
      grants: [grant],
      never: [],
      requests: new Map(),
      roles: [],
      file: 'example',
      digest: DEFINITION,
      signed: false,
    },
    new Problems(),
  )
  if (!compiled) return undefined
  const under = guarded(compiled, policies, environment)
  if (kind === 'resource') return under.resource(server, name)
  if (kind === 'prompt') return under.prompt(server, name)
  return under.tool({ server, name, raw: { name }, definition: DEFINITION })
}
