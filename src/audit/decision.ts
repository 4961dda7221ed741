/** A decision as it goes on record: what was decided, by which grants, and what the policies made of it. */
import type { Decision, Remedy } from '../model/decision.ts'
import { canonical, type Json, type JsonObject } from '../model/json.ts'
import type { PolicyTrace } from '../model/policy.ts'
import { withoutSecrets } from '../model/secret-shape.ts'
import { debitsWriter } from './budget-text.ts'

const LONGEST_DETAIL = 256

/** Lists of grants, and traces, that are remembered with their text. */
const MOST_REMEMBERED = 512

/** Most permits of a tool have the same list of grants, and one of few traces: what they say is written once. */
export function decisionWriter(): (decision: Decision) => string {
  const grantsText = remembered((grants: Decision['grants']) => JSON.stringify(grants))
  const debitsText = debitsWriter()
  const traceText = remembered((trace: PolicyTrace) => `,"policy":${policyText(trace)}`)
  return (decision) => {
    const { effect, grants, reason, policy } = decision
    const trace = policy ? traceText(policy) : ''
    const debits =
      decision.effect === 'permit' && decision.debits
        ? `"debits":${debitsText(decision.debits)},`
        : ''
    const head = `{${debits}"effect":"${effect}","grants":${grantsText(grants)}${trace},"reason":"${reason}"`
    if (decision.effect === 'permit' || decision.remedy === undefined) return `${head}}`
    return `${head},"remedy":${canonical(remedyJson(decision.remedy))}}`
  }
}

function remembered<T extends object>(write: (value: T) => string): (value: T) => string {
  const known = new Map<T, string>()
  return (value) => {
    const before = known.get(value)
    if (before !== undefined) return before
    const text = write(value)
    if (known.size >= MOST_REMEMBERED) known.clear()
    known.set(value, text)
    return text
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
      engines: engines.map(({ engine, effect, tookMs }) => ({
        engine,
        effect,
        took_ms: Math.round(tookMs * 1000) / 1000,
      })),
    }),
  })
}

/** What external engines said beside their answers: their own words, which may hold what they were told of the call. */
export function enginesSaid({ policy }: Decision): JsonObject | undefined {
  const said = policy?.engines?.flatMap(({ engine, detail }): [string, string][] =>
    detail === undefined ? [] : [[engine, withoutSecrets(detail.slice(0, LONGEST_DETAIL))]],
  )
  return said === undefined || said.length === 0 ? undefined : Object.fromEntries(said)
}
