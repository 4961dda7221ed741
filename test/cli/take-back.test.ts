/** `revoke`, `suspend`, `resume` and `guards` over a store in memory, with guards that are only said to run. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { guardsCommand } from '../../src/cli/guards.ts'
import type { Command } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import { resumeCommand } from '../../src/cli/resume.ts'
import { revokeCommand } from '../../src/cli/revoke.ts'
import { suspendCommand } from '../../src/cli/suspend.ts'
import { REAL_PARTS, type TakeBackParts } from '../../src/cli/take-back.ts'
import { GuardError } from '../../src/model/error.ts'
import { instant, sha256 } from '../../src/model/id.ts'
import type { StateStore } from '../../src/model/port.ts'
import { memoryStore } from '../../src/state/memory.ts'
import { fakeClock, type FakeClock } from '../fakes/clock.ts'
import { type Desk, desk, MANDATE, NOON } from './desk.fake.ts'

const WHY = ['--why', 'an alarm'] as const
const COMMANDS: Readonly<Record<string, (parts: TakeBackParts) => Command>> = {
  revoke: revokeCommand,
  suspend: suspendCommand,
  resume: resumeCommand,
  guards: guardsCommand,
}

let here: Desk
let clock: FakeClock
let store: StateStore
/** What the guards do while a command waits. */
let meanwhile: (ms: number) => void
let recorded: unknown[]
let unrecordable: boolean
beforeEach(() => {
  here = desk()
  clock = fakeClock('2026-11-24T12:00:00Z')
  store = memoryStore({ clock, isRunning: () => true })
  meanwhile = () => undefined
  recorded = []
  unrecordable = false
})
afterEach(() => here.remove())

function runs(
  instance: string,
  mandate = 'intake',
  agent = 'buyer',
  upstreams = ['vendors', 'mail'],
): void {
  const mandates = [{ name: mandate, digest: sha256('a'.repeat(64)), agent }]
  const self = { instance, pid: 41, startedAt: NOON, log: `/log/${instance}`, mandates, upstreams }
  store.register(self)
}

/** It has everything in effect after so long. */
function sees(instance: string, ms: number): void {
  const at = instant(clock.now() + ms)
  const before = meanwhile
  meanwhile = (paused) => {
    before(paused)
    if (clock.now() >= at) store.heartbeat(instance, clock.now(), store.restrictions().revision, at)
  }
}

async function run(name: string, ...argv: readonly string[]) {
  const parts: TakeBackParts = {
    clock,
    pause: async (ms) => {
      clock.advance(ms)
      meanwhile(ms)
    },
    open: () =>
      Object.assign(Object.create(store) as StateStore, bound(store), { close: () => undefined }),
    user: () => 'lee',
    record: async (_told, event, facts) => {
      if (unrecordable) throw new GuardError('ERR_AUDIT_APPEND', 'the key is gone')
      recorded.push([event, facts])
    },
  }
  const make = COMMANDS[name]
  if (!make) throw new Error(`no command ${name}`)
  const row = { name, summary: '', load: () => Promise.resolve(make(parts)) }
  const [out, err] = [here.io.out().length, here.io.err().length]
  const code = await main([name, ...argv], here.io, [row])
  return { code, out: here.io.out().slice(out), err: here.io.err().slice(err) }
}

function bound(of: StateStore): Partial<StateStore> {
  return {
    restrictions: () => of.restrictions(),
    restrict: (one) => of.restrict(one),
    lift: (target, given) => of.lift(target, given),
    instances: () => of.instances(),
    latest: () => of.latest(),
    resetLatest: (at) => of.resetLatest(at),
  }
}

