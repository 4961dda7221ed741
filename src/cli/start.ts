/** Runs the program on this process: its streams, its environment, its signals. */
import { type CliIo, wantsColor } from './io.ts'
import { main } from './main.ts'

const DEFAULT_COLUMNS = 100
const LONGEST_SLEEP_MS = 2 ** 30
/** What a shell sees of a process that was interrupted. */
const EXIT_IMPATIENT = 130

/** Runs the command line of this process and leaves with its exit code. */
export async function start(): Promise<void> {
  const stopping = new AbortController()
  let signals = 0
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // The first asks the command to stop, which takes seconds at the most and leaves no child behind; a second changes
    // nothing; a third ends the process at once, for who would rather not wait.
    process.on(signal, () => {
      signals += 1
      if (signals > 2) process.exit(EXIT_IMPATIENT)
      stopping.abort(signal)
    })
  }
  // A reader that went away (`chaperone log | head`) asks the command to stop, too; what stderr says is then lost.
  process.stdout.on('error', () => {
    stopping.abort('stdout')
  })
  process.stderr.on('error', () => undefined)
  // What a command still waits for (an upstream that takes its time to end) holds no process up by itself.
  const awake = setInterval(() => undefined, LONGEST_SLEEP_MS)
  const code = await main(process.argv.slice(2), processIo(stopping.signal))
  clearInterval(awake)
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit(code)
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
