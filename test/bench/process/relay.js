/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * The parsing relay: parses each line and writes it again, both ways, one write for each chunk. It is the least
 * that a proxy does which forwards what it has understood; a guard is measured by what it adds to this.
 * Usage: node relay.js COMMAND ARG…
 */
import { spawn } from 'node:child_process'

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })

function relay(from, to) {
  let rest = ''
  from.setEncoding('utf8')
  from.on('data', (chunk) => {
    const text = rest === '' ? chunk : rest + chunk
    let out = ''
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      if (end > start) out += `${JSON.stringify(JSON.parse(text.slice(start, end)))}\n`
      start = end + 1
    }
    rest = start === text.length ? '' : text.slice(start)
    if (out !== '') to.write(out)
  })
}

relay(process.stdin, child.stdin)
relay(child.stdout, process.stdout)
process.stdin.on('end', () => child.stdin.end())
child.stdin.on('error', () => process.exit(1))
child.on('exit', (code) => process.exit(code ?? 1))
