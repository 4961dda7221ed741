/** Policies written as text, as a person would, in force beside a mandate that permits everything. */
import { problemText } from '../../src/model/document.ts'
import type { Problem } from '../../src/model/document.ts'
import type { CallContext, Environment } from '../../src/model/call.ts'
import type { CompiledMandate } from '../../src/model/authority.ts'
import type { Decision } from '../../src/model/decision.ts'
import { sha256, type Sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { History } from '../../src/model/policy.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import type { CompiledPolicies, EngineSelection } from '../../src/policy/compile.ts'
import { guarded, type GuardedMandate } from '../../src/policy/guarded.ts'
import { loadPolicies } from '../../src/policy/load.ts'
import { callOf } from '../expression/call.ts'
import { mandateOf, tool } from '../fakes/line.ts'

export const REVISION: Sha256 = sha256('a'.repeat(64))

export const EVERYTHING: CompiledMandate = mandateOf(`mandate: everything
agent: procurement-agent-001
purpose: { text: Approve class B vendors, ref: PROC-1182 }
owner: dana@acme.example
approved: { by: [lee@acme.example], at: 2026-11-20T09:00:00Z }
valid: { until: 2027-01-01T00:00:00Z }
tools: { "*/*": {} }
resources: { "*/**": {} }
prompts: { "*/*": {} }
`)

/** The rules of one policy, from line 3 on. */
export function ruled(rules: string): string {
  return `policy: acme\nrules:\n${rules}`
}

/** A set from its files; problems fail the test with their places. */
export function policies(
  texts: string | Readonly<Record<string, string>>,
  engines: readonly EngineSelection[] = [],
  revision: Sha256 = REVISION,
): CompiledPolicies {
  const loaded = loadPolicies(textsOf(texts), engines, revision)
  if (!loaded.policies) throw new Error(loaded.problems.map(problemText).join('\n'))
  return loaded.policies
}

/** What is wrong with a set. */
export function problemsOf(texts: string | Readonly<Record<string, string>>): readonly Problem[] {
  return loadPolicies(textsOf(texts), [], REVISION).problems
}

function textsOf(
  texts: string | Readonly<Record<string, string>>,
): readonly { readonly file: string; readonly text: string }[] {
  const files = typeof texts === 'string' ? { 'p.yaml': texts } : texts
  return Object.entries(files).map(([file, text]) => ({ file, text }))
}

export function under(
  texts: string | Readonly<Record<string, string>>,
  mandate: CompiledMandate = EVERYTHING,
  environment: Environment = 'prod',
): GuardedMandate {
  return guarded(mandate, policies(texts), environment)
}

export interface Asked {
  readonly tool?: ToolDefinition
  readonly args?: JsonObject
  readonly call?: Partial<CallContext>
}

/** Decides one call of a tool. */
export function decided(mandate: CompiledMandate, asked: Asked = {}): Decision {
  const acted = asked.tool ?? tool('mail', 'send')
  return mandate.tool(acted).decide(toolCall(acted, asked))
}

export function toolCall(acted: ToolDefinition, { args = {}, call = {} }: Asked = {}): CallContext {
  const { server, name, definition } = acted
  return callOf(args, {
    session: { id: 't1', labels: [] },
    resource: { kind: 'tool', server, name, definition },
    ...call,
  })
}

/** A past in which every question has this answer. */
export function past(answer: number | boolean | undefined): History {
  return { read: () => answer }
}
