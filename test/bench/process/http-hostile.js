/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * An upstream that is against its clients. It answers as the other one does, and has four more tools: one whose result is
 * nested as deep as asked, one that floods with notifications, one that pours events for as long as they are taken, and one
 * that answers a byte a second. `GET /tally` says what it did. Everything it does is bounded.
 * Usage: node http-hostile.js --port N [--tools N]
 */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { ANSWER, count, DISCOVERED, listText, MODERN_ANSWER, tools } from './answers.js'

const SCHEMA = { type: 'object' }
const HOSTILE = ['read_deep', 'read_drip', 'read_flood', 'read_pour'].map((name) => ({
  name,
  description: name,
  inputSchema: SCHEMA,
}))
const OFFERED = [...tools(count('--tools', 20)), ...HOSTILE]
const ABOUT = JSON.stringify({
  protocolVersion: '2025-11-25',
  capabilities: { tools: { listChanged: true }, logging: {} },
  serverInfo: { name: 'bench-hostile', version: '1.0.0' },
})
/** On one stream, never more than this. */
const POUR_BYTES = 64 * 1024 * 1024
const JSON_TYPE = { 'content-type': 'application/json' }
const STREAM_TYPE = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }

/** The stream of each legacy session that has one open. */
const streams = new Map()
const tally = { lists: 0, notifications: 0, pouredBytes: 0, abandoned: 0, streams: 0 }

function event(message) {
  return `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
}

/** Writes a text so many times, as fast as it is taken and no faster, and then the last one. */
function pump(response, text, times, last) {
  for (let left = times; left > 0; left -= 1) {
    if (response.destroyed) return
    tally.pouredBytes += text.length
    if (!response.write(text)) {
      response.once('drain', () => pump(response, text, left - 1, last))
      return
    }
  }
  response.end(last)
}

function nested({ levels = 1, list = false }) {
  const [open, close] = list ? ['[', ']'] : ['{"a":', '}']
  return `${open.repeat(levels)}${list ? '' : '1'}${close.repeat(levels)}`
}

function deep({ id, args, response }) {
  const result = `{"resultType":"complete",${ANSWER.slice(1, -1)},"structuredContent":${nested(args)}}`
  response.writeHead(200, JSON_TYPE).end(`{"jsonrpc":"2.0","id":${id},"result":${result}}`)
}

/** A third each: list changes, log lines, progress; spread over the time asked for. */
function flood({ id, args, token, session, response }) {
  const { notifications = 1, overMs = 1 } = args
  response.writeHead(200, STREAM_TYPE)
  const began = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const elapsed = performance.now() - began
    const due = Math.min(notifications, Math.floor((notifications * elapsed) / overMs))
    for (; sent < due && !response.writableNeedDrain; sent += 1)
      notify(sent, token, session, response)
    if (sent < notifications && !response.destroyed) return
    clearInterval(timer)
    response.end(`data: {"jsonrpc":"2.0","id":${id},"result":${MODERN_ANSWER}}\n\n`)
  }, 10)
}

function notify(index, token, session, response) {
  tally.notifications += 1
  if (index % 3 === 0) {
    const changed = event({ method: 'notifications/tools/list_changed' })
    const stream = streams.get(session) ?? response
    stream.write(changed)
  } else if (index % 3 === 1 || token === undefined) {
    const params = { level: 'error', data: `line ${index} of many` }
    response.write(event({ method: 'notifications/message', params }))
  } else {
    const params = { progressToken: token, progress: index }
    response.write(event({ method: 'notifications/progress', params }))
  }
}

function pour({ id, response }) {
  response.writeHead(200, STREAM_TYPE)
  const params = { level: 'error', data: 'x'.repeat(4096) }
  const line = event({ method: 'notifications/message', params })
  const last = `data: {"jsonrpc":"2.0","id":${id},"result":${MODERN_ANSWER}}\n\n`
  pump(response, line, Math.ceil(POUR_BYTES / line.length), last)
  response.on('close', () => {
    if (!response.writableFinished) tally.abandoned += 1
  })
}

function drip({ id, response }) {
  const body = `{"jsonrpc":"2.0","id":${id},"result":${MODERN_ANSWER}}`
  response.writeHead(200, { ...JSON_TYPE, 'content-length': body.length })
  let at = 0
  const timer = setInterval(() => {
    response.write(body.charAt(at))
    at += 1
    if (at < body.length) return
    clearInterval(timer)
    response.end()
  }, 1_000)
  response.on('close', () => {
    if (at < body.length) tally.abandoned += 1
    clearInterval(timer)
  })
}

const TOOLS = { read_deep: deep, read_flood: flood, read_pour: pour, read_drip: drip }

function resultOf(method, modern) {
  if (method === 'tools/list') {
    tally.lists += 1
    return listText(OFFERED, modern)
  }
  if (method === 'tools/call') return modern ? MODERN_ANSWER : ANSWER
  if (method === 'initialize') return ABOUT
  if (method === 'server/discover' && modern) return DISCOVERED
  return method === 'ping' || method === 'logging/setLevel' ? '{}' : undefined
}

function post(request, response, body) {
  const { id, method, params } = JSON.parse(body)
  const session = request.headers['mcp-session-id']
  const modern = request.headers['mcp-protocol-version'] === '2026-07-28'
  if (id === undefined) {
    response.writeHead(202).end()
    return
  }
  const own = method === 'tools/call' ? TOOLS[params.name] : undefined
  if (own !== undefined) {
    const token = params['_meta']?.progressToken
    own({ id: JSON.stringify(id), args: params.arguments ?? {}, token, session, response })
    return
  }
  const result = resultOf(method, modern)
  const said = result ?? '{"code":-32601,"message":"method not found"}'
  const part = result === undefined ? 'error' : 'result'
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${part}":${said}}`
  const headers = { ...JSON_TYPE, 'content-length': Buffer.byteLength(text) }
  if (method === 'initialize') headers['mcp-session-id'] = randomUUID()
  response.writeHead(result === undefined && modern ? 404 : 200, headers).end(text)
}

function listen(request, response) {
  const session = request.headers['mcp-session-id']
  if (session === undefined) {
    response.writeHead(405).end()
    return
  }
  response.writeHead(200, STREAM_TYPE)
  response.flushHeaders()
  streams.set(session, response)
  tally.streams += 1
  response.on('close', () => streams.delete(session))
}

createServer({ noDelay: true }, (request, response) => {
  response.on('error', () => response.destroy())
  if (request.method === 'GET' && request.url === '/tally') {
    response.writeHead(200, JSON_TYPE).end(JSON.stringify(tally))
    return
  }
  if (request.method === 'GET') {
    listen(request, response)
    return
  }
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    if (request.method === 'DELETE') response.writeHead(200).end()
    else post(request, response, Buffer.concat(chunks).toString())
  })
}).listen(count('--port', 0), '127.0.0.1')
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
