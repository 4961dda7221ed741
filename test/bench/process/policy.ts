/** Prints what policies cost as JSON: started by the bench, alone in its process. */
import { policyPlan } from '../options.ts'
import { loadOnce } from '../policy/load.ts'
import { measurePolicies } from '../policy/run.ts'

const [what] = process.argv.slice(2)
const results =
  what === 'yaml' || what === 'json'
    ? loadOnce(what)
    : await measurePolicies(policyPlan(process.argv.includes('--quick')))
process.stdout.write(
  JSON.stringify(results, (_name, value: unknown) => (Number.isNaN(value) ? null : value)),
)
