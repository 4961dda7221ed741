/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * The upstream of the bench: an MCP server with one fixed answer, so cheap that it is never what is measured.
 * Plain JavaScript, no SDK: it starts as fast as Node does. `--tools N` sets how many tools it lists.
 */
import { ABOUT, ANSWER, count, tools } from './answers.js'

const LIST = JSON.stringify({ tools: tools(count('--tools', 20)) })

function answer(line) {
  const { id, method } = JSON.parse(line)
  if (id === undefined) return ''
  const head = `{"jsonrpc":"2.0","id":${typeof id === 'number' ? id : JSON.stringify(id)},`
  if (method === 'tools/call') return `${head}"result":${ANSWER}}\n`
  if (method === 'tools/list') return `${head}"result":${LIST}}\n`
  if (method === 'initialize') return `${head}"result":${ABOUT}}\n`
  if (method === 'ping') return `${head}"result":{}}\n`
  return `${head}"error":{"code":-32601,"message":"method not found"}}\n`
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk) => {
  const text = rest === '' ? chunk : rest + chunk
  let out = ''
  let from = 0
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
    if (end > from) out += answer(text.slice(from, end))
    from = end + 1
  }
  rest = from === text.length ? '' : text.slice(from)
  // One write for all answers of a chunk: what a careful server does.
  if (out !== '') process.stdout.write(out)
})
process.stdin.on('end', () => process.exit(0))
