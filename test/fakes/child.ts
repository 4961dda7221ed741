/** A server of somebody else's, as a child of a test: started, waited for, ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export interface Child {
  close(): Promise<void>
}

/** Resolves once it answers `GET url` with success. */
export async function startChild(
  command: string,
  args: readonly string[],
  url: string,
): Promise<Child> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const over = new Promise<Error>((resolve) => {
    child.on('error', resolve)
    child.on('exit', (code) =>
      resolve(new Error(`it ended (${code}): ${Buffer.concat(said).toString()}`)),
    )
  })
  for (;;) {
    const state = await Promise.race([answers(url), over])
    if (state === true) return { close: () => end(child) }
    if (state instanceof Error) throw state
    const ended = await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 50))])
    if (ended instanceof Error) throw ended
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.on('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
