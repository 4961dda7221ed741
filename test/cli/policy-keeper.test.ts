/** Policies of a running guard follow their folder: what is good is put in force whole, what is bad changes nothing. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readPolicies } from '../../src/cli/policies.ts'
import { type KeeperParts, PolicyKeeper } from '../../src/cli/policy-keeper.ts'
import { digestOf } from '../../src/model/digest.ts'
import type { EngineConfig } from '../../src/model/engine.ts'
import { GuardError } from '../../src/model/error.ts'
import type { EntryBody } from '../../src/model/record.ts'
import { liveMandate, type LiveMandate } from '../../src/policy/live.ts'
import { fakeClock } from '../fakes/clock.ts'
import { tool } from '../fakes/line.ts'
import { EVERYTHING, toolCall } from '../policy/written.ts'

const SEND = tool('mail', 'send')
const GOOD = 'policy: a\nrules:\n  - { id: one, effect: forbid, when: args.x == 1 }\n'
const TIGHT = 'policy: a\nrules:\n  - { id: one, effect: forbid, when: args.x >= 0 }\n'

let folder = ''
let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'keeper-'))
  folder = join(root, 'policies')
  mkdirSync(folder)
  writeFileSync(join(folder, 'a.yaml'), GOOD)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

interface Kept {
  readonly keeper: PolicyKeeper
  readonly live: LiveMandate
  readonly entries: EntryBody[]
  readonly objects: Map<string, string>
  readonly complaints: string[]
  readonly opened: string[]
  readonly closed: string[]
  /** Lets the folder be looked at, settle, and whatever follows from it. */
  pass(): Promise<void>
  failAppend(): void
  /** The reason that a call with this argument gets. */
  reason(x: number): string
}

async function start(open?: KeeperParts['open']): Promise<Kept> {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const entries: EntryBody[] = []
  const objects = new Map<string, string>()
  const complaints: string[] = []
  const opened: string[] = []
  const closed: string[] = []
  let failing = false
  const read = readPolicies(folder, new Map())
  if (!read.load) throw new Error(JSON.stringify(read.problems))
  const note = (facts: object): void => void complaints.push(JSON.stringify(facts))
  const keeper = await PolicyKeeper.start(
    {
      log: {
        append: (entry) => {
          if (failing) return Promise.reject(new GuardError('ERR_AUDIT_APPEND', 'full'))
          entries.push(entry)
          return Promise.resolve({ seq: 0, leaf: digestOf('') })
        },
        putObject: (bytes) => {
          objects.set(digestOf(bytes), Buffer.from(bytes).toString())
          return digestOf(bytes)
        },
      },
      operational: { debug: note, info: () => undefined, warn: note, error: note },
      clock,
      timers: clock,
      watch: () => () => undefined,
      webhooks: new Map(),
      open:
        open ??
        ((config: EngineConfig) => {
          opened.push(config.id)
          return Promise.resolve({
            id: config.id,
            ask: () => Promise.resolve({ engine: config.id, effect: 'permit', tookMs: 0 }),
            close: () => Promise.resolve(void closed.push(config.id)),
          })
        }),
    },
    read.load,
  )
  const live = liveMandate(EVERYTHING, keeper.load.policies, 'dev')
  keeper.follow(live)
  keeper.watch(read.signature)
  return {
    keeper,
    live,
    entries,
    objects,
    complaints,
    opened,
    closed,
    pass: async () => {
      for (let turn = 0; turn < 8; turn += 1) {
        clock.advance(500)
        await new Promise(setImmediate)
      }
    },
    failAppend: () => {
      failing = true
    },
    reason: (x) => live.tool(SEND).decide(toolCall(SEND, { args: { x } })).reason,
  }
}

function events(kept: Kept): readonly string[] {
  return kept.entries.flatMap((entry) => (entry.type === 'event' ? [entry.event] : []))
}

