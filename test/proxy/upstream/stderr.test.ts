/** Stderr of an upstream: readable lines for an operator, however it behaves. */
import { describe, expect, it } from 'vitest'
import {
  STDERR_LENGTH,
  STDERR_LINES,
  STDERR_WINDOW_MS,
  stderrReader,
  type StderrReader,
} from '../../../src/proxy/upstream/stderr.ts'
import { fakeClock, type FakeClock } from '../../fakes/clock.ts'

interface Read {
  readonly reader: StderrReader
  readonly clock: FakeClock
  readonly lines: string[]
  readonly dropped: number[]
}

function read(...chunks: readonly (string | Buffer)[]): Read {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const lines: string[] = []
  const dropped: number[] = []
  const reader = stderrReader(clock, (text, count) => {
    if (count === 0) lines.push(text)
    else dropped.push(count)
  })
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  return { reader, clock, lines, dropped }
}

describe('lines', () => {
  it('come out whole, without blank ones and line ends', () => {
    expect(read('one\r\n\n  \ntw', 'o\nthr').lines).toEqual(['one', 'two'])
  })

  it('that are unfinished come out when the stream ends', () => {
    const { reader, lines } = read('a\nlast')
    reader.end()
    expect(lines).toEqual(['a', 'last'])
  })

  it('are cut', () => {
    const [line] = read('x'.repeat(100_000), 'y\nnext\n').lines
    expect(line).toBe(`${'x'.repeat(STDERR_LENGTH - 1)}…`)
    expect(read('é'.repeat(5000), '\n').lines[0]).toHaveLength(STDERR_LENGTH)
    expect(read(`${'x'.repeat(STDERR_LENGTH)}\n`).lines[0]).toBe('x'.repeat(STDERR_LENGTH))
    expect(read('😀'.repeat(5000), '\n').lines[0]?.isWellFormed()).toBe(true)
  })

  it('are split between chunks anywhere, also within a character', () => {
    const bytes = Buffer.from('zwölf Böxkämpfer 😀\n')
    expect(read(...[...bytes].map((byte) => Buffer.from([byte]))).lines).toEqual([
      'zwölf Böxkämpfer 😀',
    ])
  })

  it('cannot move a cursor, ring a bell or hide text', () => {
    expect(read('\u001b[2Ja\u0007\u0000b\u009bc\u202ed\u200be\u2028f\tg\rh\n').lines).toEqual([
      String.raw`\u{1b}[2Ja\u{7}\u{0}b\u{9b}c\u{202e}d\u{200b}e\u{2028}f g\u{d}h`,
    ])
  })

  it('that are no UTF-8 are shown as well as they can be', () => {
    expect(read(Buffer.from([0x61, 0xff, 0x62, 0x0a])).lines).toEqual(['a\u{fffd}b'])
  })
})

describe('a flood', () => {
  const flood = 'line\n'.repeat(STDERR_LINES + 50)

  it('is counted beyond the limit and told once the window ends', () => {
    const { clock, lines, dropped } = read(flood)
    expect(lines).toHaveLength(STDERR_LINES)
    clock.advance(STDERR_WINDOW_MS - 1)
    expect(dropped).toEqual([])
    clock.advance(1)
    expect(dropped).toEqual([50])
  })

  it('is told when the stream ends', () => {
    const { reader, dropped } = read(flood, 'unfinished')
    reader.end()
    expect(dropped).toEqual([51])
  })

  it('is limited window by window', () => {
    const { reader, clock, lines, dropped } = read(flood)
    clock.advance(STDERR_WINDOW_MS)
    reader.push(Buffer.from(flood))
    clock.advance(STDERR_WINDOW_MS)
    expect(lines).toHaveLength(2 * STDERR_LINES)
    expect(dropped).toEqual([50, 50])
  })

  it('leaves nothing behind: a line begun in it and ended after it is whole', () => {
    const { reader, clock, lines } = read(flood, 'begun ')
    clock.advance(STDERR_WINDOW_MS)
    reader.push(Buffer.from('and ended\n'))
    expect(lines.at(-1)).toBe('begun and ended')
  })

  it('under the limit is told in full, with no word of dropping', () => {
    const { clock, lines, dropped } = read('line\n'.repeat(STDERR_LINES))
    clock.advance(STDERR_WINDOW_MS)
    expect(lines).toHaveLength(STDERR_LINES)
    expect(dropped).toEqual([])
  })
})
