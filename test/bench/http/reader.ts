/**
 * Reads HTTP/1.1 answers off one connection: of known length, in chunks, or to the end of the connection, with the events
 * of an event stream given out as they come. It takes what MCP servers send and no more, because it must not be the
 * bottleneck: an ordinary client costs more than the guard that is measured.
 */

export interface Head {
  readonly status: number
  /** The header lines as they came, each with its line break before it. */
  readonly lines: string
  readonly stream: boolean
}

export interface Heard {
  /** Of an event stream, each event's data. */
  event(data: string): void
  /** An answer is complete; of an event stream there is no body. */
  answer(head: Head, body: string): void
}

/** How the length of the body is told. */
type Framing =
  | { readonly kind: 'length'; left: number }
  | { readonly kind: 'chunked'; left: number; last: boolean }
  | { readonly kind: 'close' }

export class AnswerReader {
  readonly #heard: Heard
  #text = ''
  #head: Head | undefined
  #framing: Framing = { kind: 'close' }
  #body = ''

  constructor(heard: Heard) {
    this.#heard = heard
  }

  /** @throws Error for what is no answer. */
  push(text: string): void {
    this.#text = this.#text === '' ? text : this.#text + text
    while (this.#text !== '') {
      if (this.#head === undefined && !this.#readHead()) return
      if (!this.#readBody()) return
    }
  }

  /** The other side has ended the connection. @returns whether that was in the middle of an answer */
  end(): boolean {
    if (this.#head !== undefined && this.#framing.kind === 'close') {
      this.#finish()
      return false
    }
    return this.#head !== undefined || this.#text !== ''
  }

  #readHead(): boolean {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1) return false
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(this.#text)?.[1]
    if (status === undefined) throw new Error(`not HTTP: ${this.#text.slice(0, 100)}`)
    const lines = this.#text.slice(this.#text.indexOf('\r\n'), end + 2)
    this.#text = this.#text.slice(end + 4)
    // An interim answer: the real one follows.
    if (status.startsWith('1')) return this.#text !== '' && this.#readHead()
    const stream = /\r\ncontent-type: *text\/event-stream/i.test(lines)
    this.#head = { status: Number(status), lines, stream }
    this.#framing = framingOf(this.#head)
    if (this.#framing.kind === 'length' && this.#framing.left === 0) this.#finish()
    return this.#text !== ''
  }

  /** False when there is nothing more to be read of what came. */
  #readBody(): boolean {
    const framing = this.#framing
    if (this.#head === undefined) return true
    if (framing.kind === 'close') {
      this.#take(this.#text.length)
      return false
    }
    if (framing.kind === 'chunked' && framing.left === 0) return this.#readChunkHead(framing)
    const size = Math.min(framing.left, this.#text.length)
    framing.left -= size
    this.#take(size)
    if (framing.kind === 'length' && framing.left === 0) this.#finish()
    return true
  }

  /** The line break after a chunk, the next one's size, and after the last one the end of the trailers. */
  #readChunkHead(framing: Extract<Framing, { kind: 'chunked' }>): boolean {
    if (framing.last) {
      const end = this.#text.indexOf('\r\n')
      if (end === -1) return false
      this.#text = this.#text.slice(end + 2)
      if (end === 0) this.#finish()
      return true
    }
    const from = this.#text.startsWith('\r\n') ? 2 : 0
    const end = this.#text.indexOf('\r\n', from)
    if (end === -1) return false
    const size = Number.parseInt(this.#text.slice(from, end), 16)
    if (!(size >= 0)) throw new Error(`not a chunk: ${this.#text.slice(from, end)}`)
    this.#text = this.#text.slice(end + 2)
    framing.left = size
    framing.last = size === 0
    return true
  }

  #take(size: number): void {
    const piece = this.#text.slice(0, size)
    this.#text = this.#text.slice(size)
    this.#body = this.#body === '' ? piece : this.#body + piece
    if (this.#head?.stream) this.#giveEvents()
  }

  #giveEvents(): void {
    for (;;) {
      const end = /\r?\n\r?\n/.exec(this.#body)
      if (end === null) return
      const event = this.#body.slice(0, end.index)
      this.#body = this.#body.slice(end.index + end[0].length)
      const data = /^data: ?(.*)$/m.exec(event)?.[1]
      // Comments and events without data keep a stream alive and say nothing.
      if (data !== undefined && data.trim() !== '') this.#heard.event(data)
    }
  }

  #finish(): void {
    const head = this.#head
    const body = head?.stream ? '' : this.#body
    this.#head = undefined
    this.#body = ''
    if (head !== undefined) this.#heard.answer(head, body)
  }
}

function framingOf({ status, lines }: Head): Framing {
  if (status === 204 || status === 304) return { kind: 'length', left: 0 }
  if (/\r\ntransfer-encoding: *chunked/i.test(lines)) {
    return { kind: 'chunked', left: 0, last: false }
  }
  const length = /\r\ncontent-length: *(\d+)/i.exec(lines)?.[1]
  return length === undefined ? { kind: 'close' } : { kind: 'length', left: Number(length) }
}
