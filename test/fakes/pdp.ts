/** A decision point of a test: an HTTP server that answers as it is told, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Answering = (asked: Asked, response: ServerResponse) => void

export interface FakePdp {
  readonly url: string
  readonly asked: readonly Asked[]
  answer: Answering
  /** Lets go of connections that nothing is asked on, as servers do after a while. */
  letGo(): void
  close(): Promise<void>
}

/** Answers with what is given, as JSON. */
export function json(body: unknown, status = 200): Answering {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

export async function startPdp(): Promise<FakePdp> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const one = { method, path, headers, body: Buffer.concat(chunks).toString() }
      asked.push(one)
      pdp.answer(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const pdp: FakePdp = {
    url: `http://127.0.0.1:${port}`,
    asked,
    answer: json({ decision: true }),
    letGo: () => server.closeIdleConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return pdp
}
