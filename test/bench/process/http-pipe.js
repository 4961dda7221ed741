/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * The byte pipe over TCP: one connection behind for each in front. It knows nothing of HTTP: what any process in between
 * costs.
 * Usage: node http-pipe.js --port N --upstream N
 */
import { connect, createServer } from 'node:net'
import { count } from './answers.js'

const upstream = { host: '127.0.0.1', port: count('--upstream', 0), noDelay: true }

createServer({ noDelay: true }, (front) => {
  const back = connect(upstream)
  front.pipe(back)
  back.pipe(front)
  front.on('error', () => back.destroy())
  back.on('error', () => front.destroy())
}).listen(count('--port', 0), '127.0.0.1')
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
