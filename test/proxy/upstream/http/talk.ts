/** One connection over HTTP, driven as a link drives it, with everything that it tells kept. */
import type { FaultCode } from '../../../../src/model/error.ts'
import type { JsonObject } from '../../../../src/model/json.ts'
import { requestFrame } from '../../../../src/proxy/protocol.ts'
import type {
  Address,
  OutboundRequest,
  UpstreamConnection,
} from '../../../../src/proxy/upstream/connection.ts'
import type { Agreement } from '../../../../src/proxy/upstream/handshake.ts'
import { connectHttp } from '../../../../src/proxy/upstream/http/connection.ts'
import type { Exit } from '../../../../src/proxy/upstream/process.ts'
import { fakeClock, type FakeClock } from '../../../fakes/clock.ts'
import { signals } from '../../../fakes/signals.ts'

export interface Line {
  readonly text: string
  readonly about: number | undefined
}

export interface Talk {
  readonly connection: UpstreamConnection
  readonly clock: FakeClock
  readonly lines: Line[]
  readonly failed: { readonly id: number; readonly code: FaultCode; readonly message: string }[]
  readonly tooLong: { readonly bytes: number; readonly about: number | undefined }[]
  readonly paused: (readonly [id: number, retryMs: number])[]
  readonly exits: Exit[]
  readonly missed: () => number
  /** The times that it set itself, in order. */
  readonly waits: number[]
  /** Sends a request; false when it is not taken. */
  ask(id: number, method?: string, mirror?: Partial<OutboundRequest>): boolean
  /** Resolves when this request is answered or has failed, with what it came to. */
  outcome(id: number): Promise<string>
  until(holds: () => boolean): Promise<void>
}

export const LEGACY: Agreement = { era: 'legacy', version: '2025-11-25', capabilities: {} }
export const MODERN: Agreement = { era: 'modern', version: '2026-07-28', capabilities: {} }

export function talk(
  url: string,
  { agreement, ...address }: Partial<Address> & { readonly agreement?: Agreement } = {},
): Talk {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const changes = signals()
  const awaited = new Set<number>()
  const outcomes = new Map<number, string>()
  let missed = 0
  const self = {
    clock,
    lines: [] as Line[],
    failed: [] as { id: number; code: FaultCode; message: string }[],
    tooLong: [] as { bytes: number; about: number | undefined }[],
    paused: [] as [number, number][],
    exits: [] as Exit[],
    waits: [] as number[],
    missed: () => missed,
  }
  const over = (id: number, outcome: string): void => {
    if (awaited.delete(id)) outcomes.set(id, outcome)
  }
  const connection = connectHttp(
    { server: 'far', url, headers: {}, transport: 'streamable', ...address },
    {
      onLine: (line, about) => {
        const text = line.toString('utf8')
        self.lines.push({ text, about })
        const message = parsed(text)
        const id = message?.['id']
        if (typeof id === 'number' && message?.['method'] === undefined) over(id, text)
        changes.happened()
      },
      onStderr: () => undefined,
      onTooLong: (bytes, _cut, about) => {
        self.tooLong.push({ bytes, about })
        if (about !== undefined) over(about, 'too long')
        changes.happened()
      },
      onFailed: (id, { code, message }) => {
        self.failed.push({ id, code, message })
        over(id, code)
        changes.happened()
      },
      onPaused: (id, retryMs) => {
        self.paused.push([id, retryMs])
        changes.happened()
      },
      onMissed: () => {
        missed += 1
        changes.happened()
      },
      awaits: (id) => awaited.has(id),
      onExit: (exit) => {
        self.exits.push(exit)
        changes.happened()
      },
    },
    {
      after: (ms, action) => {
        self.waits.push(ms)
        changes.happened()
        return clock.after(ms, action)
      },
    },
  )
  if (agreement) connection.agreed?.(agreement)
  return {
    ...self,
    connection,
    ask: (id, method = 'tools/call', mirror = {}) => {
      awaited.add(id)
      return connection.send(requestFrame(id, method, '{}'), { id, method, ...mirror })
    },
    outcome: async (id) => {
      await changes.until(() => outcomes.has(id))
      return outcomes.get(id) ?? ''
    },
    until: (holds) => changes.until(holds),
  }
}

function parsed(text: string): JsonObject | undefined {
  try {
    return JSON.parse(text) as JsonObject
  } catch {
    return undefined
  }
}
