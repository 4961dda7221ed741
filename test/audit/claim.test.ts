/** Which log a guard takes: one that nobody holds, else a new one; and never one that somebody changed. */
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimLog } from '../../src/audit/claim.ts'
import { beginRun, openRecord, recordEvent } from '../../src/cli/record.ts'
import { readSettings, type Settings } from '../../src/config/settings.ts'
import { hold } from '../../src/state/hold.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { event, intent } from '../fakes/entry-body.ts'
import { openedEntries } from '../fakes/unseal.ts'

let state = ''
let settings: Settings
const io = { env: {} }
const { agent = '', assurance = 'mandate', mandate } = HEAD
if (!mandate) throw new Error('the fake has a mandate')
const ACTING = { agent, assurance, mandate } as const

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-claim-'))
  settings = readSettings({ 'state-dir': state }, {}, '/')
})
afterEach(() => rmSync(state, { recursive: true, force: true }))

const logs = () => readdirSync(join(state, 'log'))

describe('a guard that starts', () => {
  test('goes on with the log of the one that ended; its calls are named after its own run', async () => {
    const one = openRecord(settings, io, ACTING)
    await one.log.append(intent())
    await one.log.close()
    const two = openRecord(settings, io, ACTING)
    await expect(two.log.append(intent())).resolves.toHaveProperty('seq', 1)
    await two.log.close()
    expect(two.logName).toBe(one.logName)
    expect(two.record).toBe(join(state, 'log', one.logName))
    expect(two.instance).not.toBe(one.instance)
    expect(logs()).toEqual([one.logName])
  })

  test('begins one of its own while the other is at it, and three in a row need no third', async () => {
    const one = openRecord(settings, io)
    const two = openRecord(settings, io)
    expect(two.logName).not.toBe(one.logName)
    await one.log.close()
    const three = openRecord(settings, io)
    expect(three.logName).toBe(one.logName)
    await Promise.all([two.log.close(), three.log.close()])
    expect(logs()).toHaveLength(2)
  })

  test('goes on where the one before was killed', async () => {
    const program = fileURLToPath(new URL('../fakes/log-holder.ts', import.meta.url))
    const child = spawn(process.execPath, [program, state], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [name] = await new Promise<string[]>((resolve) => {
      createInterface({ input: child.stdout }).once('line', (line) => resolve(line.split(' ')))
    })
    const meanwhile = openRecord(settings, io)
    expect(meanwhile.logName).not.toBe(name)
    await meanwhile.log.close()
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    const names = [openRecord(settings, io), openRecord(settings, io)]
    expect(names.map(({ logName }) => logName)).toContain(name)
    await Promise.all(names.map(({ log }) => log.close()))
    expect(logs()).toHaveLength(2)
  })

  test('begins another where somebody took the one that it had just made, and gives up in the end', async () => {
    const { log: other } = HEAD
    const asked: string[] = []
    const takenFor = (times: number) => (path: string) => {
      asked.push(path)
      return asked.length > times ? hold(path) : undefined
    }
    const claim = claimLog(state, other, { hold: takenFor(2) })
    await claim.log.append(event())
    await claim.log.close()
    expect(claim.name).toBe(`${other}-3`)
    expect(openedEntries(claim.dir)).toMatchObject([{ log: claim.name, seq: 0 }])
    expect(new Set(asked).size).toBe(3)
    expect(() => claimLog(state, 'more', { hold: () => undefined })).toThrow('another process')
  })

  test('leaves logs of an older format as they are', async () => {
    const old = join(state, 'log', '20260101T000000Z-00000000')
    mkdirSync(old, { recursive: true })
    writeFileSync(join(old, 'audit-0.jsonl'), '{"log":"x","seq":0,"v":1}\n')
    const { log, logName } = openRecord(settings, io)
    await log.close()
    expect(logName).not.toBe('20260101T000000Z-00000000')
    expect(readdirSync(old)).toEqual(['audit-0.jsonl'])
  })
})

describe('a log that was changed', () => {
  test('is kept as evidence: another is begun, which says so, and so does the operational log', async () => {
    const one = openRecord(settings, io, ACTING)
    await one.log.append(intent())
    await one.log.append(intent())
    await one.log.close()
    const file = join(one.record, 'audit-0.jsonl')
    writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, 1).join('\n') + '\n')
    const changed = readFileSync(file, 'utf8')

    const said: object[] = []
    const none = () => undefined
    const operational = {
      debug: none,
      info: none,
      warn: none,
      error: (facts: object) => void said.push(facts),
    }
    const two = openRecord(settings, io, undefined, operational)
    await beginRun(two, settings)
    await two.log.close()
    expect(two.logName).not.toBe(one.logName)
    expect(said).toMatchObject([{ log: one.logName }])
    expect(JSON.stringify(said)).toContain('last checkpoint')
    expect(readFileSync(file, 'utf8')).toBe(changed)
    expect(openedEntries(two.record)).toMatchObject([
      { event: 'settings_loaded' },
      { event: 'log_abandoned', facts: { log: one.logName } },
    ])

    const three = openRecord(settings, io)
    await three.log.close()
    expect([three.logName, three.ended]).toEqual([two.logName, []])
    expect(readFileSync(join(one.record, 'ended'), 'utf8')).toContain('last checkpoint')
  })
})

test('the settings of a run are the first thing on record, and kept without secrets', async () => {
  const secret = 's'.repeat(40)
  const place = { line: 1, column: 1 }
  const webhook = { name: 'ops', url: 'https://x.example/zq-url', secret, place }
  const all = { ...settings, webhooks: new Map([['ops', webhook]]) } as unknown as Settings
  const run = openRecord(all, io)
  await beginRun(run, all)
  await run.log.close()
  const [first] = openedEntries(run.record)
  const { s256 = '' } = (first?.['facts'] ?? {}) as { s256?: string }
  const text = readFileSync(join(run.record, 'objects', s256), 'utf8')
  expect(JSON.parse(text)).toMatchObject({ environment: 'dev', risk: 'normal', webhooks: ['ops'] })
  expect(text).not.toContain(secret)
  expect(text).not.toContain('zq-url')
})

test('a command of an operator puts one event on record beside guards that run', async () => {
  const run = openRecord(settings, io)
  const receipt = await recordEvent(io, settings, 'restricted', { why: 'gone' })
  expect(receipt.log).not.toBe(run.logName)
  expect(openedEntries(join(state, 'log', receipt.log))).toMatchObject([
    { seq: receipt.seq, event: 'restricted', facts: { why: 'gone' } },
  ])
  await run.log.close()
  expect(existsSync(join(state, 'log.vkey'))).toBe(true)
})

test('a held file is held until it is let go of, within one process, too', () => {
  const path = join(state, 'lock.db')
  const release = hold(path)
  expect(release).toBeDefined()
  expect(hold(path)).toBeUndefined()
  release?.()
  release?.()
  const again = hold(path)
  expect(again).toBeDefined()
  again?.()
  expect(() => hold(join(state, 'no', 'such'))).toThrow('ENOENT')
})
