/** Waits until every guard that runs has put a change of what is taken back into effect, and says how long each took. */
import type { Instant } from '../model/id.ts'
import type { Clock, StateStore } from '../model/port.ts'
import type { Target } from '../model/state.ts'
import { touches } from '../state/restriction-follow.ts'
import { type CliIo, paint, printable } from './io.ts'

/** One guard that ran when the change was made. */
export interface Answered {
  readonly instance: string
  readonly pid: number
  /** What was taken back, or resumed, is something that it serves. */
  readonly serves: boolean
  /** From the command to its effect, by the clock of this machine; absent: it did not answer. */
  readonly effectMs?: number
  /** It ended meanwhile: nothing is under way in it. */
  readonly gone?: true
}

const PATIENCE_MS = 5000
const LOOK_MS = 20

export interface WaitParts {
  readonly clock: Clock
  readonly pause: (ms: number) => Promise<void>
}

export async function answers(
  store: Pick<StateStore, 'instances'>,
  change: { readonly revision: number; readonly at: Instant; readonly target: Target },
  { clock, pause }: WaitParts,
  signal?: AbortSignal,
): Promise<readonly Answered[]> {
  const started = clock.monotonic()
  const waiting = store.instances().filter(({ alive }) => alive)
  for (;;) {
    const now = new Map(store.instances().map((one) => [one.instance, one]))
    const all = waiting.map((one): Answered => {
      const { instance, pid } = one
      const serves = touches(change.target, one)
      const guard = now.get(instance)
      if (guard && guard.seen >= change.revision && guard.seenAt !== undefined)
        return { instance, pid, serves, effectMs: Math.max(0, guard.seenAt - change.at) }
      return guard?.alive === true
        ? { instance, pid, serves }
        : { instance, pid, serves, gone: true }
    })
    const over = clock.monotonic() - started >= PATIENCE_MS || signal?.aborted === true
    if (over || all.every(isDone)) return all
    await pause(LOOK_MS)
  }
}

export function isDone({ effectMs, gone }: Answered): boolean {
  return effectMs !== undefined || gone === true
}

/** The longest that any of them took; undefined where none had anything to do. */
export function slowest(all: readonly Answered[]): number | undefined {
  const times = all.flatMap(({ effectMs }) => effectMs ?? [])
  return times.length === 0 ? undefined : Math.max(...times)
}

export function answerLines(all: readonly Answered[], io: CliIo): string {
  if (all.length === 0) return '  no guard runs; those that start see it\n'
  const lines = all.map((one) => {
    const took =
      one.effectMs !== undefined
        ? one.serves
          ? `in effect after ${one.effectMs} ms`
          : `known after ${one.effectMs} ms: it serves nothing of that name`
        : one.gone
          ? 'ended meanwhile'
          : paint(io, 'red', 'did not answer: its next call is refused all the same')
    return `  ${printable(one.instance)}  pid ${one.pid}  ${took}\n`
  })
  const most = slowest(all)
  const sum = most === undefined || all.length < 2 ? '' : `  slowest: ${most} ms\n`
  return `${lines.join('')}${sum}`
}
