/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * The client that the suite starts for a scenario: hands it to the stage, where everything is loaded already, and ends as
 * it ended there. The URL of the suite's server is the last argument.
 */
import { createConnection } from 'node:net'

const {
  MCP_CONFORMANCE_SCENARIO: name,
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision,
  MCP_CONFORMANCE_CONTEXT: context = '{}',
  CONFORMANCE_STAGE: port,
} = process.env
const scenario = { name, revision, url: process.argv.at(-1), context: JSON.parse(context) }
const stage = createConnection({ host: '127.0.0.1', port: Number(port) })
stage.write(`${JSON.stringify(scenario)}\n`)
let answer = ''
stage.setEncoding('utf8').on('data', (text) => {
  answer += text
})
stage.on('error', () => process.exit(1))
stage.on('end', () => {
  const { code, said } = JSON.parse(answer)
  process.stderr.write(said)
  process.exitCode = code
})