describe('revoke', () => {
  test('waits for every guard that runs, and says how long each took', async () => {
    runs('g1')
    runs('g2')
    sees('g1', 40)
    sees('g2', 90)
    const { code, out, err } = await run('revoke', 'mandate:intake', ...WHY)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toBe(`revoked mandate:intake
  why: an alarm (operator lee)
  g1  pid 41  in effect after 40 ms
  g2  pid 41  in effect after 90 ms
  slowest: 90 ms
`)
    expect(store.restrictions().all).toMatchObject([
      {
        target: { kind: 'mandate', name: 'intake' },
        kind: 'revoked',
        by: 'operator lee',
        at: NOON,
      },
    ])
    expect(recorded).toMatchObject([['restricted', { kind: 'revoked', by: 'operator lee' }]])
  })

  test('one that does not answer is exit 3, after 5 s; one that has ended is no matter', async () => {
    runs('g1')
    runs('g2')
    runs('g3')
    sees('g1', 40)
    const gone = meanwhile
    meanwhile = (ms) => {
      gone(ms)
      store.unregister('g3')
    }
    const { code, out } = await run('revoke', 'everything', ...WHY, '--json')
    expect(code).toBe(3)
    expect(clock.monotonic()).toBeGreaterThanOrEqual(5000)
    expect(clock.monotonic()).toBeLessThan(5100)
    expect(JSON.parse(out)).toMatchObject({
      what: 'revoked',
      target: 'everything',
      slowest_ms: 40,
      guards: [
        { instance: 'g1', effect_ms: 40 },
        { instance: 'g2', effect_ms: null },
        { instance: 'g3', effect_ms: null, gone: true },
      ],
    })
  })

  test('does not wait where that is said, and nobody is waited for where nobody runs', async () => {
    expect((await run('revoke', 'agent:buyer', ...WHY)).out).toContain('no guard runs')
    runs('g1')
    expect(await run('revoke', 'upstream:mail', ...WHY, '--no-wait')).toMatchObject({ code: 0 })
    expect(clock.monotonic()).toBe(0)
    expect(store.restrictions().all).toHaveLength(2)
  })
})

describe('a name that nobody serves', () => {
  test.each([
    ['mandate:intaek', 'mandate:intake'],
    ['agent:buyr', 'agent:buyer'],
    ['upstream:vendor', 'upstream:vendors'],
    ['tool:vendor/approve', 'upstream:vendors'],
  ])('%s is taken back, with a warning that names the nearest', async (word, near) => {
    runs('g1')
    sees('g1', 40)
    const { code, out, err } = await run('revoke', word, ...WHY)
    expect(code).toBe(0)
    expect(err).toBe(`warning: no guard that runs serves ${word} (did you mean \`${near}\`?)\n`)
    expect(out).toContain('g1  pid 41  known after 40 ms: it serves nothing of that name')
    expect(out).not.toContain('in effect')
    expect(store.restrictions().all).toHaveLength(1)
  })

  test('each guard says whether it serves it', async () => {
    runs('g1')
    runs('g2', 'other', 'mailer', ['mail'])
    sees('g1', 40)
    sees('g2', 40)
    const { out, err } = await run('suspend', 'upstream:vendors', ...WHY, '--json')
    expect(err).toBe('')
    expect(JSON.parse(out)).toMatchObject({
      guards: [
        { instance: 'g1', serves: true },
        { instance: 'g2', serves: false },
      ],
    })
  })
})

test('a state folder that is named and not there is no other one', async () => {
  const { code, err } = await run('revoke', 'everything', ...WHY, '--state-dir', 'no-such-folder')
  expect(code).toBe(3)
  expect(err).toContain('there is no state folder')
  expect(store.restrictions().revision).toBe(0)
})

