/** A call as engines are asked about it, and configurations of engines. */
import type { EngineDeps } from '../../src/engine/open.ts'
import type { CallContext } from '../../src/model/call.ts'
import type { CedarConfig } from '../../src/model/engine.ts'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { EngineQuestion } from '../../src/model/port.ts'
import { fakeClock, type FakeClock } from './clock.ts'

/** A Tuesday, 10:30 in Berlin. */
export const NOW = '2026-11-24T09:30:00Z'

export const APPROVE_SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    vendor_id: { type: 'string' },
    vendor_class: { type: 'string', enum: ['A', 'B', 'C'] },
    amount: { type: 'integer' },
  },
  required: ['vendor_id', 'vendor_class', 'amount'],
}

export function callOf(args: JsonObject, changed: Partial<CallContext> = {}): CallContext {
  return {
    id: callId('call-1'),
    at: instant(Date.parse(NOW)),
    principal: { agent: 'procurement-agent-001', assurance: 'bearer_key' },
    action: 'tools/call',
    resource: {
      kind: 'tool',
      server: 'vendors',
      name: 'approve',
      definition: sha256('0'.repeat(64)),
    },
    args,
    environment: 'prod',
    risk: 'normal',
    session: { id: 'task-1', labels: [] },
    mandate: { name: 'vendor-intake', purpose: { text: 'Approve vendors', ref: 'PROC-1182' } },
    ...changed,
  }
}

export function questionOf(
  args: JsonObject,
  changed: Partial<CallContext> = {},
  about: Partial<EngineQuestion> = {},
): EngineQuestion {
  return {
    call: callOf(args, changed),
    effects: ['write'],
    data: ['internal'],
    inputSchema: APPROVE_SCHEMA,
    ...about,
  }
}

type Base = Omit<CedarConfig, 'type' | 'policies'>

export const BASE: Base = {
  id: 'pdp',
  place: { file: 'engines.yaml', line: 1, column: 1 },
  mode: 'enforce',
  effects: [],
  send: ['arguments', 'labels', 'purpose'],
  deadlineMs: 5_000,
  timezone: 'Europe/Berlin',
}

/** Time stands still, so no deadline passes unless a test lets it. */
export function engineDeps(changed: Partial<EngineDeps> = {}): EngineDeps & { clock: FakeClock } {
  const clock = fakeClock(NOW)
  return {
    timers: clock,
    expand: (text) => text,
    read: (path) => {
      throw new TypeError(`nobody reads ${path}`)
    },
    ...changed,
    clock,
  }
}