test('the set at the start is on record with its files, named by their hashes', async () => {
  const kept = await start()
  expect(events(kept)).toEqual(['policies_loaded'])
  const { revision } = kept.keeper.load.policies
  expect(JSON.parse(kept.objects.get(revision) ?? '')).toEqual([
    { file: 'a.yaml', s256: digestOf(GOOD) },
  ])
  expect(kept.objects.get(digestOf(GOOD))).toBe(GOOD)
  await kept.keeper.close()
})

test('a good change is put in force, and is on record before any decision names it', async () => {
  const kept = await start()
  expect([kept.reason(1), kept.reason(2)]).toEqual(['forbidden', 'permitted'])
  const before = kept.live.revision
  write('a.yaml', TIGHT)
  await kept.pass()
  expect([kept.reason(1), kept.reason(2)]).toEqual(['forbidden', 'forbidden'])
  expect(kept.live.revision).not.toBe(before)
  expect(events(kept)).toEqual(['policies_loaded', 'policies_loaded'])
  expect(kept.objects.has(kept.live.revision ?? '')).toBe(true)
  await kept.keeper.close()
})

test.each([
  ['broken YAML', () => write('a.yaml', 'policy: [')],
  ['an unknown member', () => write('a.yaml', `${GOOD}rulez: []\n`)],
  [
    'a condition that does not compile',
    () => write('b.yaml', 'policy: b\nrules: [{ id: x, effect: forbid, when: args.x > }]'),
  ],
  ['an empty file', () => write('a.yaml', '')],
  [
    'a webhook that nobody configured',
    () =>
      write(
        'b.yaml',
        'policy: b\nrules: [{ id: x, effect: oblige, obligation: { type: notify, to: nobody } }]',
      ),
  ],
  ['no folder', () => rmSync(folder, { recursive: true })],
  ['a link that leads nowhere', () => symlinkSync('/nonexistent/x.yaml', join(folder, 'b.yaml'))],
  ['an engine that is none', () => write('engines.yaml', 'engines: [{ id: x, type: nothing }]')],
])('%s leaves the set before in force, and says so', async (_name, spoil) => {
  const kept = await start()
  const { revision } = kept.live
  spoil()
  await kept.pass()
  expect(kept.live.revision).toBe(revision)
  expect([kept.reason(1), kept.reason(2)]).toEqual(['forbidden', 'permitted'])
  expect(events(kept)).toEqual(['policies_loaded', 'policies_refused'])
  expect(kept.complaints.length).toBeGreaterThan(0)
  // Once it is mended, it goes on.
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  write('a.yaml', TIGHT)
  await kept.pass()
  expect(kept.reason(2)).toBe('forbidden')
  await kept.keeper.close()
})

test('that is mended as it was is told, too', async () => {
  const kept = await start()
  write('a.yaml', 'policy: [')
  await kept.pass()
  write('a.yaml', GOOD)
  await kept.pass()
  expect(events(kept)).toEqual(['policies_loaded', 'policies_refused', 'policies_loaded'])
  await kept.keeper.close()
})

test('a set that says nothing at all is put in force, and that is said loudly', async () => {
  const kept = await start()
  rmSync(join(folder, 'a.yaml'))
  await kept.pass()
  expect(kept.reason(1)).toBe('permitted')
  expect(kept.complaints.join()).toContain('"rules":0')
  await kept.keeper.close()
})

test('policies that are not read are told', () => {
  mkdirSync(join(folder, 'team'))
  write('team/b.yaml', GOOD)
  write('controls.yaml', 'rules: []\n')
  write('team/tools.json', '{"tools": []}')
  const ids = readPolicies(folder, new Map()).problems.map(({ id, message }) => [
    id,
    message.includes('team/b.yaml') || message.includes('controls.yaml'),
  ])
  expect(ids).toEqual([
    ['not_read', true],
    ['not_read', true],
  ])
  rmSync(folder, { recursive: true })
  mkdirSync(folder)
  expect(readPolicies(folder, new Map()).problems.map(({ id }) => id)).toEqual(['no_policies'])
})

