/** Runs the program on this process: its streams, its environment, its signals. */
import { withoutSecrets } from '../model/secret-shape.ts'
import { type CliIo, wantsColor } from './io.ts'
import { main } from './main.ts'
import { listenTo } from './signals.ts'

const DEFAULT_COLUMNS = 100
const LONGEST_SLEEP_MS = 2 ** 30

/** Runs the command line of this process and leaves with its exit code. */
export async function start(): Promise<void> {
  process.on('uncaughtException', crash)
  const { stopping, onHangup } = listenTo(process)
  // A reader that went away (`chaperone log | head`) asks the command to stop, too; what stderr says is then lost.
  process.stdout.on('error', () => {
    stopping.abort('stdout')
  })
  process.stderr.on('error', () => undefined)
  // What a command still waits for (an upstream that takes its time to end) holds no process up by itself.
  const awake = setInterval(() => undefined, LONGEST_SLEEP_MS)
  const code = await main(process.argv.slice(2), {
    ...processIo(stopping.signal),
    onHangup,
  })
  clearInterval(awake)
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit(code)
}

/** What Node would say of a fault that nobody caught may quote what an agent or an upstream sent. */
function crash(fault: unknown): void {
  const text = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
  process.stderr.write(`chaperone: fault: ${withoutSecrets(text)}\n`)
  process.exit(3)
}

function processIo(signal: AbortSignal): CliIo {
  const { env, stdout, stderr } = process
  return {
    stdout: (chunk) => void stdout.write(chunk),
    stderr: (chunk) => void stderr.write(chunk),
    color: wantsColor(env, stdout.isTTY && stderr.isTTY),
    columns: stdout.isTTY ? stdout.columns : DEFAULT_COLUMNS,
    cwd: process.cwd(),
    env,
    signal,
    stdin: async () => (await import('node:stream/consumers')).text(process.stdin),
    watched: stderr.isTTY,
    ...(process.stdin.isTTY &&
      stderr.isTTY && { confirm: (question) => confirm(question, signal) }),
  }
}

/** Only a `y` is a yes. */
async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(?:es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim())
  } catch {
    return false
  } finally {
    lines.close()
  }
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    stream.write('', () => {
      done()
    })
  })
}
