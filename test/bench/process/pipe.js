/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/**
 * The byte pipe: the least that a Node process between two others can do. It looks at nothing.
 * Usage: node pipe.js COMMAND ARG…
 */
import { spawn } from 'node:child_process'

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
process.stdin.pipe(child.stdin)
child.stdout.pipe(process.stdout)
child.stdin.on('error', () => process.exit(1))
child.on('exit', (code) => process.exit(code ?? 1))
