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

createServer({ noDelay: true }, (request, response) => {
  let upstream
  response.on('close', () => {
    if (!response.writableFinished) upstream?.abort(new Error('the agent is gone'))
  })
  const { method, url, rawHeaders } = request
  const body = method === 'POST' ? request : null
  pool.dispatch(
    { method, path: url, headers: passed(rawHeaders), body },
    {
      onRequestStart(controller) {
        upstream = controller
        if (response.destroyed) controller.abort(new Error('the agent is gone'))
      },
      onResponseStart(_controller, status, headers) {
        delete headers.connection
        delete headers['keep-alive']
        delete headers['transfer-encoding']
        response.writeHead(status, headers)
        // A stream is open before anything comes on it; any other head goes out with the first of its body.
        if (headers['content-type']?.startsWith('text/event-stream')) response.flushHeaders()
      },
      onResponseData(controller, chunk) {
        if (response.write(chunk)) return
        controller.pause()
        response.once('drain', () => controller.resume())
      },
      onResponseEnd() {
        response.end()
      },
      onResponseError() {
        response.destroy()
      },
    },
  )
}).listen(count('--port', 0), '127.0.0.1')
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