test('an engine that was opened for a set that is refused is closed again', async () => {
  const closed: string[] = []
  const kept = await start((config) =>
    config.id === 'bad'
      ? Promise.reject(new GuardError('ERR_CONFIG_INVALID', 'no package'))
      : Promise.resolve({
          id: config.id,
          ask: () => Promise.resolve({ engine: config.id, effect: 'permit', tookMs: 0 }),
          close: () => Promise.resolve(void closed.push(config.id)),
        }),
  )
  write(
    'engines.yaml',
    'engines: [{ id: good, type: authzen, url: "http://127.0.0.1:1" }, { id: bad, type: authzen, url: "http://127.0.0.1:1" }]\n',
  )
  await kept.pass()
  expect(closed).toEqual(['good'])
  await kept.keeper.close()
})

test('what is the same set is not put in force again', async () => {
  const kept = await start()
  write('a.yaml', GOOD)
  write('a.test.yaml', 'test: x\n')
  write('README.md', 'about')
  await kept.pass()
  expect(events(kept)).toEqual(['policies_loaded'])
  await kept.keeper.close()
})

test('a folder that is swapped by its link is one change', async () => {
  const [one, two, link] = [join(root, 'v1'), join(root, 'v2'), join(root, 'link')]
  renameSync(folder, one)
  mkdirSync(two)
  writeFileSync(join(two, 'a.yaml'), TIGHT)
  symlinkSync(one, link)
  folder = link
  const kept = await start()
  symlinkSync(two, join(root, 'next'))
  renameSync(join(root, 'next'), link)
  await kept.pass()
  expect(kept.reason(2)).toBe('forbidden')
  expect(events(kept)).toEqual(['policies_loaded', 'policies_loaded'])
  await kept.keeper.close()
})

test('a set that cannot be recorded is not put in force', async () => {
  const kept = await start()
  const { revision } = kept.live
  kept.failAppend()
  write('a.yaml', TIGHT)
  await kept.pass()
  expect(kept.live.revision).toBe(revision)
  expect(kept.reason(2)).toBe('permitted')
  await kept.keeper.close()
})

const ENGINE = 'engines: [{ id: pdp, type: authzen, url: "http://127.0.0.1:1" }]\n'

test('engines come and go with their set; one that is what it was stays open', async () => {
  write('engines.yaml', ENGINE)
  const kept = await start()
  expect(kept.opened).toEqual(['pdp'])
  write('a.yaml', TIGHT)
  await kept.pass()
  expect([kept.opened, kept.closed]).toEqual([['pdp'], []])
  expect(kept.keeper.engines.get('pdp')).toBeDefined()
  write('engines.yaml', ENGINE.replace(':1"', ':2"'))
  await kept.pass()
  expect(kept.opened).toEqual(['pdp', 'pdp'])
  rmSync(join(folder, 'engines.yaml'))
  await kept.pass()
  expect(kept.keeper.engines.get('pdp')).toBeUndefined()
  for (let turn = 0; turn < 4; turn += 1) await kept.pass()
  expect(kept.closed).toEqual(['pdp', 'pdp'])
  await kept.keeper.close()
})

test('an engine that cannot be opened leaves the set before in force', async () => {
  const kept = await start(() => Promise.reject(new GuardError('ERR_CONFIG_INVALID', 'no package')))
  const { revision } = kept.live
  write('engines.yaml', ENGINE)
  write('a.yaml', TIGHT)
  await kept.pass()
  expect(kept.live.revision).toBe(revision)
  expect(events(kept).at(-1)).toBe('policies_refused')
  expect(kept.complaints.join()).toContain('no package')
  await kept.keeper.close()
})

test('nothing is put in force once it is closed', async () => {
  const kept = await start()
  await kept.keeper.close()
  write('a.yaml', TIGHT)
  await kept.pass()
  expect(kept.reason(2)).toBe('permitted')
})
