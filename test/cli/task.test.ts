/** `chaperone task` over a real state folder and a clock that stands still. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { taskCommand } from '../../src/cli/task.ts'
import { openStore, storePath } from '../../src/state/sqlite.ts'
import { toolCall } from '../contracts/state-store.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { type Desk, desk } from './desk.fake.ts'

let here: Desk
let clock: FakeClock
beforeEach(() => {
  here = desk()
  clock = fakeClock('2026-11-24T12:00:00.000Z')
})
afterEach(() => here.remove())

const path = () => storePath(join(here.folder, 'state'))

async function task(...argv: string[]) {
  const command = taskCommand({ clock, user: () => 'dana' })
  const row = { name: 'task', summary: '', load: () => Promise.resolve(command) }
  const before = here.io.out().length
  const code = await main(['task', ...argv], here.io, [row])
  return { code, out: here.io.out().slice(before), err: here.io.err() }
}

function happened(agent = 'buyer', name = 'default'): void {
  const store = openStore({ path: path(), clock })
  const one = store.openTask({ mandate: 'intake', agent, task: name }, { timers: clock })
  one.label(['untrusted'])
  one.begin(toolCall('send'))
  one.completed(toolCall('send'))
  one.begin(toolCall('send'))
  one.close()
  store.close()
}

test('where there is none it says so, and looking makes no file', async () => {
  expect(await task()).toMatchObject({ code: 0, out: 'no task is kept\n' })
  expect(await task('list', '--json')).toMatchObject({ code: 0, out: '{\n  "tasks": []\n}\n' })
  expect(await task('end', 'intake', '--why', 'x')).toMatchObject({ code: 1 })
  expect(existsSync(path())).toBe(false)
})

test('lists them, ends the one that is meant, and says who did it and why', async () => {
  happened()
  const shown = `intake
  agent     buyer
  task      default
  labels    untrusted
  calls     2, 1 of them came back without an error
  began     2026-11-24T12:00:00.000Z
  last      2026-11-24T12:00:00.000Z
`
  expect(await task()).toMatchObject({ code: 0, out: shown, err: '' })
  expect(await task('end', 'intake', '--why', 'all is checked')).toMatchObject({
    code: 0,
    out: `ended ${shown}  why       all is checked (operator dana)\n`,
    err: '',
  })
  expect(await task('list')).toMatchObject({ code: 0, out: 'no task is kept\n' })
  expect(await task('end', 'intake', '--why', 'again')).toMatchObject({
    code: 1,
    err: 'there is no such task of `intake` (see `chaperone task list`)\n',
  })
})

test('as JSON', async () => {
  happened()
  const said = {
    mandate: 'intake',
    agent: 'buyer',
    task: 'default',
    labels: ['untrusted'],
    calls: 2,
    completed: 1,
    began: '2026-11-24T12:00:00.000Z',
    last: '2026-11-24T12:00:00.000Z',
  }
  expect(JSON.parse((await task('--json')).out)).toEqual({ tasks: [said] })
  const { out } = await task('end', 'intake', '--why', 'x', '--json')
  const end = { ended: '2026-11-24T12:00:00.000Z', by: 'operator dana', why: 'x' }
  expect(JSON.parse(out)).toEqual({ ...said, ...end })
})

test('where several could be meant nothing is ended', async () => {
  happened()
  happened('seller')
  happened('seller', 'second')
  const { code, err } = await task('end', 'intake', '--why', 'x', '--agent', 'seller')
  expect(code).toBe(2)
  expect(err).toContain('say --agent seller --task default, or --agent seller --task second')
  expect(await task('end', 'other', '--why', 'x')).toMatchObject({ code: 1 })
  const one = ['--agent', 'seller', '--task', 'second']
  expect(await task('end', 'intake', '--why', 'x', ...one)).toMatchObject({ code: 0 })
  expect(JSON.parse((await task('list', '--json')).out)).toMatchObject({
    tasks: [{ agent: 'buyer' }, { agent: 'seller', task: 'default' }],
  })
})

test.each([
  [['nothing'], 'neither'],
  [['ends', 'intake'], 'did you mean `end`?'],
  [['end'], 'no mandate is named'],
  [['end', 'intake'], 'nobody would know why'],
  [['end', 'intake', '--why', 'a\nb'], '`--why` is no sentence'],
  [['end', 'intake', 'other', '--why', 'x'], 'one too many'],
  [['list', 'intake'], 'one too many'],
  [['--why', 'x'], 'nothing is ended'],
])('%j is no question', async (argv, why) => {
  happened()
  const { code, err } = await task(...argv)
  expect(code).toBe(2)
  expect(err).toContain(why)
  expect(JSON.parse((await task('--json')).out)).toMatchObject({ tasks: [{ task: 'default' }] })
})

test('a state that cannot be read is said, and left as it is', async () => {
  happened()
  writeFileSync(path(), 'x'.repeat(4096))
  const { code, err } = await task('end', 'intake', '--why', 'x')
  expect(code).toBe(3)
  expect(err).toContain('state.db')
})
