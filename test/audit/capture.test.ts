/** Whole arguments on record, where that was asked for: sealed, but for secrets, and never in the place of anything else. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyedDigest, NO_ENTRY } from '../../src/audit/digest.ts'
import { entryWriter, LONGEST_ENTRY, type WriteOptions } from '../../src/audit/entry.ts'
import { openLog } from '../../src/audit/log.ts'
import { Sealer } from '../../src/audit/seal.ts'
import { canonical, type JsonObject } from '../../src/model/json.ts'
import type { EntryBody } from '../../src/model/record.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { anyBody } from '../fakes/entry-arbitrary.ts'
import { call, event, intent, outcome, permit, refused } from '../fakes/entry-body.ts'
import { openedEntries, unsealed, unsealedText } from '../fakes/unseal.ts'

const AT = { seq: 1, prev: NO_ENTRY }

const CAPTURE: WriteOptions = { capture: true }

function written(body: EntryBody, options: WriteOptions = CAPTURE) {
  const sealer = new Sealer()
  const line = entryWriter(HEAD, keyedDigest(new Uint8Array(32)), options, sealer)(body, AT)
  return { line, key: sealer.key, entry: unsealed(line, sealer.key) }
}
const read = (body: EntryBody, options?: WriteOptions) => written(body, options).entry
const refusedCall = (args: JsonObject): EntryBody => {
  const body = refused()
  return body.type === 'refusal' ? { ...body, call: call(args), decision: permit() } : body
}

const ARGS = { to: ['lee@acme.example'], amount: 1.5, nested: { deep: [null, true, 'ü'] } }

test('an intent and a refusal say the arguments whole, read by a rule or not', () => {
  for (const body of [intent({ args: ARGS }), refusedCall(ARGS)]) {
    expect(read(body)).toMatchObject({ args: ARGS })
    expect(read(body)).not.toHaveProperty('erased')
  }
  expect(read(intent())).toHaveProperty('args', {})
})

test('by default they say none of it, and the rest is the same', () => {
  for (const body of [intent({ args: ARGS }), refusedCall(ARGS)]) {
    const { args, args_commit: _, ...others } = read(body)
    expect(args).toEqual(ARGS)
    for (const off of [{}, { capture: false }]) {
      const { args_commit: __, ...plain } = read(body, off)
      expect(plain).toEqual(others)
    }
  }
})

test('what is no call, or none yet, has no arguments', () => {
  for (const body of [refused('no frame'), outcome(), event({ code: 1 })])
    expect(read(body)).toEqual(read(body, {}))
})

test('secrets are left out by name and masked by shape, and named', () => {
  const token = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`
  const args = { user: 'lee', password: 'hunter2', body: `use ${token}`, auth: { apiKey: 'k' } }
  const { line, key } = written(intent({ args }))
  for (const text of [line, unsealedText(line, key)]) {
    expect(text).not.toContain('hunter2')
    expect(text).not.toContain(token)
  }
  const entry = unsealed(line, key) as unknown as { args: JsonObject; erased: string[] }
  expect(entry.args).toMatchObject({ user: 'lee' })
  expect(entry.args).not.toHaveProperty('password')
  expect(entry.erased).toEqual(expect.arrayContaining(['args.password', 'args.body']))
})

describe('arguments that do not fit go whole', () => {
  test.each([
    ['large', { body: 'é'.repeat(40_000), small: 1 }],
    [
      'full of secrets',
      Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`token${n}`, 'x'])),
    ],
  ])('%s', (_what, args) => {
    const body = intent({ args, facts: { 'args.small': 1 } })
    const entry = read(body)
    expect(entry).toMatchObject({ erased: ['args'], facts: { 'args.small': 1 } })
    expect(entry).not.toHaveProperty('args')
  })

  test('before any fact does', () => {
    const facts = { 'args.body': 'x'.repeat(30_000), 'args.cc': 'y'.repeat(40_000) }
    const { line, entry } = written(intent({ args: { body: 'x'.repeat(30_000) }, facts }))
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LONGEST_ENTRY)
    expect(entry).toMatchObject({
      facts: { 'args.body': 'x'.repeat(30_000) },
      erased: ['args', 'facts.args.cc'],
    })
    const both = read(
      intent({ args: { body: 'x'.repeat(40_000) }, facts: { a: 'y'.repeat(30_000) } }),
    )
    expect(both).toMatchObject({ facts: { a: 'y'.repeat(30_000) }, erased: ['args'] })
  })
})

test('whatever the body: one canonical line that fits', () => {
  const write = entryWriter(HEAD, keyedDigest(new Uint8Array(32)), { capture: true })
  fc.assert(
    fc.property(anyBody, (body) => {
      const line = write(body, AT)
      expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LONGEST_ENTRY)
    }),
    { numRuns: 500 },
  )
})

test('a log that captures does so for every agent of it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chaperone-capture-'))
  try {
    const { agent = '', assurance = 'mandate', mandate, log: name } = HEAD
    const log = openLog({ dir, head: { log: name }, capture: true })
    if (mandate) await log.under({ agent, assurance, mandate }).append(intent({ args: ARGS }))
    await log.close()
    expect(openedEntries(dir)).toMatchObject([{ args: ARGS }])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
