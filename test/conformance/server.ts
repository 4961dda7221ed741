/** The everything server: what the conformance suite asks of a server, on a loopback port that it prints. Ends with its stdin. */
import { createServer } from 'node:http'
import { fixtureEndpoint } from './fixture/endpoint.ts'

const server = createServer(fixtureEndpoint())
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.stdout.write(`http://127.0.0.1:${address.port}/mcp\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
