/** G24: the same call again, under any id, through another guard or after a restart: what was used stays used. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/config/system.ts'
import { openStore, storePath } from '../../src/state/sqlite.ts'
import { type Folder, mandateText, puppet, received, type Setup } from './folder.ts'
import { type Frame, type GuardProcess, GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

function mandate(limit: number): Readonly<Record<string, unknown>> {
  return {
    tools: { 'p/pay': { effect: 'pay' }, 'p/fail': { effect: 'pay' } },
    budgets: [
      { id: 'calls', limit, per: 'mandate' },
      { id: 'eur', amount: 'args.amount', scale: 2, limit: limit * 2, per: 'mandate' },
    ],
  }
}

const AMOUNT = { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] }
const TOOLS = ['pay', 'fail'].map((name) => ({ name, inputSchema: AMOUNT }))

function spending(limit: number): (path: string) => Setup {
  return (path) => ({
    mandate: mandate(limit),
    upstreams: {
      p: puppet(path, 'p', {
        results: {
          'tools/list': JSON.stringify({ tools: TOOLS }),
          'tools/call pay': '{"content":[]}',
          'tools/call fail': '{"content":[],"isError":true}',
        },
      }),
    },
  })
}

function reached(folder: Folder): number {
  return received(folder.path, 'p').filter(({ message }) => message.method === 'tools/call').length
}

/** What is used of each budget, as the next guard finds it. */
function used(folder: Folder): Readonly<Record<string, number>> {
  const store = openStore({ path: storePath(folder.state), clock: systemClock })
  const all = store.budgets('').map(({ budget, used: count }) => [budget, count] as const)
  store.close()
  return Object.fromEntries(all)
}

function pay(guard: GuardProcess, id?: string): Promise<Frame> {
  return guard.call('pay', { amount: 2 }, id)
}

async function opened(folder: Folder): Promise<GuardProcess> {
  const guard = pool.launch(folder)
  await guard.open()
  await guard.request('tools/list')
  return guard
}

const outcome = (answer: Frame): unknown => reasonOf(answer) ?? 'permitted'
const count = (all: readonly unknown[], one: unknown): number =>
  all.filter((other) => other === one).length

describe('G24: replay', () => {
  test('G24: two guards that are flooded at once give what one budget has, and nothing more', async () => {
    const folder = pool.folder(spending(60))
    const guards = await Promise.all([opened(folder), opened(folder)])
    const flood = guards.flatMap((guard) => Array.from({ length: 100 }, () => pay(guard)))
    const outcomes = (await Promise.all(flood)).map(outcome)
    expect(count(outcomes, 'permitted')).toBe(60)
    expect(count(outcomes, 'budget_exhausted')).toBe(140)
    expect(reached(folder)).toBe(60)
    expect(used(folder)).toEqual({ 'budgets.calls': 60, 'budgets.eur': 12_000 })
    for (const guard of guards) expect((await guard.close()).code).toBe(0)
  })

  test('G24: a call again, with the same id and another, after a success, an error, a restart and a kill', async () => {
    const folder = pool.folder(spending(6))
    const one = await opened(folder)
    expect(outcome(await pay(one, 'a'))).toBe('permitted')
    // The same id again: whatever it is answered, it is no call that is not counted.
    one.frames.length = 0
    await pay(one, 'a')
    one.frames.length = 0
    expect((await one.call('fail', { amount: 2 }, 'b')).result?.isError).toBe(true)
    expect(outcome(await one.call('fail', { amount: 2 }, 'c'))).toBe('permitted')
    expect(reached(folder)).toBe(4)
    expect((await one.close()).code).toBe(0)
    expect(used(folder)).toEqual({ 'budgets.calls': 4, 'budgets.eur': 800 })

    const two = await opened(folder)
    expect(outcome(await pay(two, 'a'))).toBe('permitted')
    two.child.kill('SIGKILL')
    await two.exited
    expect(used(folder)).toEqual({ 'budgets.calls': 5, 'budgets.eur': 1000 })

    const three = await opened(folder)
    expect(outcome(await pay(three, 'a'))).toBe('permitted')
    for (const id of ['a', 'd']) {
      three.frames.length = 0
      expect(outcome(await pay(three, id))).toBe('budget_exhausted')
    }
    expect(reached(folder)).toBe(6)
    expect((await three.close()).code).toBe(0)

    const four = await opened(folder)
    expect(outcome(await pay(four, 'a'))).toBe('budget_exhausted')
    expect(reached(folder)).toBe(6)
    expect((await four.close()).code).toBe(0)
  })

  test('G24: a mandate that is edited, or a task with another name, begins no budget anew', async () => {
    const folder = pool.folder(spending(2))
    const one = await opened(folder)
    await pay(one)
    await pay(one)
    expect(outcome(await pay(one))).toBe('budget_exhausted')
    await one.close()
    writeFileSync(
      join(folder.path, 'mandate.json'),
      mandateText({ ...mandate(2), purpose: 'something else' }),
    )
    const { launch } = folder
    const other = { ...folder, launch: { ...launch, args: [...launch.args, '--task', 'other'] } }
    const two = await opened(other)
    expect(outcome(await pay(two))).toBe('budget_exhausted')
    expect(reached(folder)).toBe(2)
    // What is raised gives the difference.
    await two.close()
    writeFileSync(join(folder.path, 'mandate.json'), mandateText(mandate(3)))
    const three = await opened(folder)
    expect([outcome(await pay(three)), outcome(await pay(three))]).toEqual([
      'permitted',
      'budget_exhausted',
    ])
    expect(reached(folder)).toBe(3)
    await three.close()
  })
})
