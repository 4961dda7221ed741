/** Measures decisions in a process of their own: nothing else has warmed, or worn, its just-in-time compiler. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DecideResult } from './decide.ts'

/** Everything it does takes under a minute. */
const PATIENCE_MS = 300_000

/** @throws Error with what the process said when it failed. */
export async function runDecide(
  quick: boolean,
  say: (line: string) => void,
): Promise<readonly DecideResult[]> {
  say('decide: in a process of its own')
  const file = fileURLToPath(new URL('process/decide.ts', import.meta.url))
  const line = [file, ...(quick ? ['--quick'] : [])]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, line, { timeout: PATIENCE_MS }, (error, stdout, stderr) => {
      if (error) reject(new Error(causeIn(stderr) ?? error.message))
      else resolve(JSON.parse(stdout) as readonly DecideResult[])
    })
  })
}

/** The line that says what went wrong, among those that say where. */
function causeIn(stderr: string): string | undefined {
  return /^\w*Error: (.*)$/m.exec(stderr)?.[1]
}
