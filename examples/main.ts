/** Runs every example, one after the other, and fails when one of them does. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const EXAMPLES = ['procurement/run.ts', 'guardrails/run.ts']

let failed = 0
for (const example of EXAMPLES) {
  const file = join(import.meta.dirname, example)
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  if (status !== 0) failed += 1
}
process.exitCode = failed === 0 ? 0 : 1
