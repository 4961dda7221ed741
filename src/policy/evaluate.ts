/** Decides a call under a chain of mandates: authority is narrowed by conjunction, and order never matters. */
import type { Authority } from '../model/authority.ts'
import type { CallContext } from '../model/call.ts'
import type { Decision, DenyReason, Remedy } from '../model/decision.ts'
import type { JsonObject } from '../model/json.ts'

type Denial = Extract<Decision, { effect: 'deny' }>

/** Which denial speaks for several: the first of these, and any other reason before them. */
const PRECEDENCE: readonly DenyReason[] = [
  'forbidden',
  'outside_mandate',
  'evaluation_error',
  'approval_required',
]

/** Permits only what every mandate of the chain permits. An empty chain permits nothing. */
export function decide(chain: readonly Pick<Authority, 'decide'>[], call: CallContext): Decision {
  const [only] = chain
  if (!only) return { effect: 'deny', reason: 'outside_mandate', grants: [], facts: {} }
  if (chain.length === 1) return only.decide(call)
  const decisions = chain.map((authority) => authority.decide(call))
  const grants = [...new Set(decisions.flatMap((decision) => decision.grants))]
  const facts: JsonObject = Object.fromEntries(
    decisions.flatMap((decision) => Object.entries(decision.facts)),
  )
  const [worst, ...others] = decisions
    .filter((decision): decision is Denial => decision.effect === 'deny')
    .toSorted((a, b) => PRECEDENCE.indexOf(a.reason) - PRECEDENCE.indexOf(b.reason))
  if (!worst) {
    const debits = decisions.flatMap((one) => (one.effect === 'permit' ? (one.debits ?? []) : []))
    const permit = { effect: 'permit', reason: 'permitted', grants, facts } as const
    return debits.length === 0 ? permit : { ...permit, debits }
  }
  const denied = { effect: 'deny', reason: worst.reason, grants, facts } as const
  if (worst.reason !== 'approval_required' || !worst.remedy) return denied
  return { ...denied, remedy: others.reduce(both, worst.remedy) }
}

/** Everybody who asks must be answered; a denial without a remedy leaves nobody who could. */
function both(remedy: Remedy, { remedy: other }: Denial): Remedy {
  return {
    kind: 'approval',
    approvers: remedy.approvers.filter((one) => other?.approvers.includes(one) === true),
    expiresInMs: Math.min(remedy.expiresInMs, other?.expiresInMs ?? remedy.expiresInMs),
    askedBy: [...remedy.askedBy, ...(other?.askedBy ?? [])],
  }
}
