/** Policies that are replaced in their folder while calls run: tightened, loosened, broken, half written, swapped by a link. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readPolicies } from '../../src/cli/policies.ts'
import { PolicyKeeper } from '../../src/cli/policy-keeper.ts'
import { digestOf } from '../../src/model/digest.ts'
import type { EngineFact } from '../../src/model/policy.ts'
import { liveMandate } from '../../src/policy/live.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { type FakeLine, fakeLine, mandateOf, tool } from '../fakes/line.ts'
import { MANDATE } from './office.ts'

/** Forbids every number but those that leave this rest. */
function only(rest: number): string {
  return `policy: a
rules:
  - { id: only, effect: forbid, unless: args.n % 3.0 == ${rest}.0 }
`
}
const NONE = 'policy: a\nrules:\n  - { id: none, effect: forbid, when: args.n >= 0 }\n'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'reload-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function versionOf(name: string, text: string): string {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'a.yaml'), text)
  return folder
}

/** In place of what stood there, in one step. */
function replace(folder: string, text: string): void {
  const next = join(root, 'next')
  writeFileSync(next, text)
  renameSync(next, join(folder, 'a.yaml'))
}

function pointTo(link: string, folder: string): void {
  const next = join(root, 'next-link')
  symlinkSync(folder, next)
  renameSync(next, link)
}

interface Running {
  readonly keeper: PolicyKeeper
  readonly line: FakeLine
  readonly clock: FakeClock
  readonly complaints: string[]
  call(n: number): Promise<unknown>
  /** Lets the folder be looked at, settle, and whatever follows from it. */
  pass(): Promise<void>
}

type Ask = () => Promise<EngineFact>

async function start(folder: string, ask?: Ask): Promise<Running> {
  const read = readPolicies(folder, new Map())
  if (!read.load) throw new Error(JSON.stringify(read.problems))
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const complaints: string[] = []
  const note = (facts: object): void => void complaints.push(JSON.stringify(facts))
  const live = liveMandate(mandateOf(MANDATE), read.load.policies, 'dev')
  let opened: PolicyKeeper | undefined
  const line = fakeLine({
    mandate: live,
    tools: [{ state: 'found', target: tool('a', 'count') }],
    ports: {
      principal: { agent: 'bot', assurance: 'launch_line' },
      engines: { get: (id) => opened?.engines.get(id) },
    },
  })
  const keeper = await PolicyKeeper.start(
    {
      log: { append: (entry) => line.log.append(entry), putObject: (bytes) => digestOf(bytes) },
      operational: { debug: note, info: () => undefined, warn: note, error: note },
      clock,
      timers: clock,
      watch: () => () => undefined,
      webhooks: new Map(),
      open: ({ id }) =>
        Promise.resolve({
          id,
          ask: ask ?? (() => Promise.resolve({ engine: id, effect: 'permit', tookMs: 0 })),
          close: () => Promise.resolve(),
        }),
    },
    read.load,
  )
  opened = keeper
  keeper.follow(live)
  keeper.watch(read.signature)
  return {
    keeper,
    line,
    clock,
    complaints,
    call: (n) => {
      const params = { name: 'count', arguments: { n } }
      const cancelled = { aborted: false, onAbort: () => undefined }
      return takeCall({ era: 'legacy', method: 'tools/call', params, cancelled }, line.ports)
    },
    pass: async () => {
      for (let turn = 0; turn < 4; turn += 1) {
        clock.advance(500)
        await new Promise(setImmediate)
      }
    },
  }
}

interface Entry {
  readonly event?: string
  readonly call?: string
  readonly facts?: { readonly s256?: string; readonly in_force?: string }
  readonly decision?: { readonly effect: string; readonly policy: { readonly s256: string } }
}

function eventsOf({ line }: Running, name: string): readonly Entry[] {
  return (line.log.entries as readonly Entry[]).filter(({ event }) => event === name)
}

