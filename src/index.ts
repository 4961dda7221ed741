/** The public surface: what a program that embeds the guard needs. The command line is `chaperone`. */
export { createGuard, probeUpstreams } from './guard.ts'
export type { Guard, GuardedUpstream, GuardOptions } from './guard.ts'
export { compileMandate } from './mandate/compile.ts'
export { loadMandate } from './mandate/load.ts'
export type { LoadedMandate } from './mandate/load.ts'
export { loadUpstreams } from './config/mcp-json.ts'
export type { Upstream, Upstreams } from './config/mcp-json.ts'
export { readLock } from './config/lock.ts'
export { unapprovedLaunches } from './config/approved.ts'
export { openPosture } from './config/posture.ts'
export type { PostureParts } from './config/posture.ts'
export { systemClock, systemTimers, systemWatch } from './config/system.ts'
export { Problems, problemText } from './model/document.ts'
export type { Place, Problem } from './model/document.ts'
export type { Authority, CompiledMandate } from './model/authority.ts'
export type {
  CallContext,
  EffectClass,
  Environment,
  Principal,
  Resource,
  RiskPosture,
} from './model/call.ts'
export type { Conjunct, Decision, DenyReason, Remedy } from './model/decision.ts'
export { DENY_REASONS } from './model/decision.ts'
export { GuardError } from './model/error.ts'
export type { FaultCode } from './model/error.ts'
export type { Json, JsonObject } from './model/json.ts'
export type { Lock } from './model/lock.ts'
export type { Mandate } from './model/mandate.ts'
export type {
  AuditLog,
  Clock,
  OperationalLog,
  PostureChange,
  PosturePort,
  Timers,
  Watch,
} from './model/port.ts'
export type { Entry, EntryBody, Receipt } from './model/record.ts'
export type { ToolDefinition } from './model/tool.ts'
export type { Refusal, StageName, Verdict } from './model/verdict.ts'
