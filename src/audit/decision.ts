/** A decision as it goes on record: what was decided, by which grants, and what the policies made of it. */
import type { Decision, Remedy } from '../model/decision.ts'
import { canonical, type Json } from '../model/json.ts'
import type { PolicyTrace } from '../model/policy.ts'
import { withoutSecrets } from '../model/secret-shape.ts'

const LONGEST_DETAIL = 256

/** Most calls get one of few traces, which is written once while it stays the same. */
export function decisionWriter(): (decision: Decision) => string {
  let last: PolicyTrace | undefined
  let text = ''
  return (decision) => {
    const { policy } = decision
    if (policy && policy !== last) {
      text = `,"policy":${policyText(policy)}`
      last = policy
    }
    const { effect, grants, reason } = decision
    const head = `{"effect":"${effect}","grants":${JSON.stringify(grants)}${policy ? text : ''},"reason":"${reason}"`
    if (decision.effect === 'permit' || decision.remedy === undefined) return `${head}}`
    return `${head},"remedy":${canonical(remedyJson(decision.remedy))}}`
  }
}

function remedyJson({ kind, approvers, expiresInMs, askedBy, quorum, assurance }: Remedy): Json {
  return {
    kind,
    approvers,
    asked_by: askedBy,
    expires_in_ms: expiresInMs,
    ...(quorum !== undefined && { quorum }),
    ...(assurance && { assurance }),
  }
}

function policyText(trace: PolicyTrace): string {
  const { revision, determining, errors, obligations, shadow, engines } = trace
  return canonical({
    s256: revision,
    ...(determining && { determining }),
    ...(errors && { errors }),
    ...(obligations && { obligations: obligations.map((one) => ({ ...one })) }),
    ...(shadow && { shadow: shadow.map((one) => ({ ...one })) }),
    ...(engines && {
      engines: engines.map(({ engine, effect, detail, tookMs }) => ({
        engine,
        effect,
        took_ms: Math.round(tookMs * 1000) / 1000,
        ...(detail !== undefined && { detail: withoutSecrets(detail.slice(0, LONGEST_DETAIL)) }),
      })),
    }),
  })
}
