/** Legacy conversations over HTTP, opened against a scripted server. */
import {
  httpUpstream,
  json,
  result,
  type Arrived,
  type HttpScript,
  type HttpUpstream,
} from '../../../fakes/http-upstream.ts'
import { LEGACY, talk, type Talk } from './talk.ts'

const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
const closing: (() => Promise<unknown>)[] = []

/** To be called after each test. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).toReversed()) await close()
}

export interface LegacyScript {
  /** What a session is opened under; absent: none is. */
  readonly session?: string
  readonly onPost?: HttpScript
  readonly onGet?: HttpScript
  readonly onDelete?: HttpScript
}

/** A legacy conversation that has been opened; `closeAll` ends it. */
export async function opened(script: LegacyScript): Promise<{ server: HttpUpstream; one: Talk }> {
  const notAllowed: HttpScript = (_, response) => void response.writeHead(405).end()
  const server = await httpUpstream((request, response) => {
    if (request.method === 'GET') (script.onGet ?? notAllowed)(request, response)
    else if (request.method === 'DELETE') (script.onDelete ?? notAllowed)(request, response)
    else if (request.message.id === undefined) response.writeHead(202).end()
    else if (request.message.method === 'initialize')
      json(
        response,
        result(request),
        200,
        script.session ? { 'mcp-session-id': script.session } : {},
      )
    else (script.onPost ?? ((_, to) => json(to, result(request))))(request, response)
  })
  closing.push(() => server.close())
  const one = talk(server.url)
  closing.push(() => one.connection.stop(0))
  one.ask(1, 'initialize')
  await one.outcome(1)
  one.connection.agreed?.(LEGACY)
  one.connection.send(INITIALIZED)
  await server.until(() => server.of('GET').length === 1)
  return { server, one }
}

/** Where a stream is to be taken up, as the request says. */
export const eventId = (request: Arrived | undefined): unknown => request?.headers['last-event-id']
