/** One stream of events: what is kept for an agent that comes back, and what becomes of one that does not read. */
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { EventStream } from '../../../src/proxy/downstream/http/event-stream.ts'

/** A response on whose connection `waiting` bytes are stuck. */
class FakeResponse extends EventEmitter {
  text = ''
  over = false
  destroyed = false
  waiting = 0
  patienceMs = 0
  get writableLength(): number {
    return this.waiting
  }
  writeHead(): this {
    return this
  }
  flushHeaders(): void {
    this.text += ''
  }
  setTimeout(ms: number): this {
    this.patienceMs = ms
    return this
  }
  write(text: string): boolean {
    this.text += text
    return true
  }
  end(text = ''): this {
    this.text += text
    this.over = true
    return this
  }
  destroy(): this {
    this.destroyed = true
    return this
  }
}

function attach(stream: EventStream, after?: number): FakeResponse {
  const response = new FakeResponse()
  stream.attach(response as unknown as ServerResponse, after)
  return response
}
const notice = (n: number): string => `{"jsonrpc":"2.0","method":"notifications/x","params":${n}}`
const answer = '{"jsonrpc":"2.0","id":1,"result":{}}'
const MiB = 1024 * 1024

describe('an agent that does not read', () => {
  test('is spared notifications once a quarter of a mebibyte waits, and still gets answers', () => {
    const stream = new EventStream({ name: '1' })
    const deaf = attach(stream)
    deaf.waiting = MiB / 4
    stream.send(notice(1))
    deaf.waiting = MiB / 4 + 1
    stream.send(notice(2))
    stream.send(answer)
    expect(deaf.text).toContain(notice(1))
    expect(deaf.text).not.toContain(notice(2))
    expect(deaf.text).toContain(answer)
    // What it was spared is kept for when it comes back.
    expect(attach(stream, 1).text).toContain(notice(2))
  })

  test('is given up once 64 of them wait', () => {
    const stream = new EventStream({ name: '1' })
    const deaf = attach(stream)
    deaf.waiting = 64 * MiB
    stream.send(answer)
    expect(deaf.destroyed).toBe(false)
    deaf.waiting += 1
    stream.send(answer)
    expect(deaf.destroyed).toBe(true)
  })

  test('is given up when nothing moves on its connection', () => {
    expect(attach(new EventStream()).patienceMs).toBe(60_000)
  })
})

describe('what is kept', () => {
  test('is the newest 256 events', () => {
    const stream = new EventStream({ name: '1' })
    for (let n = 1; n <= 300; n += 1) stream.send(notice(n))
    const ids = [...attach(stream, 0).text.matchAll(/^id: 1-(\d+)$/gm)].map(([, id]) => Number(id))
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([256, 45, 300])
  })

  test('is of the modern era nothing', () => {
    const stream = new EventStream()
    stream.send(notice(1))
    expect(stream.kept).toBe(0)
    expect(attach(stream, 0).text).toBe('')
  })
})

describe('a connection', () => {
  test('that is let go for a while says when to come back, and never later than in 30 s', () => {
    const stream = new EventStream({ name: '1', primes: true })
    const response = attach(stream)
    stream.pause(999_999_999)
    expect(response.over).toBe(true)
    expect(response.text).toMatch(/\n\nretry: 30000\n\n$/)
  })

  test('stays where the agent has nothing to come back with', () => {
    const stream = new EventStream({ name: '1', primes: false })
    const response = attach(stream)
    stream.pause(1000)
    expect([response.over, response.text]).toEqual([false, ''])
    stream.finish(answer)
    expect(response.text).toContain(answer)
  })

  test('is let go once an event has given the agent something to come back with', () => {
    const stream = new EventStream({ name: '1', primes: false })
    const response = attach(stream)
    stream.send(notice(1))
    stream.pause(1000)
    expect(response.over).toBe(true)
    stream.finish(answer)
    expect(attach(stream, 1).text).toContain(answer)
  })

  test('that comes while another is still there takes its place', () => {
    const stream = new EventStream({ name: '1' })
    const first = attach(stream)
    const second = attach(stream, 0)
    stream.send(notice(1))
    expect([first.over, first.text]).toEqual([true, ''])
    // That the first one closes late is nothing to the second.
    first.emit('close')
    stream.send(notice(2))
    expect(second.text).toContain(notice(2))
  })

  test('says which event was the last that was put on any', () => {
    const stream = new EventStream({ name: '1' })
    stream.send(notice(1))
    expect(stream.written).toBe(0)
    const response = attach(stream, 0)
    expect(stream.written).toBe(1)
    response.emit('close')
    stream.send(notice(2))
    expect(stream.written).toBe(1)
  })
})