describe('what cannot be put on record', () => {
  test('is taken back and lifted all the same, and that is said', async () => {
    unrecordable = true
    const said = 'chaperone: this command is not on record: the key is gone\n'
    expect(await run('suspend', 'agent:buyer', ...WHY)).toMatchObject({ code: 0, err: said })
    expect(store.restrictions().all).toHaveLength(1)
    expect(await run('resume', 'agent:buyer', ...WHY)).toMatchObject({ code: 0, err: said })
    expect(store.restrictions().all).toEqual([])
  })

  test('leaves the clock as it was', async () => {
    store.register({ instance: 'g', pid: 1, startedAt: NOON, log: '', mandates: [], upstreams: [] })
    store.heartbeat('g', instant(NOON + 86_400_000), 0)
    unrecordable = true
    const { code, out, err } = await run('resume', 'clock', '--why', 'ntp was wrong')
    expect({ code, out }).toEqual({ code: 3, out: '' })
    expect(err).toContain('the key is gone')
    expect(store.latest()).toBe(NOON + 86_400_000)
  })

  test.each([
    ['./chaperone.yaml', []],
    ['--settings', ['--settings', 'chaperone.yaml']],
  ])('the settings of the guards say which key signs it: %s', async (_, flags) => {
    here.write('chaperone.yaml', 'audit: { key: ./nowhere.pem }\n')
    const told = { flags: { settings: flags[1] }, io: here.io }
    await expect(REAL_PARTS.record?.(told, 'lifted', {})).rejects.toThrow(/nowhere\.pem/)
  })
})

describe('what is meant', () => {
  beforeEach(() => {
    runs('g1', 'intake', 'buyer')
    runs('g2', 'mail', 'mailer')
  })

  test.each([
    ['intake', { kind: 'mandate', name: 'intake' }],
    ['buyer', { kind: 'agent', name: 'buyer' }],
    ['vendors', { kind: 'upstream', name: 'vendors' }],
    ['vendors/approve', { kind: 'tool', server: 'vendors', name: 'approve' }],
    ['tool:vendors/a/b', { kind: 'tool', server: 'vendors', name: 'a/b' }],
    ['mandate:unheard-of', { kind: 'mandate', name: 'unheard-of' }],
    ['agent:spiffe://x/y', { kind: 'agent', name: 'spiffe://x/y' }],
    ['m.yaml', { kind: 'mandate', name: 'intake' }],
  ])('%s', async (word, target) => {
    here.write('m.yaml', MANDATE)
    const { code } = await run('suspend', word, ...WHY, '--no-wait')
    expect(code).toBe(0)
    expect(store.restrictions().all).toMatchObject([{ target }])
  })

  test.each([
    ['mail', '`mail` may be any of several (say which: upstream:mail, mandate:mail)'],
    ['vendor', 'did you mean `upstream:vendors`?'],
    ['other/approve', 'no guard that runs serves `other/approve`'],
    ['tool:vendors', 'no guard that runs serves `tool:vendors`'],
    ['mandate:', 'no guard that runs serves `mandate:`'],
    ['tool:vendors/*', '`tool:vendors/*` is a pattern'],
    ['', 'no target is named'],
  ])('%s is refused, and nothing is written', async (word, what) => {
    const { code, err } = await run('revoke', word, ...WHY)
    expect(code).toBe(2)
    expect(err).toContain(what)
    expect(store.restrictions().revision).toBe(0)
  })

  test.each([
    [['intake'], 'nobody would know why'],
    [['intake', ...WHY, 'buyer'], '`buyer` is one too many'],
    [['intake', '--why', 'two\nlines'], '`--why` is no sentence'],
    [['intake', ...WHY, '--for', '1h'], 'unknown option `--for`'],
  ])('%o', async (argv, what) => {
    const { code, err } = await run('revoke', ...argv)
    expect(code).toBe(2)
    expect(err).toContain(what)
    expect(store.restrictions().revision).toBe(0)
  })
})

