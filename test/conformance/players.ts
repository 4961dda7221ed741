/** The stage with its players, in a process of its own: prints its port, plays what comes, ends with its input. */
import { acting } from './client/act.ts'
import { Stage } from './stage.ts'

/** As many as a small machine has cores for. */
const AT_ONCE = 2

const [, , guard] = process.argv
const stage = await Stage.open(AT_ONCE, acting(guard))
process.stdout.write(`${stage.port}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
