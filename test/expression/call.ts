/** Calls for the tests of conditions. */
import type { CallContext } from '../../src/model/call.ts'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'

/** A Monday at half past ten in UTC, made under a mandate. */
export function callOf(args: JsonObject, over: Partial<CallContext> = {}): CallContext {
  return {
    id: callId('c1'),
    at: instant(Date.parse('2026-11-23T10:30:00Z')),
    principal: { agent: 'procurement-agent-001', assurance: 'launch_line' },
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
    session: { id: 't1', labels: ['untrusted'] },
    mandate: {
      name: 'vendor-intake-q4',
      purpose: { text: 'Approve class B vendors', ref: 'PROC-1182' },
      owner: 'dana@acme.example',
    },
    ...over,
  }
}
