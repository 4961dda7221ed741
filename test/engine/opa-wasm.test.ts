/** Rego compiled by the real `opa build`, through the OPA SDK, in a thread that can be ended. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { readBundle } from '../../src/engine/bundle.ts'
import { openEngine } from '../../src/engine/open.ts'
import { openThread } from '../../src/engine/thread.ts'
import type { PolicyEngine } from '../../src/model/port.ts'
import { BASE, engineDeps, questionOf } from '../fakes/engine.ts'

const BUNDLE = readFileSync(join(import.meta.dirname, 'fixtures', 'chaperone.tar.gz'))

const open: PolicyEngine[] = []
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close()
})

async function rego(
  entrypoint: string,
  bytes: Uint8Array = BUNDLE,
): Promise<{ engine: PolicyEngine; deps: ReturnType<typeof engineDeps> }> {
  const deps = engineDeps({ read: () => bytes })
  const config = { ...BASE, type: 'opa_wasm', bundle: 'chaperone.tar.gz', entrypoint } as const
  const engine = await openEngine(config, deps)
  open.push(engine)
  return { engine, deps }
}

const APPROVAL = { vendor_id: 'v1', vendor_class: 'B', amount: 100 }

describe('compiled Rego', () => {
  test('permits what its rule permits, and denies the rest', async () => {
    const { engine } = await rego('chaperone/permit')
    expect(await engine.ask(questionOf(APPROVAL))).toMatchObject({
      engine: 'pdp',
      effect: 'permit',
    })
    const other = questionOf({ ...APPROVAL, vendor_class: 'A' })
    expect(await engine.ask(other)).toMatchObject({ effect: 'deny' })
    const tainted = questionOf(APPROVAL, { session: { id: 't', labels: ['untrusted'] } })
    expect(await engine.ask(tainted)).toMatchObject({ effect: 'deny' })
  })

  test('is an error where the rule is undefined', async () => {
    const { engine } = await rego('chaperone/answer')
    expect(await engine.ask(questionOf(APPROVAL))).toMatchObject({
      effect: 'error',
      detail: expect.stringContaining('undefined') as string,
    })
  })

  test.each([
    [true, 'permit'],
    [false, 'deny'],
    ['true', 'error'],
    [1, 'error'],
    [[], 'error'],
    [{}, 'error'],
    [{ allow: 'true' }, 'error'],
    [{ allow: true }, 'permit'],
    [{ allow: true, obligations: [] }, 'permit'],
    [{ allow: true, obligations: [{ id: 'step-up' }] }, 'error'],
    [{ allow: true, obligations: { id: 'step-up' } }, 'error'],
    [{ allow: true, obligations: 'none' }, 'error'],
    [{ allow: true, deny: ['x'] }, 'error'],
    [{ allow: true, violations: [] }, 'error'],
    [{ allow: true, reasons: ['x'] }, 'permit'],
    [{ allow: false, reasons: ['class', 'hours'], obligations: [{ id: 'x' }] }, 'deny'],
  ])('takes %j for %s', async (answer, effect) => {
    const { engine } = await rego('chaperone/answer')
    expect((await engine.ask(questionOf({ answer }))).effect).toBe(effect)
  })

  test('tells its reasons, with nothing hidden in them', async () => {
    const { engine } = await rego('chaperone/answer')
    const answer = { allow: false, reasons: ['class\u0007', 'x'.repeat(1000)] }
    const { detail = '' } = await engine.ask(questionOf({ answer }))
    expect(detail.startsWith('class[U+0007]; xxx')).toBe(true)
    expect(detail.length).toBeLessThanOrEqual(256)
  })

  test('is not asked a question of more than 256 KiB', async () => {
    const { engine } = await rego('chaperone/answer')
    const long = questionOf({ answer: true, text: 'ä'.repeat(140_000) })
    expect(await engine.ask(long)).toMatchObject({
      effect: 'error',
      detail: expect.stringContaining('262144') as string,
    })
    expect((await engine.ask(questionOf({ answer: true }))).effect).toBe('permit')
  })

  test('that does not end is an error at its deadline, and its thread is ended after a while', async () => {
    const { engine, deps } = await rego('chaperone/slow')
    const [first, second] = [engine.ask(questionOf({})), engine.ask(questionOf({}))]
    deps.clock.advance(5_000)
    expect(await first).toMatchObject({
      effect: 'error',
      detail: 'no answer in 5000 ms',
      tookMs: 5000,
    })
    expect((await second).effect).toBe('error')
    const third = engine.ask(questionOf({}))
    deps.clock.advance(2_000)
    expect(await third).toMatchObject({
      effect: 'error',
      detail: 'it was ended with another question that took too long',
    })
  })

  test('keeps no more than 64 questions in its thread', async () => {
    const { clock } = engineDeps()
    const job = { kind: 'rego', ...readBundle(BUNDLE), entrypoint: 'chaperone/slow' } as const
    const thread = await openThread(job, clock)
    const { signal } = new AbortController()
    const asked = Array.from({ length: 64 }, () => thread.ask({ input: '{}' }, signal))
    expect(await thread.ask({ input: '{}' }, signal)).toMatchObject({
      effect: 'error',
      detail: 'its thread is busy',
    })
    await thread.close()
    for (const said of await Promise.all(asked)) expect(said.effect).toBe('error')
  })

  test('answers again after one question was too slow for its thread', async () => {
    const { engine, deps } = await rego('chaperone/answer')
    const slow = engine.ask(questionOf({ answer: true }))
    deps.clock.advance(5_000)
    expect((await slow).effect).toBe('error')
    expect((await engine.ask(questionOf({ answer: true }))).effect).toBe('permit')
  })

  test('that is closed answers with an error', async () => {
    const { engine } = await rego('chaperone/permit')
    await engine.close()
    expect((await engine.ask(questionOf(APPROVAL))).effect).toBe('error')
  })

  test('is not told arguments that are named as secrets', async () => {
    const { engine } = await rego('chaperone/answer')
    const answer = { allow: true, obligations: [], password: 'x' }
    expect((await engine.ask(questionOf({ answer }))).effect).toBe('permit')
    expect(
      (await engine.ask(questionOf({ answer_token: true, answer: { allow: { token: true } } })))
        .effect,
    ).toBe('error')
  })
})

describe('a bundle that cannot be used is told when it is opened', () => {
  const unzipped = gunzipSync(BUNDLE)

  test.each([
    ['is empty', new Uint8Array(), 'neither a WebAssembly module nor a bundle'],
    [
      'is a text',
      new TextEncoder().encode('package x'),
      'neither a WebAssembly module nor a bundle',
    ],
    ['is cut off', gzipSync(unzipped.subarray(0, 3000)), 'cut off'],
    ['is no archive', gzipSync(Buffer.alloc(1024, 7)), 'damaged'],
    ['holds nothing', gzipSync(Buffer.alloc(1024)), 'no `policy.wasm`'],
    [
      'holds a file twice',
      gzipSync(Buffer.concat([unzipped.subarray(0, 1024), unzipped])),
      'twice',
    ],
    ['is half a module', readBundle(BUNDLE).wasm.subarray(0, 1000), 'WebAssembly'],
  ])('%s', async (_, bytes, why) => {
    await expect(rego('chaperone/permit', bytes)).rejects.toThrow(why)
  })

  test('has no such entrypoint', async () => {
    await expect(rego('chaperone/allow')).rejects.toThrow(
      'engine `pdp`: it has no entrypoint `chaperone/allow`; it has `chaperone/permit`',
    )
  })

  test('a module alone is a bundle without data', () => {
    const { wasm, data } = readBundle(BUNDLE)
    expect(JSON.parse(data)).toEqual({ classes: ['B'] })
    expect(readBundle(wasm)).toEqual({ wasm, data: '' })
  })
})