describe('suspend and resume', () => {
  test('for a while, and back', async () => {
    const set = await run('suspend', 'mandate:intake', ...WHY, '--for', '1h')
    expect(set.out).toContain('suspended mandate:intake until 2026-11-24T13:00:00.000Z\n')
    const back = await run('resume', 'intake', '--why', 'cleared')
    expect(back).toMatchObject({ code: 0, err: '' })
    expect(back.out).toContain('lifted mandate:intake\n  why: cleared (operator lee)\n')
    expect(store.restrictions().all).toEqual([])
    expect(recorded.map((one) => (one as string[])[0])).toEqual(['restricted', 'lifted'])
  })

  test('a suspension does not weaken a revocation', async () => {
    await run('revoke', 'agent:buyer', ...WHY)
    const { code, err } = await run('suspend', 'agent:buyer', ...WHY)
    expect(code).toBe(0)
    expect(err).toContain('nothing changed: agent:buyer is revoked since')
    expect(store.restrictions().all).toMatchObject([{ kind: 'revoked' }])
  })

  test('what is revoked comes back only where that is said, and a mandate never', async () => {
    await run('revoke', 'agent:buyer', ...WHY)
    await run('revoke', 'mandate:intake', ...WHY)
    const not = await run('resume', 'agent:buyer', ...WHY)
    expect(not).toMatchObject({ code: 1 })
    expect(not.err).toContain('`--revoked` ends that, too')
    expect(await run('resume', 'agent:buyer', ...WHY, '--revoked')).toMatchObject({ code: 0 })
    const never = await run('resume', 'mandate:intake', ...WHY, '--revoked')
    expect(never).toMatchObject({ code: 1 })
    expect(never.err).toContain('is revoked, and stays so')
    expect(store.restrictions().all).toMatchObject([{ target: { kind: 'mandate' } }])
  })

  test('nothing stands: that is said, with what does', async () => {
    await run('suspend', 'tool:vendors/approve', ...WHY)
    const { code, err } = await run('resume', 'upstream:vendors', ...WHY)
    expect(code).toBe(1)
    expect(err).toContain(
      'nothing stands against upstream:vendors (taken back: tool:vendors/approve)',
    )
  })

  test('a suspension that would shorten another changes nothing, and says so', async () => {
    await run('suspend', 'everything', ...WHY, '--for', '2h', '--no-wait')
    const { code, err } = await run('suspend', 'everything', ...WHY, '--for', '1h', '--no-wait')
    expect(code).toBe(0)
    expect(err).toContain(
      'everything is suspended since 2026-11-24T12:00:00.000Z until 2026-11-24T14:00:00.000Z, which is more',
    )
    expect(recorded).toHaveLength(1)
    expect(store.restrictions().revision).toBe(1)
  })

  test('the clock was wrong', async () => {
    store.register({ instance: 'g', pid: 1, startedAt: NOON, log: '', mandates: [], upstreams: [] })
    store.heartbeat('g', instant(NOON + 86_400_000), 0)
    expect(store.latest()).toBe(NOON + 86_400_000)
    const { code, out } = await run('resume', 'clock', '--why', 'ntp was wrong')
    expect(code).toBe(0)
    expect(out).toContain('2026-11-24T12:00:00.000Z (it was 2026-11-25T12:00:00.000Z)')
    expect(store.latest()).toBe(NOON)
  })
})

test('guards: who runs for whom, since when, and what is taken back of it', async () => {
  expect((await run('guards')).out).toBe('no guard runs\n')
  runs('g1')
  runs('g2', 'other', 'mailer', ['mail'])
  await run('suspend', 'tool:vendors/approve', ...WHY, '--no-wait')
  store.heartbeat('g1', NOON, 1, NOON)
  const { out } = await run('guards')
  expect(out).toBe(`g1  pid 41
  mandate    intake (agent buyer)
  upstreams  vendors, mail
  since      2026-11-24T12:00:00.000Z
  record     /log/g1
  suspended  tool:vendors/approve

g2  pid 41  has not seen the latest change
  mandate    other (agent mailer)
  upstreams  mail
  since      2026-11-24T12:00:00.000Z
  record     /log/g2

taken back
  suspended  tool:vendors/approve: an alarm (operator lee, 2026-11-24T12:00:00.000Z)
`)
  const form = JSON.parse((await run('guards', '--json')).out) as object
  expect(form).toMatchObject({
    guards: [
      { instance: 'g1', seen_latest: true, taken_back: ['tool:vendors/approve'] },
      { instance: 'g2', seen_latest: false, taken_back: [] },
    ],
    taken_back: [{ target: 'tool:vendors/approve', kind: 'suspended' }],
  })
})
