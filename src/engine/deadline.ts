/**
 * What holds for every engine: each question has its deadline, there are so many at once, and an engine that does not
 * answer is left alone for a while. In every case the answer is an error, which denies.
 */
import type { EngineFact } from '../model/policy.ts'
import type { Clock, EngineQuestion, PolicyEngine, Timers } from '../model/port.ts'
import { type Asking, failed, reasonOf, type Said, unreachable } from './said.ts'

/** Most questions to one engine at once. */
const MOST_AT_ONCE = 64
/** So many questions in a row without an answer, and it is not asked. */
const FAILURES = 5
const COOL_DOWN_MS = 5_000

export interface Timing {
  readonly clock: Clock
  readonly timers: Timers
}

export function withDeadline(
  { id, deadlineMs }: { readonly id: string; readonly deadlineMs: number },
  asking: Asking<EngineQuestion>,
  timing: Timing,
): PolicyEngine {
  const breaker = breakerOf(timing.clock)
  let underway = 0
  let closed = false

  const answer = async (question: EngineQuestion): Promise<Said> => {
    if (closed) return failed('it is closed')
    if (underway >= MOST_AT_ONCE) return failed(`it is asked ${MOST_AT_ONCE} questions already`)
    if (!breaker.mayAsk()) return failed('it did not answer lately, and is not asked for a while')
    underway += 1
    try {
      const said = await inTime(asking, question, { deadlineMs, timers: timing.timers })
      breaker.heard(said.unreachable !== true)
      return said
    } finally {
      underway -= 1
    }
  }
  return {
    id,
    ask: async (question) => {
      const began = timing.clock.monotonic()
      const { effect, detail } = await answer(question)
      const tookMs = timing.clock.monotonic() - began
      return {
        engine: id,
        effect,
        ...(detail !== undefined && { detail }),
        tookMs,
      } satisfies EngineFact
    },
    close: async () => {
      closed = true
      await asking.close()
    },
  }
}

/** Whatever is thrown, or is not said by then, is an error; the engine is told that nobody waits any longer. */
function inTime(
  asking: Asking<EngineQuestion>,
  question: EngineQuestion,
  { deadlineMs, timers }: { readonly deadlineMs: number; readonly timers: Timers },
): Promise<Said> {
  const stop = new AbortController()
  return new Promise((resolve) => {
    const takeBack = timers.after(deadlineMs, () => {
      resolve(unreachable(`no answer in ${deadlineMs} ms`))
      stop.abort()
    })
    const settle = (said: Said): void => {
      takeBack()
      resolve(said)
    }
    const broke = (error: unknown): void => settle(unreachable(reasonOf(error)))
    try {
      asking.ask(question, stop.signal).then(settle, broke)
    } catch (error) {
      broke(error)
    }
  })
}

interface Breaker {
  mayAsk(): boolean
  heard(answered: boolean): void
}

/** After the cool-down one question at a time is let through, until one is answered. */
function breakerOf(clock: Clock): Breaker {
  let failures = 0
  let restsUntil = 0
  return {
    mayAsk: () => {
      if (failures < FAILURES) return true
      if (clock.monotonic() < restsUntil) return false
      restsUntil = clock.monotonic() + COOL_DOWN_MS
      return true
    },
    heard: (answered) => {
      failures = answered ? 0 : failures + 1
      if (failures >= FAILURES) restsUntil = clock.monotonic() + COOL_DOWN_MS
    },
  }
}
