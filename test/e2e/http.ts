/** The real guard as an HTTP server, with the face of the one on stdio: each line is the body of a request. */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { type Exit, type Frame, GuardProcess } from './guard.ts'

export const ACCEPT = 'application/json, text/event-stream'

/** The messages of a response, as they come in. */
function hear(response: IncomingMessage, heard: (message: string) => void): Promise<void> {
  const streams = response.headers['content-type'] === 'text/event-stream'
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
    if (!streams) return
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data: '))
      const message = data.map((line) => line.slice(6)).join('\n')
      if (message !== '') heard(message)
    }
  })
  return new Promise((resolve) => {
    response.on('end', () => {
      if (!streams && text !== '') heard(text)
    })
    response.on('error', () => undefined)
    response.on('close', resolve)
  })
}

export class HttpGuardProcess extends GuardProcess {
  /** Status of every response, in order. */
  readonly statuses: number[] = []
  readonly #agent = new Agent({ keepAlive: true })
  readonly #responding = new Set<Promise<void>>()
  /** A request whose body is not whole yet. */
  #body: ClientRequest | undefined
  #session: string | undefined
  #sent: Promise<void> = Promise.resolve()

  /** Where it listens, once it does. */
  async url(): Promise<URL> {
    const line = await this.logged(/"url":"/)
    return new URL((JSON.parse(line) as { readonly url: string }).url)
  }

  get session(): string | undefined {
    return this.#session
  }

  /** Opens a session, and hears what belongs to no request. */
  override async open(capabilities: object = {}): Promise<Frame> {
    const answer = await super.open(capabilities)
    await this.answered()
    const standing = await this.#request('GET', {})
    standing.end()
    return answer
  }

  /** Bytes up to a line end are the body of one request, sent in the pieces in which they come. */
  override write(bytes: string | Uint8Array): void {
    void this.push(bytes)
  }

  override push(bytes: string | Uint8Array): Promise<void> {
    this.#sent = this.#sent.then(() => this.#push(Buffer.from(bytes)))
    return this.#sent
  }

  override async answered(): Promise<void> {
    await this.#sent
    await Promise.all(this.#responding)
  }

  override close(): Promise<Exit> {
    if (!this.ended) this.child.kill('SIGTERM')
    return this.end()
  }

  /** Writes bytes on a connection of their own, in pieces of so many, and gives all that comes back. */
  async raw(bytes: string | Uint8Array, pieces?: number): Promise<string> {
    const { port } = await this.url()
    const all = Buffer.from(bytes)
    return new Promise((resolve) => {
      const socket = connect(Number(port), '127.0.0.1')
      let text = ''
      socket.setNoDelay(true)
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      socket.on('error', () => resolve(text))
      socket.on('close', () => resolve(text))
      const write = (at: number): void => {
        if (at >= all.length || socket.destroyed) return
        const size = pieces ?? all.length
        socket.write(all.subarray(at, at + size), () => write(at + size))
      }
      write(0)
    })
  }

  async #push(bytes: Buffer): Promise<void> {
    let rest = bytes
    while (rest.length > 0) {
      const end = rest.indexOf('\n')
      const piece = end < 0 ? rest : rest.subarray(0, end)
      const whole = end >= 0 && this.#body === undefined
      rest = end < 0 ? Buffer.alloc(0) : rest.subarray(end + 1)
      this.#body ??= await this.#request('POST', {
        'content-type': 'application/json',
        ...(whole && { 'content-length': piece.length }),
      })
      const body = this.#body
      if (end >= 0) this.#body = undefined
      await put(body, piece)
      if (end >= 0) body.end()
    }
  }

  async #request(
    method: 'GET' | 'POST',
    headers: Readonly<Record<string, string | number>>,
  ): Promise<ClientRequest> {
    const { port, pathname } = await this.url()
    const sent = request({
      agent: this.#agent,
      host: '127.0.0.1',
      port,
      path: pathname,
      method,
      headers: {
        accept: ACCEPT,
        ...(this.#session !== undefined && { 'mcp-session-id': this.#session }),
        ...headers,
      },
    })
    const responded = new Promise<void>((resolve) => {
      sent.on('error', () => resolve())
      sent.on('response', (response) => {
        this.statuses.push(response.statusCode ?? 0)
        const session = response.headers['mcp-session-id']
        if (typeof session === 'string') this.#session = session
        void hear(response, (message) => this.hears(message)).then(resolve)
      })
    })
    if (method === 'POST') {
      this.#responding.add(responded)
      void responded.then(() => this.#responding.delete(responded))
    }
    return sent
  }
}

/** One that was cut off takes nothing more. */
function put(body: ClientRequest, piece: Buffer): Promise<void> {
  if (body.destroyed || piece.length === 0) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      body.off('close', done)
      resolve()
    }
    body.on('close', done)
    body.write(piece, done)
  })
}
