/**
 * Loaded into a guard with `--import`: when the process ends, what stands on the prototypes that every object and list
 * has is written to a file, so that a test can compare.
 */
import { writeFileSync } from 'node:fs'

process.on('exit', () => {
  const path = process.env['PROTOTYPE_WATCH']
  if (path === undefined) return
  const names = [Object.prototype, Array.prototype].map((one) => Reflect.ownKeys(one).map(String))
  writeFileSync(path, JSON.stringify(names))
})
