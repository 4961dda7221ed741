import { expect, test } from 'vitest'
import { GuardError } from '../../../src/model/error.ts'
import { Pending } from '../../../src/proxy/upstream/pending.ts'
import { fakeClock } from '../../fakes/clock.ts'

function table() {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  return { clock, pending: new Pending({ clock, timers: clock, server: 'a' }) }
}
const ANSWER = { part: 'result', text: '{}', value: {} } as const

test('an answer reaches who waits for it, once', async () => {
  const { pending } = table()
  const id = pending.nextId()
  const answer = pending.wait(id, { timeoutMs: 10, onTimeout: () => undefined })
  expect(pending.answer(id + 1, ANSWER)).toBe(false)
  expect(pending.answer(String(id), ANSWER)).toBe(false)
  expect(pending.answer(id, ANSWER)).toBe(true)
  expect(pending.answer(id, ANSWER)).toBe(false)
  expect(await answer).toBe(ANSWER)
})

test('each is given up at its own deadline, on one timer', async () => {
  const { clock, pending } = table()
  const told: number[] = []
  const wait = (timeoutMs: number) => {
    const id = pending.nextId()
    return pending.wait(id, { timeoutMs, onTimeout: () => told.push(id) })
  }
  const long = wait(100)
  const short = wait(10)
  clock.advance(9)
  expect(told).toEqual([])
  clock.advance(1)
  await expect(short).rejects.toMatchObject({ code: 'ERR_UPSTREAM_TIMEOUT' })
  expect(told).toEqual([2])
  clock.advance(90)
  await expect(long).rejects.toMatchObject({ code: 'ERR_UPSTREAM_TIMEOUT' })
})

test('progress extends the deadline of the call it belongs to', async () => {
  const { clock, pending } = table()
  const heard: object[] = []
  const id = pending.nextId()
  const progress = { token: 'mine', hear: (params: object) => heard.push(params) }
  const answer = pending.wait(id, { timeoutMs: 10, onTimeout: () => undefined, progress })
  clock.advance(9)
  expect(pending.progress(id, { progress: 1, progressToken: id })).toBe(true)
  expect(pending.progress('mine', {})).toBe(false)
  clock.advance(9)
  expect(heard).toEqual([{ progress: 1, progressToken: 'mine' }])
  clock.advance(1)
  await expect(answer).rejects.toMatchObject({ code: 'ERR_UPSTREAM_TIMEOUT' })
})

test('a call without an end has no deadline', () => {
  const { clock, pending } = table()
  const id = pending.nextId()
  void pending.wait(id, { timeoutMs: Number.POSITIVE_INFINITY, onTimeout: () => undefined })
  clock.advance(1e12)
  expect(pending.size).toBe(1)
})

test('when the process ends, what is not answered is lost; a cancelled call is not', async () => {
  const { pending } = table()
  const [one, two] = [pending.nextId(), pending.nextId()]
  const cancelled = pending.wait(one, { timeoutMs: 10, onTimeout: () => undefined })
  const lost = pending.wait(two, { timeoutMs: 10, onTimeout: () => undefined })
  expect(pending.cancel(one)).toBe(true)
  expect(pending.cancel(one)).toBe(false)
  pending.lose('ended')
  expect(await cancelled).toBe('cancelled')
  await expect(lost).rejects.toBeInstanceOf(GuardError)
  await expect(lost).rejects.toMatchObject({ code: 'ERR_UPSTREAM_LOST' })
})
