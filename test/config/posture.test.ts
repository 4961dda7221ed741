/** The risk posture over a real file, with a clock that stands still and hints that the test gives. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openPosture } from '../../src/config/posture.ts'
import { readRisk, riskFile, type SaidRisk, writeRisk } from '../../src/config/risk-file.ts'
import type { RiskPosture } from '../../src/model/call.ts'
import { instant } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { PostureChange, PosturePort } from '../../src/model/port.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'

let state: string
let clock: FakeClock
let hint: () => void
let told: string[]
let open: PosturePort[]
let closed: number
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-risk-'))
  clock = fakeClock('2026-11-24T10:00:00Z')
  told = []
  open = []
  closed = 0
})
afterEach(() => {
  for (const posture of open) posture.close()
  rmSync(state, { recursive: true, force: true })
})

const say = (posture: RiskPosture, more: Partial<SaidRisk> = {}): void =>
  writeRisk(state, { posture, since: clock.now(), why: 'a test', ...more })
const hours = (count: number) => instant(clock.now() + count * 3_600_000)

function posture(floor: RiskPosture = 'normal'): PosturePort {
  const note = (facts: JsonObject, message: string): void =>
    void told.push(`${message}: ${JSON.stringify(facts['why'] ?? facts['risk'])}`)
  const port = openPosture(state, floor, {
    clock,
    timers: clock,
    watch: (_path, onHint) => {
      hint = onHint
      return () => {
        closed += 1
      }
    },
    operational: { debug: note, info: note, warn: note, error: note },
  })
  open.push(port)
  return port
}

function heard(port: PosturePort): PostureChange[] {
  const changes: PostureChange[] = []
  port.onChange((change) => changes.push(change))
  return changes
}

const later = (): void => clock.advance(250)

test('without a file the floor of the settings counts', () => {
  expect(posture().at(clock.now())).toBe('normal')
  expect(posture('elevated').at(clock.now())).toBe('elevated')
  expect(told).toEqual([])
})

test.each([
  ['normal', 'elevated', 'elevated'],
  ['high', 'elevated', 'high'],
  ['elevated', 'high', 'high'],
  ['elevated', 'normal', 'elevated'],
] as const)('said %s over a floor of %s is %s: the stricter counts', (said, floor, counts) => {
  say(said)
  expect(posture(floor).at(clock.now())).toBe(counts)
})

test('what is set is seen by the next call once a look is due, and told to listeners once', () => {
  const port = posture()
  const changes = heard(port)
  say('high', { why: 'an alarm', until: hours(1) })
  expect(port.at(clock.now())).toBe('normal')
  clock.advance(249)
  expect(port.at(clock.now())).toBe('normal')
  clock.advance(1)
  expect(port.at(clock.now())).toBe('high')
  expect(port.at(clock.now())).toBe('high')
  const until = instant(Date.parse('2026-11-24T11:00:00Z'))
  expect(changes).toEqual([{ risk: 'high', why: 'an alarm', until }])
  expect(told).toEqual(['the risk posture changed: "an alarm"'])
})

test('a hint makes it seen at once, also while nobody calls', () => {
  const port = posture()
  const changes = heard(port)
  say('elevated')
  hint()
  expect(changes).toEqual([{ risk: 'elevated', why: 'a test' }])
  expect(port.at(clock.now())).toBe('elevated')
  hint()
  expect(changes).toHaveLength(1)
})

test('ends at the very call that comes at its end, and by itself where none comes', () => {
  say('high', { until: hours(1) })
  const port = posture('elevated')
  const changes = heard(port)
  expect(port.at(instant(hours(1) - 1))).toBe('high')
  expect(port.at(hours(1))).toBe('elevated')
  expect(changes).toEqual([{ risk: 'elevated' }])

  const idle = posture()
  const ends = heard(idle)
  clock.advance(3_600_000)
  expect(ends).toEqual([{ risk: 'normal' }])
})

test('an end that was noticed by a clock that was ahead is none once the clock is right again', () => {
  say('high', { until: hours(1) })
  const port = posture()
  const changes = heard(port)
  clock.setWall('2026-11-24T12:00:00Z')
  expect(port.at(clock.now())).toBe('normal')
  clock.setWall('2026-11-24T10:30:00Z')
  expect(port.at(clock.now())).toBe('high')
  clock.advance(1_800_000)
  expect(changes.map(({ risk }) => risk)).toEqual(['normal', 'high', 'normal'])
})

test('a clock that is set back while nobody calls does not keep the end from being noticed', () => {
  say('high', { until: hours(1) })
  const changes = heard(posture())
  clock.setWall('2026-11-24T09:00:00Z')
  clock.advance(3_600_000)
  expect(changes).toEqual([])
  clock.advance(3_600_000)
  expect(changes).toEqual([{ risk: 'normal' }])
})

test('an end that is moved while it lasts is told, and a file that says the same again is not', () => {
  say('high', { until: hours(1) })
  const port = posture()
  const changes = heard(port)
  say('high', { until: hours(1) })
  later()
  port.at(clock.now())
  expect(changes).toEqual([])
  say('high', { until: hours(2) })
  later()
  port.at(clock.now())
  expect(changes).toMatchObject([{ risk: 'high' }])
})

test('a file that is removed says nothing any more', () => {
  say('high')
  const port = posture()
  expect(port.at(clock.now())).toBe('high')
  rmSync(riskFile(state))
  later()
  expect(port.at(clock.now())).toBe('normal')
})

const GOOD = '{"v":1,"posture":"normal","since":"2026-11-24T09:00:00Z","why":"w"}'
describe('what cannot be read counts as high, and is told once for each change', () => {
  test('the form that the others differ from is read', () => {
    writeFileSync(riskFile(state), GOOD)
    expect(posture().at(clock.now())).toBe('normal')
  })

  test.each([
    ['nothing', ''],
    ['half a file', GOOD.slice(0, 40)],
    ['no object', '["normal"]'],
    ['a null', 'null'],
    ['another format', GOOD.replace('"v":1', '"v":2')],
    ['no format', GOOD.replace('"v":1,', '')],
    ['an unknown posture', GOOD.replace('normal', 'calm')],
    ['another type', GOOD.replace('"normal"', '0')],
    ['no posture', GOOD.replace('"posture":"normal",', '')],
    ['two postures', GOOD.replace('{', '{"posture":"high",')],
    ['an unknown member', GOOD.replace('{', '{"unless":"weekend",')],
    ['an end that is none', GOOD.replace('{', '{"until":"soon",')],
    ['an end of another type', GOOD.replace('{', '{"until":null,')],
    ['a time without a zone', GOOD.replace('00Z', '00')],
    ['no why', GOOD.replace(',"why":"w"', '')],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x7b])],
    ['more than anybody wrote', `${GOOD}${' '.repeat(2 ** 20)}`],
  ])('%s', (_what, bytes) => {
    writeFileSync(riskFile(state), bytes)
    const port = posture()
    expect(port.at(clock.now())).toBe('high')
    later()
    expect(port.at(clock.now())).toBe('high')
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(/^the risk posture cannot be read, and counts as high: "./)
  })

  test('a folder, a link that leads nowhere, a link in a circle', () => {
    mkdirSync(riskFile(state))
    expect(posture().at(clock.now())).toBe('high')
    rmSync(riskFile(state), { recursive: true })
    symlinkSync(join(state, 'nowhere'), riskFile(state))
    expect(posture().at(clock.now())).toBe('high')
    rmSync(riskFile(state))
    symlinkSync(riskFile(state), riskFile(state))
    expect(posture().at(clock.now())).toBe('high')
  })

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'nobody may read it',
    () => {
      say('normal')
      chmodSync(riskFile(state), 0)
      expect(posture().at(clock.now())).toBe('high')
    },
  )

  test('until it is right again; another wrong one is told again', () => {
    const port = posture()
    const changes = heard(port)
    for (const text of ['{', '[', GOOD]) {
      writeFileSync(riskFile(state), text)
      later()
      port.at(clock.now())
    }
    expect(changes.map(({ risk }) => risk)).toEqual(['high', 'high', 'normal'])
    expect(changes[0]?.why).toMatch(/^risk\.json cannot be read: .*risk\.json:1:2/)
    expect(told.filter((one) => one.startsWith('the risk posture cannot'))).toHaveLength(2)
  })
})

test('a file that was exchanged is seen though size and time are the same', () => {
  const other = GOOD.replace('normal', 'raised')
  const when = new Date('2026-11-24T09:00:00Z')
  writeFileSync(riskFile(state), GOOD)
  utimesSync(riskFile(state), when, when)
  const port = posture()
  expect(port.at(clock.now())).toBe('normal')
  writeFileSync(riskFile(state), other)
  utimesSync(riskFile(state), when, when)
  later()
  expect(port.at(clock.now())).toBe('high')
})

test('however many calls come, the file is looked at four times a second', () => {
  const port = posture()
  const before = clock.monotonic()
  let seen = 0
  for (let call = 0; call < 100; call += 1) {
    clock.advance(10)
    // A change between two looks stays unseen, so each look sees another file.
    say(call % 2 === 0 ? 'high' : 'elevated')
    port.at(clock.now())
    seen = told.length
  }
  expect(clock.monotonic() - before).toBe(1000)
  expect(seen).toBeGreaterThan(0)
  expect(seen).toBeLessThanOrEqual(4)
})

test('closing takes back what it waits for', () => {
  say('high', { until: hours(1) })
  const port = posture()
  const changes = heard(port)
  port.close()
  clock.advance(7_200_000)
  expect(changes).toEqual([])
  expect(closed).toBe(1)
})

test('it is written whole, for its owner alone, and reads back as it was said', () => {
  const folder = join(state, 'not', 'there', 'yet')
  const said: SaidRisk = { posture: 'high', since: clock.now(), until: hours(1), why: '"quoted"' }
  writeRisk(folder, said)
  writeRisk(folder, { ...said, posture: 'elevated' })
  expect(readdirSync(folder)).toEqual(['risk.json'])
  expect(readRisk(riskFile(folder))).toEqual({
    kind: 'said',
    said: { ...said, posture: 'elevated' },
  })
  const others = process.platform === 'win32' ? 0 : statSync(riskFile(folder)).mode & 0o077
  expect(others).toBe(0)
})

test('where it cannot be written, that is a fault and nothing is left behind', () => {
  mkdirSync(riskFile(state))
  expect(() => say('high')).toThrow(expect.objectContaining({ code: 'ERR_STATE_WRITE' }))
  expect(readdirSync(state)).toEqual(['risk.json'])
})
