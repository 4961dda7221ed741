/** What holds for every engine: a deadline, a bound, a breaker. */
import { describe, expect, test } from 'vitest'
import { withDeadline } from '../../src/engine/deadline.ts'
import { type Asking, type Said, unreachable } from '../../src/engine/said.ts'
import type { EngineQuestion, PolicyEngine } from '../../src/model/port.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { NOW, questionOf } from '../fakes/engine.ts'

type Answers = (question: EngineQuestion, signal: AbortSignal) => Promise<Said>

function engineOf(ask: Answers): { engine: PolicyEngine; clock: FakeClock; closed: () => number } {
  const clock = fakeClock(NOW)
  let closed = 0
  const asking: Asking<EngineQuestion> = {
    ask,
    close: () => {
      closed += 1
      return Promise.resolve()
    },
  }
  const engine = withDeadline({ id: 'pdp', deadlineMs: 100 }, asking, { clock, timers: clock })
  return { engine, clock, closed: () => closed }
}

const QUESTION = questionOf({})
const never = (): Promise<Said> => new Promise(() => {})

describe('an engine', () => {
  test('that answers in time is believed, with how long it took', async () => {
    const { engine, clock } = engineOf(() => {
      clock.advance(7)
      return Promise.resolve({ effect: 'deny', detail: 'rule-1' })
    })
    expect(await engine.ask(QUESTION)).toEqual({
      engine: 'pdp',
      effect: 'deny',
      detail: 'rule-1',
      tookMs: 7,
    })
  })

  test('that does not is an error, is told so, and is not believed later', async () => {
    let late: (said: Said) => void = () => {}
    const signals: AbortSignal[] = []
    const { engine, clock } = engineOf((_, signal) => {
      signals.push(signal)
      return new Promise((resolve) => {
        late = resolve
      })
    })
    const asked = engine.ask(QUESTION)
    clock.advance(99)
    expect(signals[0]?.aborted).toBe(false)
    clock.advance(1)
    late({ effect: 'permit' })
    expect(await asked).toMatchObject({
      effect: 'error',
      detail: 'no answer in 100 ms',
      tookMs: 100,
    })
    expect(signals[0]?.aborted).toBe(true)
  })

  test.each([
    ['rejects', () => Promise.reject(new Error('broken\u0007'))],
    [
      'throws',
      () => {
        throw new Error('broken\u0007')
      },
    ],
  ])('that %s is an error', async (_, ask) => {
    const { engine } = engineOf(ask)
    expect(await engine.ask(QUESTION)).toMatchObject({ effect: 'error', detail: 'broken[U+0007]' })
  })

  test('is not asked more than 64 questions at once', async () => {
    let asked = 0
    const { engine, clock } = engineOf(() => {
      asked += 1
      return never()
    })
    const waiting = Array.from({ length: 64 }, () => engine.ask(QUESTION))
    expect((await engine.ask(QUESTION)).effect).toBe('error')
    expect(asked).toBe(64)
    clock.advance(100)
    await Promise.all(waiting)
  })

  test('that does not answer five times is left alone, then tried with one question', async () => {
    let asked = 0
    let answers = false
    const { engine, clock } = engineOf(() => {
      asked += 1
      return Promise.resolve(answers ? { effect: 'permit' } : unreachable('down'))
    })
    for (let turn = 0; turn < 5; turn += 1) await engine.ask(QUESTION)
    expect(await engine.ask(QUESTION)).toMatchObject({ effect: 'error', tookMs: 0 })
    expect(asked).toBe(5)
    clock.advance(4_999)
    expect((await engine.ask(QUESTION)).effect).toBe('error')
    expect(asked).toBe(5)
    clock.advance(1)
    const [first, second] = await Promise.all([engine.ask(QUESTION), engine.ask(QUESTION)])
    expect([first?.effect, second?.effect]).toEqual(['error', 'error'])
    expect(asked).toBe(6)
    answers = true
    clock.advance(5_000)
    expect((await engine.ask(QUESTION)).effect).toBe('permit')
    expect((await engine.ask(QUESTION)).effect).toBe('permit')
  })

  test('that answers, though with an error, is not left alone', async () => {
    let asked = 0
    const { engine } = engineOf(() => {
      asked += 1
      return Promise.resolve({ effect: 'error' })
    })
    for (let turn = 0; turn < 20; turn += 1) await engine.ask(QUESTION)
    expect(asked).toBe(20)
  })

  test('that is closed is not asked', async () => {
    let asked = 0
    const { engine, closed } = engineOf(() => {
      asked += 1
      return Promise.resolve({ effect: 'permit' })
    })
    await engine.close()
    expect((await engine.ask(QUESTION)).effect).toBe('error')
    expect([asked, closed()]).toEqual([0, 1])
  })
})
