/** Attacks in a process of their own: what they take out of it is not taken from the client beside them. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Attack } from './attack.ts'
import type { Facts, Scene } from './scene.ts'

/** More than any attack is given. */
const PATIENCE_MS = 120_000

/** @throws Error with what the process said when it failed. */
export function runAttack({ id }: Attack, scene: Scene): Promise<Facts> {
  const file = fileURLToPath(new URL('../process/attack.ts', import.meta.url))
  const line = [file, id, JSON.stringify(scene)]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, line, { timeout: PATIENCE_MS }, (error, stdout, stderr) => {
      if (error) reject(new Error(`the attack failed: ${stderr.slice(-300)}`, { cause: error }))
      else resolve(JSON.parse(stdout) as Facts)
    })
  })
}
