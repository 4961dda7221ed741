/** A collector of OpenTelemetry on this machine: keeps what it is sent over OTLP/HTTP in JSON. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface Collector {
  readonly url: string
  readonly received: readonly Received[]
  close(): Promise<void>
}

/** `status`: what it answers; 200 unless said. `answers`: false leaves every request open. */
export async function startCollector(
  how: { readonly status?: number; readonly answers?: boolean } = {},
): Promise<Collector> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      received.push({ path: request.url ?? '', headers: request.headers, text })
      if (how.answers === false) return
      response.writeHead(how.status ?? 200, { 'content-type': 'application/json' })
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
