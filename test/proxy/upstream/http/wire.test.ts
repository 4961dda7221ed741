/** How much may be under way at once over one connection, and how much may wait. */
import { describe, expect, test } from 'vitest'
import type {
  Exchange,
  ExchangeEvents,
  Outgoing,
  Pool,
} from '../../../../src/proxy/upstream/http/exchange.ts'
import { Wire, type Rank } from '../../../../src/proxy/upstream/http/wire.ts'
import { QUEUE_MAX_BYTES } from '../../../../src/proxy/upstream/process.ts'

/** A pool that sends nothing, and keeps what it was given. */
class IdlePool implements Pool {
  readonly sent: { readonly outgoing: Outgoing; readonly events: ExchangeEvents }[] = []

  send(outgoing: Outgoing, events: ExchangeEvents): Exchange {
    this.sent.push({ outgoing, events })
    return { abort: () => undefined }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

const QUIET: ExchangeEvents = {
  onLeaving: () => undefined,
  onHead: () => undefined,
  onData: () => undefined,
  onEnd: () => undefined,
  onBroken: () => undefined,
}

/** A wire whose pool is there. */
async function ready(): Promise<{ wire: Wire; pool: IdlePool }> {
  const pool = new IdlePool()
  const loaded = Promise.resolve(pool)
  const wire = new Wire(() => loaded)
  await loaded
  return { wire, pool }
}

function send(wire: Wire, rank: Rank, body?: string): Exchange | undefined {
  const outgoing: Outgoing = {
    method: 'POST',
    path: '/',
    headers: [],
    ...(body !== undefined && { body }),
  }
  return wire.send(outgoing, rank, QUIET)
}

function taken(wire: Wire, rank: Rank, times: number): number {
  return Array.from({ length: times }, () => send(wire, rank)).filter(Boolean).length
}

describe('at once', () => {
  test.each([
    ['call', 128],
    ['aside', 64],
  ] as const)('of %ss there are %i, and 1,024 wait', async (rank, most) => {
    const { wire, pool } = await ready()
    expect(taken(wire, rank, 3000)).toBe(most + 1024)
    expect(pool.sent).toHaveLength(most)
    pool.sent[0]?.events.onEnd()
    expect(pool.sent).toHaveLength(most + 1)
    pool.sent[1]?.events.onBroken(new Error('gone'))
    expect(pool.sent).toHaveLength(most + 2)
    expect(taken(wire, rank, 10)).toBe(2)
  })

  test('of streams there are 256, and none waits', async () => {
    const { wire, pool } = await ready()
    const first = send(wire, 'stream')
    expect(taken(wire, 'stream', 1000)).toBe(255)
    expect(pool.sent).toHaveLength(256)
    first?.abort()
    expect(taken(wire, 'stream', 10)).toBe(1)
  })

  test('each kind has its own room', async () => {
    const { wire, pool } = await ready()
    taken(wire, 'call', 3000)
    taken(wire, 'stream', 3000)
    expect(send(wire, 'aside')).toBeDefined()
    expect(pool.sent).toHaveLength(128 + 256 + 1)
  })
})

describe('what waits', () => {
  test('holds no more bytes than may wait for a process', async () => {
    const { wire, pool } = await ready()
    taken(wire, 'call', 128)
    const half = 'x'.repeat(QUEUE_MAX_BYTES / 2)
    const waiting = send(wire, 'call', half)
    expect(send(wire, 'call', half)).toBeDefined()
    expect(send(wire, 'call', 'x')).toBeUndefined()
    waiting?.abort()
    expect(send(wire, 'call', half)).toBeDefined()
    pool.sent[0]?.events.onEnd()
    expect(send(wire, 'call', half)).toBeDefined()
    expect(send(wire, 'call', 'x')).toBeUndefined()
  })

  test('and is called off never leaves; what is behind it does', async () => {
    const { wire, pool } = await ready()
    taken(wire, 'call', 128)
    send(wire, 'call', 'first')?.abort()
    send(wire, 'call', 'second')
    pool.sent[0]?.events.onEnd()
    expect(pool.sent.at(-1)?.outgoing.body).toBe('second')
  })

  test('never leaves once the wire is closed', async () => {
    const { wire, pool } = await ready()
    taken(wire, 'call', 200)
    await wire.close()
    pool.sent[0]?.events.onEnd()
    expect(pool.sent).toHaveLength(128)
    expect(send(wire, 'call')).toBeUndefined()
  })
})
