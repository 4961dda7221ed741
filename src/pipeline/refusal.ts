/**
 * Refusal → what the agent is told. The text comes from a closed table with at most the tool's name in it: it is
 * read by a model, so it is an injection surface. Operators get everything from `chaperone explain` and the record.
 */
import type { DenyReason } from '../model/decision.ts'
import { canonical, type Json, type JsonObject } from '../model/json.ts'
import type { Era } from '../model/record.ts'
import type { Refusal } from '../model/verdict.ts'

/** The `_meta` member that carries the reason of a denial, for programs. */
export const REASON_META = 'dev.chaperone/reason'

/** Beside it: when what is used up begins anew (RFC 3339). */
export const RESETS_META = 'dev.chaperone/resets_at'

interface Wording {
  readonly text: string
  /** JSON-RPC code where the denial is an error; design: just above the band that the specification reserves. */
  readonly code: number
  /** A protocol error also for `tools/call`: the request itself was not one the guard serves. */
  readonly protocol?: true
}

const DENIED = -31_403

const WORDING: Readonly<Record<DenyReason, Wording>> = {
  malformed: { text: 'Invalid request', code: -32_600, protocol: true },
  unsupported: { text: 'Method not found', code: -32_601, protocol: true },
  unauthenticated: { text: 'Denied: the guard does not know which agent is asking', code: -31_401 },
  agent_mismatch: { text: 'Denied: the mandate was given to another agent', code: DENIED },
  environment_mismatch: { text: 'Denied: the mandate is for another environment', code: DENIED },
  mandate_not_yet_valid: { text: 'Denied: the mandate is not valid yet', code: DENIED },
  mandate_expired: { text: 'Denied: the mandate has expired', code: DENIED },
  clock_moved_back: { text: 'Denied: the clock of the guard went back', code: DENIED },
  unknown_tool: { text: 'Unknown tool', code: -32_602, protocol: true },
  unknown_resource: { text: 'Resource not found', code: -32_602, protocol: true },
  unknown_prompt: { text: 'Unknown prompt', code: -32_602, protocol: true },
  tool_changed: {
    text: 'Denied: the definition of this tool changed since it was approved',
    code: DENIED,
  },
  definition_changed: {
    text: 'Denied: its definition changed since it was approved',
    code: DENIED,
  },
  outside_mandate: { text: 'Denied: this call is outside the mandate', code: DENIED },
  forbidden: { text: 'Denied: this call is forbidden', code: DENIED },
  evaluation_error: { text: 'Denied: a rule about this call could not be evaluated', code: DENIED },
  approval_required: {
    text: 'Denied: this call needs the approval of a human. Ask the person you work for; do not try again without it',
    code: -31_428,
  },
  audit_unavailable: { text: 'Denied: the guard cannot record calls at the moment', code: -31_503 },
  credential_unavailable: {
    text: 'Denied: the credential for this tool is not available',
    code: -31_502,
  },
  upstream_unavailable: {
    text: 'The tool server is not available; the call was not made',
    code: -31_502,
  },
  upstream_timeout: {
    text: 'The tool server did not answer in time; outcome unknown. Check before you try again',
    code: -31_504,
  },
  outcome_unknown: {
    text: 'The tool server ended before it answered; outcome unknown. Check before you try again',
    code: -31_502,
  },
  output_refused: {
    text: 'The call was made, but its result is withheld: it is too large or cannot be read',
    code: DENIED,
  },
  request_not_permitted: {
    text: 'The tool server asked for something that the mandate does not permit',
    code: DENIED,
  },
  cancelled: { text: 'The request was cancelled', code: -31_403 },
  guard_stopping: { text: 'The guard is stopping; the call was not made', code: -31_503 },
  internal_error: { text: 'Denied: a fault in the guard', code: -32_603 },
  header_mismatch: {
    text: 'Header mismatch: the headers do not say what the body says',
    code: -32_020,
    protocol: true,
  },
  input_unanswered: {
    text: 'The tool server asked for input that was not given; outcome unknown. Check before you try again',
    code: -31_502,
  },
  engine_unavailable: {
    text: 'Denied: the guard cannot decide about this call at the moment',
    code: -31_503,
  },
  obligation_unmet: {
    text: 'Denied: a duty that comes with this call could not be met',
    code: DENIED,
  },
  mandate_revoked: { text: 'Denied: the mandate was revoked', code: DENIED },
  mandate_suspended: { text: 'Denied: the mandate is suspended', code: DENIED },
  revoked: { text: 'Denied: this was revoked', code: DENIED },
  suspended: { text: 'Denied: this is suspended', code: DENIED },
  budget_exhausted: { text: 'Denied: the budget for this is used up', code: -31_429 },
  state_unavailable: {
    text: 'Denied: the guard cannot look up what is left and what was taken back at the moment',
    code: -31_503,
  },
}

