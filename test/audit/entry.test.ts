import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyedDigest, NO_ENTRY } from '../../src/audit/digest.ts'
import { entryWriter, LONGEST_ENTRY } from '../../src/audit/entry.ts'
import { instant, sha256 } from '../../src/model/id.ts'
import { canonical, type JsonObject } from '../../src/model/json.ts'
import type { EntryBody, RecordHead } from '../../src/model/record.ts'
import { refusal } from '../../src/model/verdict.ts'
import { anyBody } from '../fakes/entry-arbitrary.ts'
import { call, event, intent, outcome, permit, refused, REQUEST } from '../fakes/entry-body.ts'

const KEY = new Uint8Array(32).fill(7)
const HEAD: RecordHead = {
  log: 'guard-1',
  agent: 'agent-1',
  assurance: 'launch_line',
  mandate: { name: 'intake', digest: sha256('a'.repeat(64)), signed: false },
}
const AT = { seq: 48_213, prev: NO_ENTRY }

function lineOf(body: EntryBody, head = HEAD): string {
  return entryWriter(head, keyedDigest(KEY))(body, AT)
}

function read(body: EntryBody): JsonObject {
  return JSON.parse(lineOf(body)) as JsonObject
}

describe('an entry says everything that the moment needs', () => {
  test('an intent', () => {
    const body = intent({ args: { amount: 100, vendor_id: 'v-1' }, facts: { 'args.amount': 100 } })
    expect(read(body)).toEqual({
      v: 1,
      log: 'guard-1',
      seq: 48_213,
      ts: '2026-11-22T02:10:11.482Z',
      type: 'intent',
      prev: '0'.repeat(64),
      call: 'c1',
      principal: { agent: 'agent-1', assurance: 'launch_line' },
      mandate: { name: 'intake', s256: 'a'.repeat(64), signed: false },
      state: { environment: 'dev', risk: 'normal', labels: [], task: 's1' },
      request: {
        era: 'modern',
        method: 'tools/call',
        server: 'vendors',
        name: 'approve',
        definition: 'b'.repeat(64),
        effects: ['write'],
      },
      args_digest: createHmac('sha256', KEY)
        .update('{"amount":100,"vendor_id":"v-1"}')
        .digest('hex'),
      facts: { 'args.amount': 100 },
      decision: { effect: 'permit', reason: 'permitted', grants: ['tools.vendors/approve'] },
    })
  })

  test('an outcome', () => {
    expect(read(outcome('c1', undefined, 1.234_567))).toEqual({
      v: 1,
      log: 'guard-1',
      seq: 48_213,
      ts: '2026-11-22T02:10:11.482Z',
      type: 'outcome',
      prev: '0'.repeat(64),
      call: 'c1',
      verdict: { outcome: 'forwarded', result: 'complete' },
      took_ms: 1.235,
      bytes: 321,
    })
  })

  test('a refusal before anything was known, and one after the decision with its remedy', () => {
    const early = read(refused('frame is no object'))
    expect(early).toMatchObject({
      type: 'refusal',
      stage: 'decide',
      reason: 'outside_mandate',
      detail: 'frame is no object',
      request: { method: 'tools/call' },
      principal: { agent: 'agent-1' },
      mandate: { name: 'intake' },
    })
    expect(early).not.toHaveProperty('call')
    const remedy = {
      kind: 'approval' as const,
      approvers: ['lee@acme.example'],
      expiresInMs: 900_000,
      askedBy: ['tools.vendors/approve'],
    }
    const decision = { ...permit({ 'args.amount': 2000 }), effect: 'deny' as const, remedy }
    const late = read({
      type: 'refusal',
      at: call().at,
      request: REQUEST,
      refusal: {
        ...refusal('step-up', 'approval_required'),
        decision: { ...decision, reason: 'approval_required' },
      },
      call: call({ amount: 2000 }),
    })
    expect(late).toMatchObject({
      call: 'c1',
      facts: { 'args.amount': 2000 },
      state: { environment: 'dev' },
      decision: {
        effect: 'deny',
        reason: 'approval_required',
        remedy: {
          kind: 'approval',
          approvers: ['lee@acme.example'],
          expires_in_ms: 900_000,
          asked_by: ['tools.vendors/approve'],
        },
      },
    })
    expect(late['args_digest']).toMatch(/^[0-9a-f]{64}$/)
  })

  test('a list, what an upstream asked, and an event name the mandate they happened under', () => {
    const at = call().at
    const catalog = sha256('c'.repeat(64))
    const bodies: EntryBody[] = [
      { type: 'listed', at, era: 'legacy', method: 'tools/list', offered: 9, hidden: 4, catalog },
      {
        type: 'upstream_request',
        at,
        server: 'files',
        method: 'sampling/createMessage',
        verdict: 'declined',
        reason: 'request_not_permitted',
      },
      event({ server: 'files', exit: 1 }),
    ]
    expect(bodies.map(read)).toMatchObject([
      { type: 'listed', offered: 9, hidden: 4, catalog, method: 'tools/list', era: 'legacy' },
      { server: 'files', verdict: 'declined', reason: 'request_not_permitted' },
      { type: 'event', event: 'upstream_failed', facts: { server: 'files', exit: 1 } },
    ])
    for (const body of bodies) expect(read(body)).toHaveProperty('mandate.s256', 'a'.repeat(64))
  })

  test('the human behind an agent, and an agent other than the one of the head', () => {
    const principal = { agent: 'other', assurance: 'launch_line' as const, onBehalfOf: 'dana' }
    const body = { ...intent(), call: { ...call(), principal } } as EntryBody
    expect(read(body)['principal']).toEqual({
      agent: 'other',
      assurance: 'launch_line',
      on_behalf_of: 'dana',
    })
  })
})

