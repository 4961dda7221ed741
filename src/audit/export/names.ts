/**
 * Every name under which something is exported, here and nowhere else: the conventions for MCP are still in development and
 * change (open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md).
 */

/** The convention's own, and stable ones that it takes over. */
export const CONVENTION = {
  method: 'mcp.method.name',
  protocol: 'mcp.protocol.version',
  tool: 'gen_ai.tool.name',
  prompt: 'gen_ai.prompt.name',
  operation: 'gen_ai.operation.name',
  error: 'error.type',
  serviceName: 'service.name',
  serviceVersion: 'service.version',
  serviceInstance: 'service.instance.id',
  serverDuration: 'mcp.server.operation.duration',
} as const

/** What `gen_ai.operation.name` says of a tool call, and of nothing else. */
export const EXECUTE_TOOL = 'execute_tool'
/** What `error.type` says of a result with `isError`. */
export const TOOL_ERROR = 'tool_error'

/** Bounds that the convention advises for durations of MCP operations, in seconds. */
export const DURATION_BOUNDS: readonly number[] = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300,
]

/** The guard's own. */
export const OWN = {
  scope: 'chaperone',
  decision: 'chaperone.decision',
  decisionId: 'chaperone.decision.id',
  reason: 'chaperone.reason',
  stage: 'chaperone.stage',
  mandate: 'chaperone.mandate.name',
  mandateHash: 'chaperone.mandate.s256',
  agent: 'chaperone.agent',
  server: 'chaperone.server',
  effects: 'chaperone.effects',
  log: 'chaperone.log.name',
  seq: 'chaperone.log.seq',
  fact: 'chaperone.event.',
  event: 'chaperone.',
} as const

/** The revision of MCP that the modern era is; a legacy agent agrees on one that the record does not name. */
export const MODERN_PROTOCOL = '2026-07-28'
