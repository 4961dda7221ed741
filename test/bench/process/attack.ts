/** Carries out one attack and prints what became of it as JSON: started by the bench with its name and the scene. */
import { ATTACKS } from '../http/attack.ts'
import type { Scene } from '../http/scene.ts'

const [id, scene = '{}'] = process.argv.slice(2)
const attack = ATTACKS.find((one) => one.id === id)
if (attack === undefined) throw new Error(`no attack is called ${id ?? 'nothing'}`)
const facts = await attack.run(JSON.parse(scene) as Scene)
process.stdout.write(JSON.stringify(facts), () => process.exit(0))
