/** Prints one part of what policies cost as JSON: started by the bench, alone in its process. */
import { policyPlan } from '../options.ts'
import { PARTS } from '../policy/run.ts'

const [part = ''] = process.argv.slice(2)
const measure = Object.entries(PARTS).find(([name]) => name === part)?.[1]
if (!measure) throw new Error(`there is no part \`${part}\``)
const result: unknown = await measure(policyPlan(process.argv.includes('--quick')))
process.stdout.write(JSON.stringify(result))
