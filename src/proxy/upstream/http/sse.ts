/** Server-sent events (WHATWG HTML, Server-sent events): a byte stream cut into events of bounded size. */
import type { CutLine } from '../../frame.ts'
import { Gathering } from './gathering.ts'

export interface SseOptions {
  /** Largest event in bytes, its lines put together. */
  readonly maxBytes: number
  /** One event; never one without data. `type` is `message` where the stream names none. */
  readonly onEvent: (type: string, data: Buffer) => void
  /** An event grew over the cap: what of it is still to come is dropped, and the next one is read. */
  readonly onTooLong: (bytes: number, cut: CutLine) => void
}

const FEED = 10
const RETURN = 13
const COLON = 58
const SPACE = 32
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const LINE_FEED = Buffer.from([FEED])
/** The longest field name that means anything: `event`, `retry`. */
const LONGEST_NAME = 5
/** What an event may be larger than its data by: names of fields, an id. */
const SLACK = 8192
/** What a line counts for beside its bytes: an event of a million empty lines is a large one, too. */
const LINE_COST = 16
const END_BYTES = 256
const LONGEST_TYPE = 64
/** Longest event id in bytes that is kept: it is sent back in a header. */
const LONGEST_ID = 4096

export class SseReader {
  readonly #options: SseOptions
  /** A line whose end has not arrived. */
  readonly #line: Gathering
  readonly #data: Gathering
  #hasData = false
  /** What the whole lines of this event count for. */
  #size = 0
  #type = ''
  #id: string | undefined
  #lastId: string | undefined
  #retryMs: number | undefined
  #isFirst = true
  /** The last byte was a carriage return: a line feed that follows belongs to it. */
  #returned = false
  /** The event is over the cap; how much of its current line has been dropped. */
  #dropped: number | undefined

  constructor(options: SseOptions) {
    this.#options = options
    this.#line = new Gathering(options.maxBytes + SLACK)
    this.#data = new Gathering(options.maxBytes)
  }

  /** Of the last event that was whole: where a stream is taken up again. */
  get lastId(): string | undefined {
    return this.#lastId
  }

  /** How long to wait before the stream is opened again, where it says so, and without a bound: see `waitBefore`. */
  get retryMs(): number | undefined {
    return this.#retryMs
  }

  /** However the stream is split into chunks, the same events come out. The callbacks must not throw. */
  push(chunk: Buffer): void {
    let start = this.#returned && chunk[0] === FEED ? 1 : 0
    if (chunk.length > 0) this.#returned = false
    let feed = chunk.indexOf(FEED, start)
    let back = chunk.indexOf(RETURN, start)
    while (feed !== -1 || back !== -1) {
      const end = back === -1 || (feed !== -1 && feed < back) ? feed : back
      this.#endLine(chunk.subarray(start, end))
      start = end + 1
      if (end === back) {
        if (start === chunk.length) this.#returned = true
        else if (chunk[start] === FEED) start += 1
        back = chunk.indexOf(RETURN, start)
      }
      if (feed !== -1 && feed < start) feed = chunk.indexOf(FEED, start)
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start))
  }

  #hold(part: Buffer): void {
    if (this.#dropped === undefined && this.#fits(part)) this.#line.add(part)
    else {
      if (this.#dropped === undefined) this.#drop(part)
      this.#dropped = (this.#dropped ?? 0) + part.length
    }
  }

  #endLine(part: Buffer): void {
    if (this.#dropped !== undefined) {
      const isBlank = this.#dropped === 0 && part.length === 0
      this.#dropped = 0
      if (isBlank) this.#endEvent()
    } else if (!this.#fits(part)) {
      this.#drop(part)
    } else if (this.#line.length === 0) {
      this.#read(part)
    } else {
      this.#line.add(part)
      this.#read(this.#line.take())
    }
  }

  /** Whether the event stays below the cap with this. */
  #fits(part: Buffer): boolean {
    const held = this.#size + this.#line.length
    return held + part.length <= this.#options.maxBytes + SLACK
  }

  #read(given: Buffer): void {
    let line = given
    this.#size += line.length + LINE_COST
    if (this.#isFirst) {
      this.#isFirst = false
      if (line.subarray(0, 3).equals(BYTE_ORDER_MARK)) line = line.subarray(3)
    }
    if (line.length === 0) {
      this.#endEvent()
      return
    }
    const colon = line.indexOf(COLON)
    const nameEnd = colon === -1 ? line.length : colon
    // A line that begins with a colon is a comment; a name that is longer than any known means nothing.
    if (nameEnd === 0 || nameEnd > LONGEST_NAME) return
    const start = line[nameEnd + 1] === SPACE ? nameEnd + 2 : nameEnd + 1
    this.#field(line.toString('latin1', 0, nameEnd), line.subarray(start))
  }

  #field(name: string, value: Buffer): void {
    switch (name) {
      case 'data':
        this.#addData(value)
        return
      case 'event':
        this.#type = value.toString('utf8', 0, LONGEST_TYPE)
        return
      case 'id':
        if (value.length <= LONGEST_ID && !value.includes(0)) this.#id = value.toString('utf8')
        return
      case 'retry':
        if (value.length <= 9 && /^\d+$/.test(value.toString('latin1')))
          this.#retryMs = Number(value.toString('latin1'))
        return
      default:
    }
  }

  /** Several lines of data are one text with line feeds between them. */
  #addData(value: Buffer): void {
    const fits = (!this.#hasData || this.#data.add(LINE_FEED)) && this.#data.add(value)
    this.#hasData = true
    if (!fits) this.#drop(value)
  }

  #drop(part: Buffer): void {
    const held = [this.#data.take(), this.#line.take(), part]
    this.#dropped = 0
    const [first = part] = held.filter(({ length }) => length > 0)
    this.#options.onTooLong(
      held.reduce((sum, { length }) => sum + length, 0),
      { head: first.subarray(0, END_BYTES), tail: part.subarray(-END_BYTES) },
    )
  }

  #endEvent(): void {
    const data = this.#data.take()
    const type = this.#type
    const isWhole = this.#dropped === undefined
    this.#type = ''
    this.#hasData = false
    this.#size = 0
    this.#dropped = undefined
    this.#lastId = this.#id
    if (isWhole && data.length > 0) this.#options.onEvent(type === '' ? 'message' : type, data)
  }
}

const FIRST_WAIT_MS = 1000
const LEAST_WAIT_MS = 100
const LONGEST_WAIT_MS = 30_000

/**
 * How long to wait before a stream that broke off is opened again: as long as it asked for, and longer each time that it
 * brought nothing; at most half a minute, as an agent may wait for what comes on it.
 */
export function waitBefore(askedMs: number | undefined, vainTries: number): number {
  const asked = Math.min(LONGEST_WAIT_MS, Math.max(LEAST_WAIT_MS, askedMs ?? FIRST_WAIT_MS))
  if (vainTries === 0) return asked
  return Math.max(asked, Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (vainTries - 1)))
}
