/** Starts processes for the bench and ends every one of them, also when the bench fails or is interrupted. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

export interface LaunchLine {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>

const alive = new Set<Child>()

/** Variables that change what starting Node costs, or what it does: no measured process gets them. */
const REMOVED = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'NODE_V8_COVERAGE', 'NODE_COMPILE_CACHE']

/**
 * Each child leads a process group of its own, so that ending it ends what it started too.
 *
 * @throws Error when the system gives it no process id: the command does not exist.
 */
export function start(line: LaunchLine): Child {
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of REMOVED) delete env[name]
  Object.assign(env, line.env)
  const child = spawn(line.command, line.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env,
  })
  // Its failure reaches whoever reads its answers as an end of the stream.
  child.on('error', () => alive.delete(child))
  child.stdin.on('error', () => child.stdin.destroy())
  if (child.pid === undefined) throw new Error(`cannot start \`${line.command}\``)
  alive.add(child)
  return child
}

/** Ends the input, waits up to two seconds for the child to leave by itself, then ends its group by force. */
export async function stop(child: Child): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const left = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.stdin.end()
    const timer = setTimeout(() => kill(child), 2_000)
    await left
    clearTimeout(timer)
  }
  kill(child)
  alive.delete(child)
}

/** For the last moment: everything that still runs, at once. */
export function killAll(): void {
  for (const child of alive) kill(child)
  alive.clear()
}

function kill(child: Child): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group is already gone.
  }
}

export function pidOf(child: Child): number {
  return child.pid!
}
