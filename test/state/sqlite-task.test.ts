import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import { callId, instant } from '../../src/model/id.ts'
import type { TaskHistory } from '../../src/model/port.ts'
import { openStore, type SqliteStore } from '../../src/state/sqlite.ts'
import { Task } from '../../src/state/task.ts'
import {
  ask,
  CALLS,
  COMPLETED,
  debit,
  nextTurn,
  TO,
  toolCall,
  WHO,
} from '../contracts/state-store.ts'
import { fakeClock } from '../fakes/clock.ts'

const START = '2026-11-24T10:00:00.000Z'
const clock = fakeClock(START)
let dir: string
let path: string
let opened: SqliteStore[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'chaperone-task-'))
  path = join(dir, 'state.db')
})
afterEach(() => {
  for (const store of opened) store.close()
  opened = []
  rmSync(dir, { recursive: true, force: true })
})

function open(): SqliteStore {
  const store = openStore({ path, clock })
  opened.push(store)
  return store
}

function openTask(store = open(), queries = [CALLS, COMPLETED, TO], who = WHO): TaskHistory {
  const task = store.openTask(who, { timers: clock })
  task.track(queries)
  return task
}

function rows(sql: string): unknown[] {
  const raw = new DatabaseSync(path)
  try {
    return raw.prepare(sql).all()
  } finally {
    raw.close()
  }
}

const unusable = expect.objectContaining({ code: 'ERR_STATE_UNUSABLE' }) as object

test('no value of an argument is in the file, and the same one is another word in another file', () => {
  const secret = 'correct-horse-battery'
  const words = (): unknown[] => rows('SELECT event FROM task_events')
  const store = open()
  openTask(store).begin(toolCall('send', { to: secret }))
  const [event] = words()
  store.close()
  expect(readFileSync(path).includes(secret)).toBe(false)
  path = join(dir, 'other.db')
  openTask().begin(toolCall('send', { to: secret }))
  expect(words()[0]).not.toEqual(event)
})

test('calls that conditions ask of are written before they leave, others together', () => {
  const task = openTask()
  const count = (): number => rows('SELECT 1 FROM task_events').length
  task.begin(toolCall('send'))
  expect(count()).toBe(1)
  for (let call = 0; call < 255; call += 1) task.begin(toolCall('other'))
  expect(count()).toBe(1)
  task.begin(toolCall('other'))
  expect(count()).toBe(257)
  task.begin(toolCall('other'))
  clock.advance(1000)
  expect(count()).toBe(258)
})

test('a task that cannot be read or written refuses, but does not lose what came back', () => {
  const store = open()
  const task = openTask(store)
  task.begin(toolCall('send'))
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  expect(() => task.begin(toolCall('send'))).toThrow(unusable)
  expect(() => task.label(['untrusted'])).toThrow(unusable)
  task.completed(toolCall('send'))
  other.exec('ROLLBACK')
  other.close()
  clock.advance(1000)
  const again = openTask()
  expect([ask(again, CALLS), ask(again, COMPLETED)]).toEqual([1, 1])
  store.close()
  expect(() => task.facts).toThrow(unusable)
})

test('what was written together with a hold that is undone did not happen', async () => {
  const store = open()
  const [one, two] = [openTask(store), openTask()]
  one.begin(toolCall('send', { to: 'a' }))
  let back = (): void => undefined
  const act = (): void => {
    store.hold({ call: callId('c'), at: clock.now(), debits: [debit()] })
    back = one.begin(toolCall('send', { to: 'b' }))
    throw new RangeError('no')
  }
  expect(() => store.together(act)).toThrow('no')
  back()
  two.begin(toolCall('send', { to: 'c' }))
  clock.advance(1000)
  await nextTurn()
  for (const task of [one, two]) {
    expect(ask(task, CALLS)).toBe(2)
    expect([ask(task, TO, 'b'), ask(task, TO, 'c')]).toEqual([false, true])
  }
  store.together(() => one.begin(toolCall('send', { to: 'd' })))
  await nextTurn()
  expect(ask(two, TO, 'd')).toBe(true)
})

test('values are kept for conditions that come later only where they were asked for before', () => {
  const cc = { ...TO, key: 'cc', argument: 'cc' }
  const store = open()
  const task = openTask(store)
  task.begin(toolCall('send', { to: 'a', cc: 'x' }))
  task.track([TO, cc])
  expect([ask(task, TO, 'a'), ask(task, TO, 'b')]).toEqual([true, false])
  expect(ask(task, cc, 'x')).toBeUndefined()
  task.begin(toolCall('send', { to: 'a', cc: 'y' }))
  const again = openTask(open(), [cc])
  expect([ask(again, cc, 'y'), ask(again, cc, 'z')]).toEqual([true, undefined])
})

describe('after many calls', () => {
  test('what happened is written down as a whole, and the database stays small', () => {
    const store = open()
    const [one, two] = [openTask(store), openTask(open(), [CALLS])]
    one.label(['untrusted'])
    one.begin(toolCall('send', { to: 'first' }))
    // Nobody asks of these: they are written many at once.
    for (let call = 0; call < 20_500; call += 1) one.begin(toolCall(`t${call % 7}`, {}, call))
    one.begin(toolCall('send', { to: 'last' }))
    expect(ask(two, CALLS)).toBe(2)
    expect(ask(one, CALLS)).toBe(2)
    expect(rows('SELECT 1 FROM task_events').length).toBeLessThan(2000)
    expect(two.facts.labels).toEqual(['untrusted'])
    const again = openTask()
    expect(ask(again, CALLS)).toBe(2)
    expect([ask(again, TO, 'first'), ask(again, TO, 'last')]).toEqual([true, true])
    one.close()
    expect(store.tasks()).toMatchObject([{ calls: 20_502, labels: ['untrusted'] }])
  })
})

function happens(task: Task | TaskHistory, call: CallContext, fate: string): void {
  if (fate === 'labelled') {
    task.label([JSON.stringify(call.args['to'])])
    return
  }
  const back = task.begin(call)
  if (fate === 'completes') task.completed(call)
  if (fate === 'taken back') back()
}

test('two guards that share a task know what one would that did it all', async () => {
  const step = fc.record({
    name: fc.constantFrom('send', 'other'),
    to: fc.constantFrom('a', 'b', 'c'),
    fate: fc.constantFrom('runs', 'completes', 'taken back', 'labelled'),
    by: fc.constantFrom(0, 1),
    wait: fc.boolean(),
  })
  let worlds = 0
  const store = open()
  const other = open()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      worlds += 1
      const who = { ...WHO, task: String(worlds) }
      const queries = [CALLS, COMPLETED, TO]
      const both = [openTask(store, queries, who), openTask(other, queries, who)]
      const model = new Task('model')
      model.track(queries)
      for (const { name, to, fate, by, wait } of steps) {
        const call = toolCall(name, { to })
        for (const task of [both[by], model]) if (task) happens(task, call, fate)
        if (wait) await nextTurn()
      }
      clock.advance(1000)
      await nextTurn()
      const expected = [...queries, TO, TO].map((query, index) =>
        model.facts.history?.read(query, instant(clock.now()), 'abc'[index - 2] ?? ''),
      )
      for (const task of both) {
        const found = [...queries, TO, TO].map((query, index) =>
          task.facts.history?.read(query, instant(clock.now()), 'abc'[index - 2] ?? ''),
        )
        expect(found).toEqual(expected)
        expect(task.facts.labels).toEqual(model.facts.labels)
        task.close()
      }
    }),
    { numRuns: 30 },
  )
})
