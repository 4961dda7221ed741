/** Starts what listens on a port of its own, and waits until it says where. */
import { createInterface } from 'node:readline'
import { start, stop, type Child } from '../bench/child.ts'
import { isObject, member } from '../../src/model/json.ts'
import type { Desk } from './desk.ts'

export interface Listener {
  /** Where, as the process says it: a URL, or a port. */
  readonly at: string
  close(): Promise<void>
}

const LISTENING_MS = 20_000
const PLACE = /^(http:\/\/|\d+$)/

/** The everything server of this folder, in a process of its own. */
export function startFixtures(): Promise<Listener> {
  const args = [`${import.meta.dirname}/server.ts`]
  const child = start({ command: process.execPath, args })
  return listening('the everything server', child, (line) => line)
}

/** Where clients play; `guard` is the file of the guard's command, for those that stand behind it. */
export function startStage(guard: string | undefined): Promise<Listener> {
  const args = [`${import.meta.dirname}/players.ts`, ...(guard === undefined ? [] : [guard])]
  const child = start({ command: process.execPath, args })
  return listening('the stage', child, (line) => line)
}

/** `chaperone serve` on a port of its own; it says where in its operational log. */
export function startGuard(guard: string, desk: Desk): Promise<Listener> {
  const args = [guard, ...desk.guarding('serve'), '--port', '0']
  const child = start({ command: process.execPath, args })
  return listening('the guard', child, urlIn)
}

async function listening(
  who: string,
  child: Child,
  placeIn: (line: string) => string | undefined,
): Promise<Listener> {
  const lines: string[] = []
  const place = new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${who} ${why}\n${lines.join('\n')}`))
    const timer = setTimeout(() => fail('does not listen'), LISTENING_MS)
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        const found = placeIn(line)
        if (found !== undefined && PLACE.test(found)) resolve(found)
        else if (lines.length < 100) lines.push(line)
      })
    }
    child.once('close', () => {
      clearTimeout(timer)
      fail('ended')
    })
  })
  // Its own way of ending first: what a guard has under way is put on record.
  const close = async (): Promise<void> => {
    child.kill('SIGTERM')
    await stop(child)
  }
  try {
    return { at: await place, close }
  } catch (error) {
    await close()
    throw error
  }
}

function urlIn(line: string): string | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    const url = isObject(entry) ? member(entry, 'url') : undefined
    return typeof url === 'string' ? url : undefined
  } catch {
    return undefined
  }
}
