/** Prints one part of what evidence costs as JSON: started by the bench, alone in its process. */
import { mkdirSync } from 'node:fs'
import { PARTS } from '../evidence/run.ts'
import { evidencePlan } from '../options.ts'

const [part = '', folder = ''] = process.argv.slice(2)
const measure = Object.entries(PARTS).find(([name]) => name === part)?.[1]
if (!measure) throw new Error(`there is no part \`${part}\``)
mkdirSync(folder, { recursive: true, mode: 0o700 })
const result: unknown = await measure(folder, evidencePlan(process.argv.includes('--quick')))
process.stdout.write(JSON.stringify(result))
