/** `chaperone risk` over a real state folder and a clock that stands still. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { riskCommand } from '../../src/cli/risk.ts'
import { instant, type Instant } from '../../src/model/id.ts'
import { type Desk, desk, NOON } from './desk.fake.ts'

let here: Desk
beforeEach(() => {
  here = desk()
})
afterEach(() => here.remove())

async function risk(argv: readonly string[], now: Instant = NOON, env = {}) {
  const command = riskCommand({ now: () => now })
  const row = { name: 'risk', summary: '', load: () => Promise.resolve(command) }
  const before = here.io.out().length
  const io = { ...here.io, env: { ...here.io.env, ...env } }
  const code = await main(['risk', ...argv], io, [row])
  return { code, out: here.io.out().slice(before), err: here.io.err() }
}

const file = () => join(here.folder, 'state', 'risk.json')
const at = (ms: number): Instant => instant(NOON + ms)

test('where nobody said anything it is normal, and looking makes no file', async () => {
  expect(await risk([])).toMatchObject({ code: 0, out: 'normal\n  floor  normal\n' })
  expect(existsSync(file())).toBe(false)
})

test('sets it for a time, shows what is in force, and what it was once that is over', async () => {
  const set = await risk(['high', '--for', '1h', '--why', 'an alarm'])
  expect(set).toMatchObject({ code: 0, err: '' })
  expect(set.out).toBe(`high
  said   high
  since  2026-11-24T12:00:00.000Z
  until  2026-11-24T13:00:00.000Z
  why    an alarm
  floor  normal
`)
  expect((await risk([], at(3_599_999))).out).toBe(set.out)
  expect((await risk([], at(3_600_000))).out).toBe(
    set.out.replace(/^high/, 'normal').replace('13:00:00.000Z', '13:00:00.000Z (over)'),
  )
})

test('as JSON; the stricter of what was said and the floor of the settings is in force', async () => {
  const { code, out } = await risk(['elevated', '--why', 'a test', '--json'], NOON, {
    CHAPERONE_RISK: 'high',
  })
  expect(code).toBe(0)
  expect(JSON.parse(out)).toEqual({
    risk: 'high',
    floor: 'high',
    floorBy: 'CHAPERONE_RISK',
    said: 'elevated',
    since: '2026-11-24T12:00:00.000Z',
    why: 'a test',
  })
})

test('back to normal needs a why, too, and no time', async () => {
  await risk(['high', '--why', 'an alarm'])
  expect((await risk(['normal', '--why', 'a false alarm'])).out).toMatch(/^normal\n/)
  expect((await risk([])).out).toContain('why    a false alarm\n')
})

describe('what is wrong changes nothing', () => {
  test.each([
    [['calm', '--why', 'w'], '`calm` is no risk posture (say normal, elevated, high)'],
    [['hihg', '--why', 'w'], '`hihg` is no risk posture (did you mean `high`?)'],
    [['high'], 'nobody would know why (say it: `--why "…"`)'],
    [['high', '--why', ' '], 'nobody would know why'],
    [['normal'], 'nobody would know why'],
    [['high', '--why', 'two\nlines'], '`--why` is no sentence'],
    [['high', '--why', 'x'.repeat(501)], '`--why` is no sentence'],
    [['high', '--why', 'w', '--for', 'ever'], '--for is `ever` (expected a time such as 1h'],
    [['high', '--why', 'w', '--for', '0s'], '--for is `0s`'],
    [['high', '--why', 'w', '--for', '366d'], '--for is `366d`'],
    [['normal', '--why', 'w', '--for', '1h'], 'nothing comes after `normal`'],
    [['high', 'normal', '--why', 'w'], '`normal` is one too many'],
    [['--why', 'w'], 'nothing is set (say which: normal, elevated, high)'],
    [['--for', '1h'], 'nothing is set'],
  ])('%j', async (argv, said) => {
    const { code, err } = await risk(argv)
    expect([code, existsSync(file())]).toEqual([2, false])
    expect(err).toContain(said)
  })
})

test('a file that cannot be read counts as high and is refused, until it is set anew', async () => {
  await risk(['normal', '--why', 'w'])
  writeFileSync(file(), '{"v":1}')
  const { code, out } = await risk([])
  expect(code).toBe(1)
  expect(out).toMatch(/^high\n {2}why {4}risk\.json cannot be read: .*`posture` is missing/)
  expect((await risk(['normal', '--why', 'mended'])).code).toBe(0)
})
