/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * The streaming pass-through: `node:http` in front, a pool of `undici` behind, bytes passed on as they come and never
 * looked at. It is the least that a Node proxy for HTTP does; a guard is measured by what it adds to this.
 * Usage: node http-pass.js --port N --upstream N
 */
import { createServer } from 'node:http'
// The pool and no more of the package: what else it loads is never used here.
import Pool from 'undici/lib/dispatcher/pool.js'
import { count } from './answers.js'

const pool = new Pool(`http://127.0.0.1:${count('--upstream', 0)}`, {
  connections: null,
  headersTimeout: 0,
  bodyTimeout: 0,
})

/** Headers of the connection, not of the message: each hop has its own. */
const OWN = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect'])

function passed(raw) {
  const headers = []
  for (let index = 0; index < raw.length; index += 2) {
    if (!OWN.has(raw[index].toLowerCase())) headers.push(raw[index], raw[index + 1])
  }
  return headers
}

/** One exchange, on its way back. */
class Back {
  constructor(response) {
    this.response = response
    this.upstream = undefined
    response.on('close', () => {
      if (!response.writableFinished) this.upstream?.abort(new Error('the agent is gone'))
    })
  }

  onRequestStart(upstream) {
    this.upstream = upstream
    if (this.response.destroyed) upstream.abort(new Error('the agent is gone'))
  }

  onResponseStart(_upstream, status, headers) {
    const own = {}
    for (const name of Object.keys(headers)) if (!OWN.has(name)) own[name] = headers[name]
    this.response.writeHead(status, own)
    // A stream is open before anything comes on it; any other head goes out with the first of its body.
    if (headers['content-type']?.startsWith('text/event-stream')) this.response.flushHeaders()
  }

  onResponseData(upstream, chunk) {
    if (this.response.write(chunk)) return
    upstream.pause()
    this.response.once('drain', () => upstream.resume())
  }

  onResponseEnd() {
    this.response.end()
  }

  onResponseError() {
    this.response.destroy()
  }
}

function pass(request, response, body) {
  const { method, url, rawHeaders } = request
  pool.dispatch({ method, path: url, headers: passed(rawHeaders), body }, new Back(response))
}

createServer({ noDelay: true }, (request, response) => {
  if (request.method !== 'POST') {
    pass(request, response, null)
    return
  }
  // A body that came whole goes on in one piece, a longer one as it comes: that costs the least.
  request.once('readable', () => {
    const first = request.read()
    const whole = first === null || first.length === Number(request.headers['content-length'])
    if (!whole) request.unshift(first)
    pass(request, response, whole ? first : request)
    if (whole) request.resume()
  })
}).listen(count('--port', 0), '127.0.0.1')
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
