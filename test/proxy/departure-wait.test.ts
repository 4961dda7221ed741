/** A call that waits for its upstream to start is looked at again before it leaves. */
import { expect, test } from 'vitest'
import type { Departure } from '../../src/pipeline/port.ts'
import { type DepartureOptions, departures } from '../../src/proxy/departure.ts'
import { type Session, Underway } from '../../src/proxy/session.ts'

test('a mandate that ends while its upstream starts lets nothing out', async () => {
  const sent: string[] = []
  const link = {
    server: 'a',
    connect: () => Promise.resolve({ era: 'modern', version: '2026-07-28', capabilities: {} }),
    send: (method: string) => {
      sent.push(method)
      throw new Error('it left')
    },
  }
  const options = {
    links: new Map([['a', link]]),
    wish: () => ({}),
    unbound: () => 'mandate_expired',
    restricted: { standing: () => undefined, thing: () => undefined },
  } as unknown as DepartureOptions
  const cancelled = new Underway({} as unknown as Session, 1)
  const resource = { kind: 'tool', server: 'a', name: 'x' }
  const departure = { call: { resource }, server: 'a', method: 'tools/call', params: {}, cancelled }
  expect(await departures(options).forward(departure as unknown as Departure)).toBe('cancelled')
  expect(cancelled.why).toBe('mandate_expired')
  expect(sent).toEqual([])
})
