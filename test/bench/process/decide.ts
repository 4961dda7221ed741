/** Prints what decisions cost as JSON: started by the bench, alone in its process. */
import { compileText } from '../compile.ts'
import { measureDecide } from '../decide.ts'
import { decidePlan } from '../options.ts'

const results = measureDecide(compileText, decidePlan(process.argv.includes('--quick')), () => {})
process.stdout.write(JSON.stringify(results))
