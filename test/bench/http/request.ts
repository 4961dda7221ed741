/** The requests of the bench as bytes: the headers that each era asks for, and no others. */

export const ERAS = ['legacy', 'modern'] as const
export type Era = (typeof ERAS)[number]

export const LEGACY = '2025-11-25'
export const MODERN = '2026-07-28'

/** MCP 2026-07-28: every request says for itself who asks, and in which version. */
const META = `"_meta":{"io.modelcontextprotocol/protocolVersion":"${MODERN}","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}}`

/** Whom the client is to the target: of the legacy era with the session and version agreed on. */
export interface Speaker {
  readonly era: Era
  readonly port: number
  readonly session?: string
  readonly version?: string
}

/** Everything before the length of the body. `name` is that of the tool, in a call. */
export function headText(speaker: Speaker, method: string, name?: string): string {
  const { era, port, session, version } = speaker
  const modern = `mcp-protocol-version: ${MODERN}\r\nmcp-method: ${method}\r\n${name === undefined ? '' : `mcp-name: ${name}\r\n`}`
  const legacy = `${version === undefined ? '' : `mcp-protocol-version: ${version}\r\n`}${session === undefined ? '' : `mcp-session-id: ${session}\r\n`}`
  return `POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n${era === 'modern' ? modern : legacy}content-length: `
}

/** `params` is JSON text without its brackets. */
export function bodyText(era: Era, id: number | undefined, method: string, params: string): string {
  const meta = era === 'modern' ? `${params === '' ? '' : ','}${META}` : ''
  const number = id === undefined ? '' : `"id":${id},`
  return `{"jsonrpc":"2.0",${number}"method":"${method}","params":{${params}${meta}}}`
}

/** A whole request; without an id it is a notification. */
export function requestText(
  speaker: Speaker,
  id: number | undefined,
  method: string,
  params: object,
): string {
  const name = 'name' in params && typeof params.name === 'string' ? params.name : undefined
  const body = bodyText(speaker.era, id, method, JSON.stringify(params).slice(1, -1))
  return `${headText(speaker, method, name)}${body.length}\r\n\r\n${body}`
}

/** The stream on which a legacy session hears what nobody asked for. */
export function listenText({ port, session, version }: Speaker): string {
  return `GET /mcp HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\nmcp-protocol-version: ${version ?? LEGACY}\r\nmcp-session-id: ${session ?? ''}\r\n\r\n`
}
