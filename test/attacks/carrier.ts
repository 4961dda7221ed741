/** The ways in which an attack reaches the guard; the same attack comes by all of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT, type Setup } from '../e2e/folder.ts'
import { type GuardPool, GuardProcess, type RawGuard } from '../e2e/guard.ts'
import { HttpGuardProcess } from '../e2e/http.ts'
import { InProcessGuard } from '../e2e/in-process.ts'

export const CARRIERS = ['memory', 'stdio', 'HTTP'] as const
export type Carrier = (typeof CARRIERS)[number]

/** What stands on the prototypes that an attacker would write to. */
function ownNames(): readonly (readonly string[])[] {
  return [Object.prototype, Array.prototype].map((one) => Reflect.ownKeys(one).map(String))
}
const BEFORE = ownNames()

/** Ends the guard and says what stood on its prototypes then, beside what has to. */
export async function pollution(
  guard: RawGuard,
  carrier: Carrier,
): Promise<readonly (readonly string[])[]> {
  await guard.close()
  const file = guard.folder.file('prototypes.json')
  const names =
    carrier === 'memory' ? ownNames() : (JSON.parse(readFileSync(file, 'utf8')) as string[][])
  return names.map((own, at) => own.filter((name) => BEFORE[at]?.includes(name) !== true))
}

/** What a process has to be started with for that. */
export function watched(path: string): Readonly<Record<string, string>> {
  return {
    NODE_OPTIONS: `--import ${pathToFileURL(join(ROOT, 'test/fakes/mcp/prototype-watch.ts')).href}`,
    PROTOTYPE_WATCH: join(path, 'prototypes.json'),
  }
}

/** A guard that is reached in this way. */
export function startBy(
  carrier: Carrier,
  pool: GuardPool,
  setup: Setup | ((path: string) => Setup),
): RawGuard {
  const command = carrier === 'HTTP' ? 'serve' : 'run'
  const folder = pool.folder((path) => ({
    ...(typeof setup === 'function' ? setup(path) : setup),
    command,
  }))
  if (carrier === 'memory') return pool.keep(new InProcessGuard(folder))
  return pool.keep(carrier === 'HTTP' ? new HttpGuardProcess(folder) : new GuardProcess(folder))
}