describe('G42: policy reload races', () => {
  test('G42: 10,000 calls while the folder is replaced 1,000 times, in every way: each is decided by one set that was in force', async () => {
    const link = join(root, 'policies')
    const versions = [0, 1, 2].map((rest) => versionOf(`v${rest}`, only(rest)))
    pointTo(link, versions[0] ?? '')
    const running = await start(link)
    const { keeper, line } = running
    // What each set permits, by what stood in the folder when it was put in force.
    const permits = new Map<string, number | 'none'>([[keeper.load.policies.revision, 0]])
    let bad = 0
    const steps: readonly ((step: number) => number | 'none' | undefined)[] = [
      (step) => {
        pointTo(link, versions[step % 3] ?? '')
        return step % 3
      },
      () => {
        pointTo(link, versionOf('tight', NONE))
        return 'none'
      },
      (step) => {
        const folder = versionOf('edited', only((step + 1) % 3))
        pointTo(link, folder)
        return (step + 1) % 3
      },
      () => {
        replace(versionOf('edited', NONE), 'policy: a\nrules:\n  - { id: only, effect: forb')
        bad += 1
        return undefined
      },
      () => {
        replace(join(root, 'edited'), 'policy: a\nrulez: []\n')
        bad += 1
        return undefined
      },
      (step) => {
        replace(join(root, 'edited'), only(step % 3))
        return step % 3
      },
    ]
    const under: Promise<unknown>[] = []
    let n = 0
    for (let step = 0; step < 1000; step += 1) {
      const next = steps[step % steps.length]?.(step + Math.floor(step / steps.length))
      // Some calls are under way while the folder is read, some are not.
      for (let more = 0; more < 5; more += 1) under.push(running.call((n += 1)))
      await running.pass()
      if (next !== undefined) permits.set(keeper.load.policies.revision, next)
      for (let more = 0; more < 5; more += 1) under.push(running.call((n += 1)))
      await under.at(-1)
    }
    await Promise.all(under)
    expect(permits.size).toBe(4)
    expect(eventsOf(running, 'policies_refused').length).toBe(bad)

    const inForce = new Set<string>()
    const decided = new Map<number, string>()
    for (const { event, call, facts, decision } of line.log.entries as readonly Entry[]) {
      if (event === 'policies_loaded') inForce.add(facts?.s256 ?? '')
      if (!decision) continue
      const { s256 } = decision.policy
      // Calls are numbered as they come in; what they were called with is sealed.
      const number = Number(call?.slice('call-'.length))
      expect(inForce.has(s256)).toBe(true)
      const permitted = permits.get(s256) === number % 3
      expect([number, decision.effect]).toEqual([number, permitted ? 'permit' : 'deny'])
      decided.set(number, decision.effect)
    }
    expect([n, decided.size]).toEqual([10_000, 10_000])
    // What left is what was permitted, and all of it.
    const left = line.departed.map(({ call: { args } }) => args['n'])
    expect(left).toEqual(
      [...decided].filter(([, effect]) => effect === 'permit').map(([number]) => number),
    )
    expect(left.length).toBeGreaterThan(100)
    await keeper.close()
  }, 180_000)

  test('G42: half a file that would load is not put in force while it is written', async () => {
    const folder = versionOf('policies', only(0))
    const running = await start(folder)
    const { clock, keeper } = running
    for (let time = 0; time < 5; time += 1) {
      const whole = only(time % 2)
      // It says nothing, and would permit everything.
      writeFileSync(join(folder, 'a.yaml'), whole.slice(0, 'policy: a\n'.length))
      keeper.look()
      clock.advance(200)
      writeFileSync(join(folder, 'a.yaml'), `${whole}# ${time}\n`)
      clock.advance(100)
      await running.pass()
      await running.call(2)
    }
    expect(keeper.load.policies.rules).toHaveLength(1)
    for (const { facts } of eventsOf(running, 'policies_loaded'))
      expect(facts).toMatchObject({ rules: 1 })
    expect(eventsOf(running, 'policies_loaded').length).toBe(6)
    expect(running.line.departed).toEqual([])
    await keeper.close()
  })

  test('G42: what cannot be loaded keeps the set before, says so, and names it', async () => {
    const folder = versionOf('policies', only(0))
    const running = await start(folder)
    const { revision } = running.keeper.load.policies
    replace(folder, only(0).replace('unless', 'unles'))
    await running.pass()
    await running.call(0)
    await running.call(1)
    expect(running.line.departed.map(({ call: { args } }) => args['n'])).toEqual([0])
    const [refused] = eventsOf(running, 'policies_refused')
    expect(refused?.facts).toMatchObject({ in_force: revision })
    expect(JSON.stringify(refused)).toContain('unles')
    expect(running.complaints.join()).toContain('unles')
    await running.keeper.close()
  })

  test('G42: a call that waits for a slow engine while the set is tightened does not leave', async () => {
    const folder = versionOf('policies', only(0))
    const engines = 'engines: [{ id: pdp, type: authzen, url: "http://127.0.0.1:1" }]\n'
    writeFileSync(join(folder, 'engines.yaml'), engines)
    const waiting: ((fact: EngineFact) => void)[] = []
    const running = await start(folder, () => new Promise((resolve) => waiting.push(resolve)))
    const held = [0, 3, 6].map((n) => running.call(n))
    await new Promise(setImmediate)
    expect(waiting).toHaveLength(3)
    replace(folder, NONE)
    await running.pass()
    for (const tell of waiting) tell({ engine: 'pdp', effect: 'permit', tookMs: 1 })
    await Promise.all(held)
    expect(running.line.departed).toEqual([])
    const { revision } = running.keeper.load.policies
    const decisions = (running.line.log.entries as readonly Entry[]).flatMap(
      ({ decision }) => decision ?? [],
    )
    expect(decisions).toHaveLength(3)
    for (const { effect, policy } of decisions)
      expect([effect, policy.s256]).toEqual(['deny', revision])
    await running.keeper.close()
  })

  test.each([
    [{ kind: 'mandate', name: 'm' }, 'revoked'],
    [{ kind: 'tool', server: 'a', name: 'count' }, 'suspended'],
    [{ kind: 'everything' }, 'suspended'],
  ] as const)(
    'G42: what is taken back while sets are replaced and calls wait: no call leaves after it (%j)',
    async (target, kind) => {
      const folder = versionOf('policies', only(0))
      const engines = 'engines: [{ id: pdp, type: authzen, url: "http://127.0.0.1:1" }]\n'
      writeFileSync(join(folder, 'engines.yaml'), engines)
      const waiting: ((fact: EngineFact) => void)[] = []
      const running = await start(folder, () => new Promise((resolve) => waiting.push(resolve)))
      const { line, keeper, clock } = running
      const tell = (): void => {
        for (const answer of waiting.splice(0))
          answer({ engine: 'pdp', effect: 'permit', tookMs: 1 })
      }
      const under: Promise<unknown>[] = []
      let before = -1
      for (let step = 0; step < 60; step += 1) {
        if (step % 3 === 0) replace(folder, `${only(0)}# ${step}\n`)
        for (let n = 0; n < 10; n += 1) under.push(running.call(n * 3))
        await new Promise(setImmediate)
        if (step === 30) {
          // Some calls wait for the engine now, and some are about to leave.
          tell()
          under.push(running.call(0))
          await Promise.resolve()
          before = line.departed.length
          line.store.restrict({ target, kind, at: clock.now(), why: 'w', by: 'operator o' })
        }
        tell()
        clock.advance(500)
      }
      while (waiting.length > 0) {
        tell()
        await new Promise(setImmediate)
      }
      await Promise.all(under)
      expect(before).toBeGreaterThan(100)
      expect(line.departed).toHaveLength(before)
      expect(line.store.open.size).toBe(0)
      await keeper.close()
    },
  )

  test('G42: a tighter set is in force within a second and a half of its writing', async () => {
    const folder = versionOf('policies', only(0))
    const running = await start(folder)
    replace(folder, NONE)
    for (let turn = 0; turn < 6; turn += 1) {
      running.clock.advance(250)
      await new Promise(setImmediate)
    }
    await running.call(0)
    expect(running.line.departed).toEqual([])
    await running.keeper.close()
  })
})
