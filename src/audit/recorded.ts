/** A decision as it stands on record: read back from an intent or a refusal, without trusting what the entry says. */
import {
  type Action,
  ACTIONS,
  type CallContext,
  ENVIRONMENTS,
  RISK_POSTURES,
} from '../model/call.ts'
import { DENY_REASONS, type Outcome } from '../model/decision.ts'
import { callId, type Instant, type Sha256, sha256 } from '../model/id.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import { type EngineFact, RULE_EFFECTS, type RuleEffect } from '../model/policy.ts'
import { rfc3339 } from '../model/time.ts'
import type { EntryItem } from './read.ts'

/** What policies made of it. */
export interface RecordedPolicy {
  readonly revision: Sha256
  readonly determining: readonly string[]
  readonly errors: readonly string[]
  readonly shadow: readonly { readonly rule: string; readonly effect: RuleEffect }[]
  /** Rules that laid on duties, labels that are left by every call among them. */
  readonly obligations: readonly JsonObject[]
  readonly engines: readonly EngineFact[]
}

export interface Recorded {
  readonly log: string
  readonly folder: string
  readonly ts: string
  readonly at: Instant
  readonly call: CallContext['id']
  readonly kind: 'intent' | 'refusal'
  readonly agent: CallContext['principal']
  readonly action: Action
  readonly server: string
  /** The tool, the prompt or the URI. */
  readonly name: string
  readonly definition?: Sha256
  readonly effects: readonly string[]
  readonly mandate: { readonly name: string; readonly digest: Sha256 }
  readonly environment: CallContext['environment']
  readonly risk: CallContext['risk']
  readonly task: string
  readonly labels: readonly string[]
  readonly outcome: Outcome
  /** As it stands in the entry. */
  readonly decision: JsonObject
  readonly grants: readonly string[]
  readonly remedy?: JsonObject
  readonly policy?: RecordedPolicy
  readonly facts: JsonObject
  readonly erased: readonly string[]
  /** Keyed digest of all arguments, and these where they were captured. */
  readonly argsDigest: string
  /** Are these all arguments? Absent in an entry of the first format, where the log's key tells, and where nobody can. */
  readonly commits?: EntryItem['commits']
  readonly format: number
  readonly args?: JsonObject
}

/** Or why the entry cannot be decided again. */
export type ReadBack = { readonly recorded: Recorded } | { readonly unfit: string }

/** Reads an intent or a refusal. */
export function recordedOf(item: EntryItem): ReadBack {
  try {
    return { recorded: read(item) }
  } catch (error) {
    if (error instanceof Unfit) return { unfit: error.message }
    throw error
  }
}

class Unfit extends Error {}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Unfit(`the entry does not say ${what}`)
  return value
}

function read({ entry, log, folder, commits }: EntryItem): Recorded {
  const decision = member(entry, 'decision')
  if (!isObject(decision)) {
    const stage = textAt(entry, 'stage') ?? 'a stage'
    throw new Unfit(`it was refused by \`${stage}\`, and no rule was asked`)
  }
  const [request, state] = [objectAt(entry, 'request'), objectAt(entry, 'state')]
  const erased = textsAt(entry, 'erased')
  if (erased.some((path) => path.startsWith('request.')))
    throw new Unfit('what was acted on is not in the entry as it was')
  const definition = hashAt(request, 'definition')
  const args = member(entry, 'args')
  const remedy = member(decision, 'remedy')
  const policy = member(decision, 'policy')
  return {
    log,
    folder,
    ts: entry.ts,
    at: need(rfc3339(entry.ts), 'when it was'),
    call: callId(need(textAt(entry, 'call'), 'which call it is about')),
    kind: entry.type === 'intent' ? 'intent' : 'refusal',
    agent: principalOf(objectAt(entry, 'principal')),
    action: need(
      ACTIONS.find((one) => one === request['method']),
      'what was done',
    ),
    server: need(textAt(request, 'server'), 'whose it is'),
    name: need(textAt(request, 'name'), 'what was acted on'),
    ...(definition !== undefined && { definition }),
    effects: textsAt(request, 'effects'),
    mandate: mandateOf(objectAt(entry, 'mandate')),
    environment: need(
      ENVIRONMENTS.find((one) => one === state['environment']),
      'the environment',
    ),
    risk: need(
      RISK_POSTURES.find((one) => one === state['risk']),
      'the risk posture',
    ),
    task: need(textAt(state, 'task'), 'the task'),
    labels: textsAt(state, 'labels'),
    outcome: outcomeOf(decision),
    decision,
    grants: textsAt(decision, 'grants'),
    ...(isObject(remedy) && { remedy }),
    ...(isObject(policy) && { policy: policyOf(policy) }),
    facts: objectAt(entry, 'facts'),
    erased,
    argsDigest: need(
      textAt(entry, entry.v === 1 ? 'args_digest' : 'args_commit'),
      'the digest of its arguments',
    ),
    format: entry.v,
    ...(commits && { commits }),
    ...(isObject(args) && !erased.some((path) => /^args\b/.test(path)) && { args }),
  }
}

