import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SseReader, waitBefore } from '../../../../src/proxy/upstream/http/sse.ts'

interface Read {
  readonly events: (readonly [type: string, data: string])[]
  readonly tooLong: { readonly bytes: number; readonly head: string; readonly tail: string }[]
  readonly reader: SseReader
}

function reading(maxBytes = 1000): Read {
  const events: [string, string][] = []
  const tooLong: { bytes: number; head: string; tail: string }[] = []
  const reader = new SseReader({
    maxBytes,
    onEvent: (type, data) => void events.push([type, data.toString('utf8')]),
    onTooLong: (bytes, { head, tail }) =>
      void tooLong.push({ bytes, head: head.toString('latin1'), tail: tail.toString('latin1') }),
  })
  return { events, tooLong, reader }
}

/** The text whole, and byte by byte: both must come to the same. */
function read(text: string, maxBytes?: number): Read {
  const whole = reading(maxBytes)
  whole.reader.push(Buffer.from(text))
  const drip = reading(maxBytes)
  for (const byte of Buffer.from(text)) drip.reader.push(Buffer.from([byte]))
  expect(drip.events).toEqual(whole.events)
  expect(drip.tooLong.length).toBe(whole.tooLong.length)
  expect([drip.reader.lastId, drip.reader.retryMs]).toEqual([
    whole.reader.lastId,
    whole.reader.retryMs,
  ])
  return whole
}

describe('events', () => {
  test.each([
    ['a field and a blank line', 'data: a\n\n', [['message', 'a']]],
    ['CRLF', 'event: x\r\ndata: a\r\n\r\n', [['x', 'a']]],
    [
      'CR alone',
      'data: a\r\rdata: b\r\r',
      [
        ['message', 'a'],
        ['message', 'b'],
      ],
    ],
    [
      'mixed ends',
      'data: a\r\n\ndata: b\n\r\ndata: c\r\r\n',
      [
        ['message', 'a'],
        ['message', 'b'],
        ['message', 'c'],
      ],
    ],
    ['several lines', 'data: a\ndata:b\ndata\ndata:  c\n\n', [['message', 'a\nb\n\n c']]],
    ['an empty line first', 'data:\ndata: a\n\n', [['message', '\na']]],
    [
      'comments and unknown fields',
      ':\n: ping\nfoo: bar\ndata: a\nDATA: b\nda: c\n\n',
      [['message', 'a']],
    ],
    [
      'a type for one event only',
      'event: x\ndata: a\n\ndata: b\n\n',
      [
        ['x', 'a'],
        ['message', 'b'],
      ],
    ],
    ['the last type given', 'event: x\nevent: y\ndata: a\n\n', [['y', 'a']]],
    ['a byte order mark', '\uFEFFdata: a\n\n\uFEFFdata: b\n\n', [['message', 'a']]],
    [
      'one space after the colon',
      'data:a\n\ndata: a\n\ndata:  a\n\n',
      [
        ['message', 'a'],
        ['message', 'a'],
        ['message', ' a'],
      ],
    ],
    ['characters of several bytes', 'data: 世界\n\n', [['message', '世界']]],
    ['no data', 'event: x\nid: 1\n\ndata\n\ndata:\n\n', []],
    ['no end', 'data: a\n\ndata: b\n', [['message', 'a']]],
    ['half a line', 'data: a\n\ndata: {"half', [['message', 'a']]],
  ])('%s', (_what, text, events) => {
    expect(read(text).events).toEqual(events)
  })

  test('an id counts once its event is whole, and stands until the next', () => {
    expect(read('id: 1\ndata: a').reader.lastId).toBeUndefined()
    expect(read('id: 1\ndata: a\n\nid: 2\ndata: b').reader.lastId).toBe('1')
    expect(read('id: 1\n\ndata: b\n\n').reader.lastId).toBe('1')
    expect(read('id: é1\ndata: a\n\n').reader.lastId).toBe('é1')
    expect(read('id: 1\n\nid: a\0b\n\n').reader.lastId).toBe('1')
    expect(read(`id: 1\n\nid: ${'x'.repeat(5000)}\n\n`, 10_000).reader.lastId).toBe('1')
    expect(read('id: 1\n\nid\n\n').reader.lastId).toBe('')
  })

  test('only digits are a time to wait', () => {
    expect(read('retry: 500\n\n').reader.retryMs).toBe(500)
    expect(read('retry: 500').reader.retryMs).toBeUndefined()
    for (const odd of ['', '-1', '5e2', '1.5', '0x10', ' 5', '9'.repeat(10)])
      expect(read(`retry: ${odd}\n\n`).reader.retryMs).toBeUndefined()
  })

  test.each([
    [undefined, 0, 1000],
    [250, 0, 250],
    [0, 0, 100],
    [29_999, 0, 29_999],
    [30_001, 0, 30_000],
    [999_999_999, 0, 30_000],
    [999_999_999, 3, 30_000],
    [250, 1, 1000],
    [250, 4, 8000],
    [20_000, 2, 20_000],
    [undefined, 99, 30_000],
  ])('asked for %s ms, after %i openings in vain, the wait is %i ms', (asked, vain, wait) => {
    expect(waitBefore(asked, vain)).toBe(wait)
  })

  test('however the stream is split, the same events come out', () => {
    const piece = fc.constantFrom(
      'data',
      'event',
      'id',
      ':',
      ' ',
      'a',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      '1',
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.infiniteStream(fc.nat(7)),
        (pieces, cuts) => {
          const text = Buffer.from(pieces.join(''))
          const whole = reading(20)
          whole.reader.push(text)
          const split = reading(20)
          for (let at = 0; at < text.length;) {
            const [cut = 1] = cuts.take(1)
            const next = at + cut
            split.reader.push(text.subarray(at, next))
            at = next
          }
          expect(split.events).toEqual(whole.events)
          expect(split.reader.lastId).toBe(whole.reader.lastId)
        },
      ),
    )
  })
})

describe('an event over the cap', () => {
  test('is dropped at once, and the next one is read', () => {
    const one = reading(100)
    one.reader.push(Buffer.from('data: first\n\nid: 7\ndata: {"id":1,'))
    expect(one.tooLong).toEqual([])
    one.reader.push(Buffer.from('x'.repeat(9000)))
    expect(one.tooLong).toHaveLength(1)
    expect(one.tooLong[0]?.head).toBe('data: {"id":1,')
    for (let round = 0; round < 1000; round += 1) one.reader.push(Buffer.from('y'.repeat(200)))
    one.reader.push(Buffer.from('\ndata: more of it\n\ndata: next\n\n'))
    expect(one.tooLong).toHaveLength(1)
    expect(one.events.map(([, data]) => data)).toEqual(['first', 'next'])
    expect(one.reader.lastId).toBe('7')
  })

  test.each([
    ['one line', `data: ${'x'.repeat(300)}\n\n`],
    ['many lines', `${'data: xxxxxxxxx\n'.repeat(30)}\n`],
    ['many empty lines', `${'data\n'.repeat(300)}\n`],
    ['a line without a colon', `${'z'.repeat(300)}\n\n`],
    ['a comment', `: ${'z'.repeat(300)}\n\n`],
  ])('may be %s', (_what, text) => {
    const one = read(`${text}data: next\n\n`, 100)
    expect(one.events).toEqual([['message', 'next']])
  })

  test('that is exactly as large as the cap is none', () => {
    const most = 'x'.repeat(100)
    expect(read(`data: ${most}\n\n`, 100).events).toEqual([['message', most]])
    expect(read(`data: ${most}x\n\n`, 100).events).toEqual([])
  })
})
