import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LoginFile } from '../../src/credential/login-file.ts'
import type { Kept } from '../../src/credential/kept.ts'
import { fakeClock } from '../fakes/clock.ts'

const WINDOWS = process.platform === 'win32'
const AT = { server: 'far', url: 'https://far.example/mcp?key=1#x' }
const KEPT: Kept = { server: 'far', url: 'https://far.example/mcp', clients: [] }

let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-logins-'))
})
afterEach(() => rmSync(state, { recursive: true, force: true }))

const folder = (): string => join(state, 'credentials')

describe('the file of an upstream', () => {
  test('is found again, and is its owner alone to read', () => {
    const file = new LoginFile(state, AT)
    expect([file.read(), file.stamp()]).toEqual([undefined, undefined])
    expect(existsSync(folder())).toBe(false)
    file.write(KEPT)
    expect(new LoginFile(state, AT).read()).toEqual(KEPT)
    expect(readdirSync(folder())).toHaveLength(1)
    if (WINDOWS) return
    expect(statSync(folder()).mode & 0o777).toBe(0o700)
    expect(statSync(file.path).mode & 0o777).toBe(0o600)
  })

  test('is that of a server at an origin and a path, and of no other', () => {
    new LoginFile(state, AT).write(KEPT)
    for (const other of [
      { ...AT, server: 'Far' },
      { ...AT, url: 'https://far.example/other' },
      { ...AT, url: 'https://far.example:444/mcp' },
      { ...AT, url: 'http://far.example/mcp' },
    ])
      expect(new LoginFile(state, other).read()).toBeUndefined()
    expect(new LoginFile(state, { ...AT, url: 'https://far.example/mcp?key=2' }).read()).toEqual(
      KEPT,
    )
  })

  test('under whose name another was put is not taken', () => {
    const file = new LoginFile(state, AT)
    file.write({ ...KEPT, url: 'https://other.example/mcp' })
    expect(() => file.read()).toThrow('holds no login that can be read here')
    writeFileSync(file.path, '{')
    expect(() => file.read()).toThrow('holds no login that can be read here')
  })

  test('changes its stamp when it is written, and leaves nothing half written', () => {
    const file = new LoginFile(state, AT)
    file.write(KEPT)
    const before = file.stamp()
    file.write(KEPT)
    expect(file.stamp()).not.toBe(before)
    expect(readdirSync(folder())).toHaveLength(1)
  })

  test.skipIf(WINDOWS)(
    'that others can read, or may have written, is not taken (skipped on Windows)',
    () => {
      const file = new LoginFile(state, AT)
      file.write(KEPT)
      chmodSync(file.path, 0o640)
      expect(() => file.read()).toThrow("is not its owner's alone")
      chmodSync(file.path, 0o600)
      chmodSync(folder(), 0o777)
      expect(() => file.write(KEPT)).toThrow("is not its owner's alone")
    },
  )

  test.skipIf(WINDOWS)('is never read or written through a link (skipped on Windows)', () => {
    const file = new LoginFile(state, AT)
    mkdirSync(folder(), { mode: 0o700 })
    const elsewhere = join(state, 'elsewhere')
    writeFileSync(elsewhere, 'secret', { mode: 0o600 })
    symlinkSync(elsewhere, file.path)
    expect(() => file.read()).toThrow('is no login')
    file.write(KEPT)
    expect(statSync(elsewhere).size).toBe(6)
    expect(file.read()).toEqual(KEPT)
  })

  test('goes with what was wanted last', () => {
    const file = new LoginFile(state, AT)
    expect(file.challenge()).toBeUndefined()
    const wanted = { metadataUrl: 'https://far.example/prm', scopes: ['a', 'b'] }
    file.keepChallenge({ ...wanted, error: 'insufficient_scope' })
    expect(file.challenge()).toEqual(wanted)
    file.write(KEPT)
    file.remove()
    expect(readdirSync(folder())).toEqual([])
    file.remove()
  })

  test('says nothing of what was wanted where that cannot be read', () => {
    const file = new LoginFile(state, AT)
    file.keepChallenge({ scopes: ['a'] })
    const [name = ''] = readdirSync(folder())
    for (const text of [
      '',
      '[]',
      '{"scope": 1}',
      '{"scope": "a\\u0007"}',
      '{"metadataUrl": "file:///x"}',
    ]) {
      writeFileSync(join(folder(), name), text)
      expect(file.challenge(), text).toEqual({})
    }
  })
})

describe('alone', () => {
  test('no longer than somebody waits for it, and nothing is done then', async () => {
    const file = new LoginFile(state, AT)
    file.write(KEPT)
    writeFileSync(lock(file), 'somebody else')
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const interrupt = new AbortController()
    let did = false
    const work = (): Promise<void> => {
      did = true
      return Promise.resolve()
    }
    const waiting = expect(file.alone(clock, work, interrupt.signal)).rejects.toThrow('interrupted')
    interrupt.abort()
    clock.advance(50)
    await waiting
    expect([did, existsSync(lock(file))]).toEqual([false, true])
  })

  const lock = (file: LoginFile): string => file.path.replace(/json$/, 'lock')

  test('one after the other, and the lock is gone afterwards', async () => {
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const file = new LoginFile(state, AT)
    const first = Promise.withResolvers<void>()
    const did: string[] = []
    const one = file.alone(clock, async () => {
      did.push('one begins')
      await first.promise
      did.push('one ends')
    })
    const two = new LoginFile(state, AT).alone(clock, () => {
      did.push('two')
      return Promise.resolve()
    })
    await Promise.resolve()
    clock.advance(500)
    first.resolve()
    await one
    clock.advance(50)
    await two
    expect(did).toEqual(['one begins', 'one ends', 'two'])
    expect(existsSync(lock(file))).toBe(false)
  })

  test('ends with what it did, though that failed', async () => {
    const file = new LoginFile(state, AT)
    const clock = fakeClock('2026-11-24T10:00:00Z')
    await expect(file.alone(clock, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(existsSync(lock(file))).toBe(false)
  })

  test('whoever holds the lock for longer than anything takes is gone', async () => {
    const file = new LoginFile(state, AT)
    mkdirSync(dirname(file.path), { mode: 0o700 })
    writeFileSync(lock(file), 'a process that was killed')
    const waits: number[] = []
    const timers = {
      after: (ms: number, action: () => void) => {
        waits.push(ms)
        queueMicrotask(action)
        return () => undefined
      },
    }
    expect(await file.alone(timers, () => Promise.resolve('done'))).toBe('done')
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(20_000)
    expect(existsSync(lock(file))).toBe(false)
  })
})
