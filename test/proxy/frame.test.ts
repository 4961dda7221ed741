/** Frames: however a stream is split, the same lines come out, and no line is held beyond the cap. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lineReader, type CutLine } from '../../src/proxy/frame.ts'

interface Seen {
  readonly lines: string[]
  readonly tooLong: { readonly bytes: number; readonly head: string; readonly tail: string }[]
}

function read(chunks: readonly Buffer[], maxBytes: number): Seen {
  const seen: Seen = { lines: [], tooLong: [] }
  const reader = lineReader({
    maxBytes,
    onLine: (line) => seen.lines.push(line.toString('latin1')),
    onTooLong: (bytes, cut: CutLine) =>
      seen.tooLong.push({
        bytes,
        head: cut.head.toString('latin1'),
        tail: cut.tail.toString('latin1'),
      }),
  })
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  return seen
}

function split(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return at.slice(1).map((end, index) => Buffer.from(bytes.subarray(at[index], end)))
}

describe('lines', () => {
  it('come out whole, several to a chunk and one over several chunks', () => {
    expect(read([Buffer.from('{"a":1}\n{"b":2}\n{"c"'), Buffer.from(':3}\n')], 100).lines).toEqual([
      '{"a":1}',
      '{"b":2}',
      '{"c":3}',
    ])
  })

  it('lose a CRLF, and only at their end', () => {
    expect(read([Buffer.from('a\r\nb\rc\r\n\r\nd\r\r\n')], 100).lines).toEqual(['a', 'b\rc', 'd\r'])
  })

  it('are split at line feeds only: U+2028, U+0085 and vertical tabs are content', () => {
    const text = 'a\u{2028}b\u{0085}c\u{000b}d'
    const lines: Buffer[] = []
    const reader = lineReader({
      maxBytes: 100,
      onLine: (line) => lines.push(line),
      onTooLong: () => expect.unreachable(),
    })
    reader.push(Buffer.from(`${text}\n`))
    expect(lines.map(String)).toEqual([text])
  })

  it('that are empty are skipped', () => {
    expect(read([Buffer.from('\n\n \n\r\n')], 10).lines).toEqual([' '])
  })

  it('that the stream leaves unfinished are not delivered', () => {
    expect(read([Buffer.from('a\n{"half":')], 100)).toEqual({ lines: ['a'], tooLong: [] })
  })

  it('may be kept: a later chunk does not write over them', () => {
    const lines: Buffer[] = []
    const reader = lineReader({
      maxBytes: 100,
      onLine: (line) => lines.push(line),
      onTooLong: () => expect.unreachable(),
    })
    for (const chunk of ['aa', 'a\nbb', 'b\nccc\n']) reader.push(Buffer.from(chunk))
    expect(lines.map(String)).toEqual(['aaa', 'bbb', 'ccc'])
  })
})

describe('a line over the cap', () => {
  it('is dropped up to its newline and reported once; what follows is read', () => {
    const seen = read(
      [Buffer.from('ok\n'), Buffer.from('x'.repeat(30)), Buffer.from('x\nnext\n')],
      10,
    )
    expect(seen.lines).toEqual(['ok', 'next'])
    expect(seen.tooLong.map((line) => line.bytes)).toEqual([31])
  })

  it('of exactly the cap passes, with a line feed and with CRLF; one byte more does not', () => {
    expect(read([Buffer.from('0123456789\n0123456789\r\n')], 10).lines).toHaveLength(2)
    expect(read([Buffer.from('01234567890\n')], 10).tooLong.map((line) => line.bytes)).toEqual([11])
    expect(read([Buffer.from('01234567890\r\n')], 10).tooLong.map((line) => line.bytes)).toEqual([
      12,
    ])
  })

  it('that never ends is reported when the stream does', () => {
    expect(read([Buffer.from('y'.repeat(99))], 10).tooLong.map((line) => line.bytes)).toEqual([99])
  })

  it('keeps its first and last 256 bytes, to tell whose it was', () => {
    const body = `HEAD${'-'.repeat(5000)}TAIL`
    for (const chunks of [
      [Buffer.from(`${body}\n`)],
      split(Buffer.from(`${body}\n`), [1, 2, 700]),
    ]) {
      const [line] = read(chunks, 1000).tooLong
      expect(line?.head).toBe(body.slice(0, 256))
      expect(line?.tail).toBe(body.slice(-256))
    }
  })

  it('does not hold memory: 64 MiB without a newline against a cap of 1 MiB', () => {
    const reader = lineReader({
      maxBytes: 1024 * 1024,
      onLine: () => expect.unreachable(),
      onTooLong: () => undefined,
    })
    const chunk = Buffer.alloc(64 * 1024, 0x42)
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    for (let sent = 0; sent < 64 * 1024 * 1024; sent += chunk.length) {
      reader.push(chunk)
      if (sent % (8 * 1024 * 1024) === 0) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      }
    }
    expect(most).toBeLessThan(16 * 1024 * 1024)
  })
})

describe('however the stream is split', () => {
  const byte = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(10, 13, 0x7b, 0x22) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  )
  const stream = fc.array(byte, { maxLength: 300 }).map((bytes) => Buffer.from(bytes))

  it('the same lines come out as byte by byte, and as a plain split on newlines says', () => {
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.integer({ min: 1, max: 40 }),
        (bytes, cuts, maxBytes) => {
          const whole = read([bytes], maxBytes)
          expect(read(split(bytes, cuts), maxBytes)).toEqual(whole)
          expect(
            read(
              [...bytes].map((one) => Buffer.from([one])),
              maxBytes,
            ),
          ).toEqual(whole)
          const plain = bytes.toString('latin1').split('\n').slice(0, -1)
          const stripped = plain.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
          expect(whole.lines).toEqual(
            stripped.filter((line) => line.length > 0 && line.length <= maxBytes),
          )
          const last = bytes.toString('latin1').split('\n').at(-1) ?? ''
          const long = stripped.filter((line) => line.length > maxBytes).length
          expect(whole.tooLong).toHaveLength(long + (last.length > maxBytes + 1 ? 1 : 0))
        },
      ),
      { numRuns: 500 },
    )
  })
})
