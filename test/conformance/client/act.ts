/** Plays one scenario, bounded in time, straight at the suite's server or behind the guard. */
import type { Act } from '../stage.ts'
import { Direct } from './direct.ts'
import { Guarded } from './guarded.ts'
import { play } from './scenarios.ts'

const LIMIT_MS = 40_000

/** `guard` is the file of the guard's command; there is none in between where it is left out. */
export function acting(guard: string | undefined): Act {
  return async (scenario) => {
    let said = ''
    const say = (text: string): void => {
      said += text
    }
    const peer = guard === undefined ? new Direct(scenario) : new Guarded(scenario, guard, say)
    try {
      await within(LIMIT_MS, play(scenario, peer))
      return { code: 0, said }
    } catch (error) {
      say(`client: ${error instanceof Error ? error.message : String(error)}\n`)
      return { code: 1, said }
    } finally {
      await peer.close()
    }
  }
}

async function within(limitMs: number, acted: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('nothing more happened')), limitMs)
  })
  await Promise.race([acted, late]).finally(() => clearTimeout(timer))
}