/** Of a call that was under way when it was taken back: it may have been made. */
const LEFT = '. It had left by then; outcome unknown'
const TAKEN_BACK: ReadonlySet<DenyReason> = new Set([
  'mandate_revoked',
  'mandate_suspended',
  'revoked',
  'suspended',
  'state_unavailable',
])

/** What agents are told of a refusal. */
export type Why = Pick<Refusal, 'reason' | 'resetsAt'> & Partial<Pick<Refusal, 'stage'>>

/** How a refusal travels: a tool result that a model reads, or a JSON-RPC error. */
export interface Told {
  readonly part: 'result' | 'error'
  readonly text: string
  /** Of an error. */
  readonly code?: number
}

/**
 * A denied `tools/call` is a result with `isError: true` (clients hand it to the model, which then stops trying); other
 * methods get a JSON-RPC error. `name` is the tool's name as the agent wrote it.
 */
export function told(why: DenyReason | Why, method: string, era: Era, name?: string): Told {
  const { reason, resetsAt, stage } = typeof why === 'string' ? { reason: why } : why
  const resets = resetsAt === undefined ? undefined : new Date(resetsAt).toISOString()
  const wording = WORDING[reason]
  const anew = resets === undefined ? '' : `. It begins anew at ${resets}`
  const left = stage === 'screen' && TAKEN_BACK.has(reason) ? LEFT : ''
  const text = `${wording.text}${subject(reason, name)}${anew}${left}`
  if (method === 'tools/call' && wording.protocol !== true) {
    const more = { [REASON_META]: reason, ...(resets !== undefined && { [RESETS_META]: resets }) }
    return { part: 'result', text: canonical(toolError(text, more, era)) }
  }
  const code = reason === 'unknown_resource' && era === 'legacy' ? -32_002 : wording.code
  const data = {
    reason,
    ...uriOf(reason, era, name),
    ...(resets !== undefined && { resets_at: resets }),
  }
  return { part: 'error', text: canonical({ code, message: text, data }), code }
}

/** MCP 2026-07-28, Resources, Error Handling: the error says which resource was meant. */
function uriOf(reason: DenyReason, era: Era, name: string | undefined): JsonObject {
  const plain = name !== undefined && name.length <= 2048 && /^[\w./:@%~+-]+$/.test(name)
  return reason === 'unknown_resource' && era === 'modern' && plain ? { uri: name } : {}
}

function toolError(text: string, meta: JsonObject, era: Era): JsonObject {
  const base: Record<string, Json> = {
    content: [{ type: 'text', text: `${text}.` }],
    isError: true,
    _meta: meta,
  }
  if (era === 'modern') base['resultType'] = 'complete'
  return base
}

const NAMED: ReadonlySet<DenyReason> = new Set([
  'unknown_tool',
  'unknown_resource',
  'unknown_prompt',
])

/** Only a name of the shape that the specification gives names is repeated; anything else is left out. */
function subject(reason: DenyReason, name: string | undefined): string {
  if (!NAMED.has(reason) || name === undefined || name.length > 128 || !/^[\w./:@-]+$/.test(name))
    return ''
  return `: ${name}`
}