describe('a line is canonical', () => {
  test('whatever the body: it is the canonical form of what it says, and one line', () => {
    const write = entryWriter(HEAD, keyedDigest(KEY))
    fc.assert(
      fc.property(anyBody, (body) => {
        const line = write(body, AT)
        expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
        expect(line).not.toContain('\n')
      }),
      { numRuns: 1000 },
    )
  })

  test('a writer that has written before says the same as a new one', () => {
    fc.assert(
      fc.property(fc.array(anyBody, { maxLength: 20 }), (bodies) => {
        const write = entryWriter(HEAD, keyedDigest(KEY))
        for (const body of bodies) {
          expect(write(body, AT)).toBe(lineOf(body))
          expect(write(body, AT)).toBe(lineOf(body))
        }
      }),
    )
  })

  test('requests that share a definition are told apart by every other member', () => {
    const write = entryWriter(HEAD, keyedDigest(KEY))
    const changes = [
      {},
      { server: 'x' },
      { name: 'x' },
      { method: 'x' },
      { era: 'legacy' },
      { effects: ['pay'] },
    ]
    for (const change of changes) {
      const request = { ...REQUEST, ...change } as typeof REQUEST
      expect(JSON.parse(write(intent({ request }), AT))).toHaveProperty('request', request)
    }
  })

  test('the clock may be anywhere in its second, and go back', () => {
    const write = entryWriter(HEAD, keyedDigest(KEY))
    for (const ts of [
      '2026-11-22T02:10:11.999Z',
      '2026-11-22T02:10:12.000Z',
      '2026-11-22T02:10:11.009Z',
      '1969-12-31T23:59:59.001Z',
    ])
      expect(JSON.parse(write(outcome('c', ts), AT))).toHaveProperty('ts', ts)
  })

  test('what cannot be said is refused: no number, a year of five digits, arguments without a bottom', () => {
    expect(() => lineOf(intent({ args: { n: Number.NaN } }))).toThrow(RangeError)
    expect(() => lineOf(intent({ facts: { n: Number.POSITIVE_INFINITY } }))).toThrow(RangeError)
    expect(() => lineOf(outcome('c', undefined, Number.NaN))).toThrow(RangeError)
    const late = { ...outcome(), at: instant(253_402_300_800_000) } as EntryBody
    expect(() => lineOf(late)).toThrow(RangeError)
    let deep: JsonObject = {}
    for (let depth = 0; depth < 100_000; depth += 1) deep = { deep }
    expect(() => lineOf(intent({ args: deep }))).toThrow(RangeError)
  })
})