function principalOf(principal: JsonObject): CallContext['principal'] {
  const assurances = ['bearer_key', 'launch_line', 'mandate'] as const
  const onBehalfOf = textAt(principal, 'on_behalf_of')
  return {
    agent: need(textAt(principal, 'agent'), 'who acted'),
    assurance: need(
      assurances.find((one) => one === principal['assurance']),
      'how the agent is known',
    ),
    ...(onBehalfOf !== undefined && { onBehalfOf }),
  }
}

function mandateOf(mandate: JsonObject): Recorded['mandate'] {
  return {
    name: need(textAt(mandate, 'name'), 'its mandate'),
    digest: need(hashAt(mandate, 's256'), 'its mandate'),
  }
}

function outcomeOf({ effect, reason }: JsonObject): Outcome {
  if (effect === 'permit') return 'permitted'
  return need(
    DENY_REASONS.find((one) => one === reason),
    'a reason that is known',
  )
}

function policyOf(policy: JsonObject): RecordedPolicy {
  return {
    revision: need(hashAt(policy, 's256'), 'the revision of its policies'),
    determining: textsAt(policy, 'determining'),
    errors: textsAt(policy, 'errors'),
    shadow: objectsAt(policy, 'shadow').flatMap((one) => {
      const rule = textAt(one, 'rule')
      const effect = RULE_EFFECTS.find((known) => known === one['effect'])
      return rule !== undefined && effect ? [{ rule, effect }] : []
    }),
    obligations: objectsAt(policy, 'obligations'),
    engines: objectsAt(policy, 'engines').map(engineOf),
  }
}

function engineOf(fact: JsonObject): EngineFact {
  const took = member(fact, 'took_ms')
  const detail = textAt(fact, 'detail')
  return {
    engine: need(textAt(fact, 'engine'), 'which engine was asked'),
    effect: need(
      (['permit', 'deny', 'error'] as const).find((one) => one === fact['effect']),
      'what an engine answered',
    ),
    tookMs: typeof took === 'number' ? took : 0,
    ...(detail !== undefined && { detail }),
  }
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = member(object, key)
  return isObject(value) ? value : {}
}

function textAt(object: JsonObject, key: string): string | undefined {
  const value = member(object, key)
  return typeof value === 'string' ? value : undefined
}

function textsAt(object: JsonObject, key: string): readonly string[] {
  return listAt(object, key).filter((one) => typeof one === 'string')
}

function objectsAt(object: JsonObject, key: string): readonly JsonObject[] {
  return listAt(object, key).filter(isObject)
}

function listAt(object: JsonObject, key: string): readonly Json[] {
  const value = member(object, key)
  return isList(value) ? value : []
}

function hashAt(object: JsonObject, key: string): Sha256 | undefined {
  try {
    return sha256(textAt(object, key) ?? '')
  } catch {
    return undefined
  }
}
