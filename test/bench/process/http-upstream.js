/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * The upstream of the bench over Streamable HTTP, in both eras, every answer `application/json`. It reads and writes
 * its sockets itself: on `node:http` it took twice the CPU, and would have been a good part of what is measured.
 * Usage: node http-upstream.js --port N [--tools N]
 */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:net'
import { ABOUT, ANSWER, count, DISCOVERED, listText, MODERN_ANSWER, tools } from './answers.js'

const OFFERED = tools(count('--tools', 20))
const LIST = { legacy: listText(OFFERED, false), modern: listText(OFFERED, true) }
const JSON_TYPE = 'content-type: application/json\r\n'
const sessions = new Set()

function respond(status, headers, body) {
  return `HTTP/1.1 ${status}\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`
}

const ACCEPTED = respond('202 Accepted', '', '')
const NOT_FOUND = respond('404 Not Found', JSON_TYPE, '{"error":"not found"}')
const NOT_ALLOWED = respond('405 Method Not Allowed', 'allow: POST\r\n', '')
const NO_SESSION = respond(
  '404 Not Found',
  JSON_TYPE,
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"no such session"}}',
)
/** An answer to GET: a stream that stays open and on which nothing ever comes. */
const STREAM =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n'

function answerTo(method, modern) {
  if (method === 'tools/call') return `"result":${modern ? MODERN_ANSWER : ANSWER}`
  if (method === 'tools/list') return `"result":${modern ? LIST.modern : LIST.legacy}`
  if (method === 'server/discover' && modern) return `"result":${DISCOVERED}`
  if (method === 'ping') return `"result":{}`
  return undefined
}

function post(head, body) {
  const { id, method } = JSON.parse(body)
  const start = `{"jsonrpc":"2.0","id":${typeof id === 'number' ? id : JSON.stringify(id)},`
  if (method === 'initialize') {
    const session = randomUUID()
    sessions.add(session)
    const headers = `${JSON_TYPE}mcp-session-id: ${session}\r\n`
    return respond('200 OK', headers, `${start}"result":${ABOUT}}`)
  }
  const modern = head.includes('2026-07-28')
  if (!modern && !sessions.has(sessionOf(head))) return NO_SESSION
  if (id === undefined) return ACCEPTED
  const answer = answerTo(method, modern)
  if (answer !== undefined) return respond('200 OK', JSON_TYPE, `${start}${answer}}`)
  const error = `${start}"error":{"code":-32601,"message":"method not found"}}`
  return respond(modern ? '404 Not Found' : '200 OK', JSON_TYPE, error)
}

function sessionOf(head) {
  return /\r\nmcp-session-id: *(\S+)/i.exec(head)?.[1]
}

function answer(head, body) {
  if (head.startsWith('POST /mcp ')) return post(head, body)
  if (!head.includes(' /mcp ')) return NOT_FOUND
  const session = sessionOf(head)
  if (head.startsWith('GET ')) return sessions.has(session) ? STREAM : NOT_ALLOWED
  if (head.startsWith('DELETE '))
    return sessions.delete(session) ? respond('200 OK', '', '') : NO_SESSION
  return NOT_ALLOWED
}

/** Takes the requests off the front of what came, one after the other; a body has to say how long it is. */
function serve(socket) {
  let rest = ''
  // Latin-1: one character for each byte, so that lengths agree.
  socket.setEncoding('latin1')
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    let text = rest === '' ? chunk : rest + chunk
    for (let at = text.indexOf('\r\n\r\n'); at !== -1; at = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, at + 2)
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      const end = at + 4 + Number(length ?? 0)
      if (text.length < end) break
      socket.write(answer(head, text.slice(at + 4, end)), 'latin1')
      text = text.slice(end)
    }
    rest = text
  })
}

createServer({ noDelay: true }, serve).listen(count('--port', 0), '127.0.0.1')
// Ends with whoever started it.
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