describe('the digest of arguments', () => {
  test('is HMAC-SHA-256 of any text under the key of the log', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => text.repeat(1000)),
        ),
        (key, text) => {
          const digest = keyedDigest(key)
          expect(digest('something before it')).not.toBe(digest(text))
          expect(digest(text)).toBe(createHmac('sha256', key).update(text).digest('hex'))
        },
      ),
    )
    expect(() => keyedDigest(new Uint8Array(31))).toThrow(RangeError)
  })

  test('is taken over the canonical form of any arguments', () => {
    const name = fc.oneof(
      fc.string({ maxLength: 4 }),
      fc.constantFrom('10', '9', 'a', 'B', '__proto__', 'ä'),
    )
    const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.string(), fc.constant(null))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (members) => {
        const args = Object.fromEntries(members) as JsonObject
        const expected = createHmac('sha256', KEY).update(canonical(args)).digest('hex')
        expect(read(intent({ args }))['args_digest']).toBe(expected)
      }),
    )
  })

  test('does not depend on the order of members', () => {
    const one = read(intent({ args: { a: 1, b: { d: 2, c: [{ f: 1, e: 2 }] } } }))
    const other = read(intent({ args: { b: { c: [{ e: 2, f: 1 }], d: 2 }, a: 1 } }))
    expect(one['args_digest']).toBe(other['args_digest'])
    expect(read(intent({ args: { a: 2 } }))['args_digest']).not.toBe(one['args_digest'])
  })
})

describe('arguments stay out of the record', () => {
  const marker = fc.uuid().map((id) => `zq-${id}`)
  const args = fc.dictionary(
    fc.stringMatching(/^[a-z]{3,8}$/),
    fc.oneof(marker, fc.array(marker), fc.dictionary(fc.stringMatching(/^[a-z]{3}$/), marker)),
    { maxKeys: 6 },
  )

  test('any argument that is no fact', () => {
    fc.assert(
      fc.property(args, (values) => {
        const line = lineOf(intent({ args: values, facts: { 'args.amount': 1 } }))
        for (const text of JSON.stringify(values).match(/zq-[0-9a-f-]{36}/g) ?? [])
          expect(line).not.toContain(text)
      }),
    )
  })

  test('and a fact is there', () => {
    const line = lineOf(intent({ args: { a: 'zq-1', b: 'zq-2' }, facts: { 'args.a': 'zq-1' } }))
    expect(line).toContain('zq-1')
    expect(line).not.toContain('zq-2')
  })
})

describe('an entry has an end', () => {
  test('the largest facts are cut, named, and the others stay', () => {
    const facts = { 'args.body': 'x'.repeat(70_000), 'args.to': 'lee', 'args.cc': 'y'.repeat(300) }
    const line = lineOf(intent({ facts }))
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LONGEST_ENTRY)
    expect(JSON.parse(line)).toMatchObject({
      facts: { 'args.to': 'lee', 'args.cc': 'y'.repeat(300) },
      erased: ['facts.args.body'],
    })
    expect(JSON.parse(line)).not.toHaveProperty(['facts', 'args.body'])
  })

  test('inside nested facts too, whether of a refusal or an event', () => {
    const facts = { upstream: { stderr: 'é'.repeat(40_000), code: 3 } }
    const decision = permit(facts)
    for (const body of [event(facts), { ...refused(), decision } as EntryBody])
      expect(read(body)).toMatchObject({
        facts: { upstream: { code: 3 } },
        erased: ['facts.upstream.stderr'],
      })
  })

  test('a thousand facts that are each small go together', () => {
    const facts = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [`args.field${index}`, 'x'.repeat(100)]),
    )
    expect(read(intent({ facts }))).toMatchObject({ facts: {}, erased: ['facts'] })
  })

  test('at every length around the limit the entry fits, is canonical, and says whether it was cut', () => {
    const room = LONGEST_ENTRY - Buffer.byteLength(lineOf(intent({ facts: { body: '' } })))
    for (let length = room - 3; length <= room + 3; length += 1) {
      const line = lineOf(intent({ facts: { body: 'x'.repeat(length) } }))
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LONGEST_ENTRY)
      expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
      expect(line.includes('"erased":["facts.body"]')).toBe(length > room)
    }
  })

  test('names, methods and details that somebody else chose are cut', () => {
    const long = 'n'.repeat(100_000)
    const body = refused(long, { era: 'modern', method: long, name: long, server: long })
    const entry = read(body)
    expect(JSON.stringify(entry).length).toBeLessThan(8000)
    expect(entry['erased']).toEqual(['request.method', 'request.server', 'request.name', 'detail'])
  })

  test('a cut never leaves half a character', () => {
    const name = `${'n'.repeat(2047)}😀`
    expect(lineOf(refused(undefined, { ...REQUEST, name }))).not.toContain(String.raw`\ud83d`)
  })

  test('an entry that cannot be made to fit is refused', () => {
    const grants = Array.from({ length: 5000 }, () => 'tools.vendors/approve')
    const body = { ...intent(), decision: { ...permit(), grants } } as EntryBody
    expect(() => lineOf(body)).toThrow(RangeError)
  })
})
