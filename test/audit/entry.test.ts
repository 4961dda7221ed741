import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyedDigest, NO_ENTRY } from '../../src/audit/digest.ts'
import { entryWriter, LONGEST_ENTRY, type WriteOptions } from '../../src/audit/entry.ts'
import { Sealer } from '../../src/audit/seal.ts'
import { instant, sha256 } from '../../src/model/id.ts'
import { canonical, type JsonObject } from '../../src/model/json.ts'
import type { EntryBody, RecordHead } from '../../src/model/record.ts'
import type { Debit } from '../../src/model/state.ts'
import { refusal } from '../../src/model/verdict.ts'
import { anyBody } from '../fakes/entry-arbitrary.ts'
import { call, event, intent, outcome, permit, refused, REQUEST } from '../fakes/entry-body.ts'
import { commitment, unsealed, unsealedText } from '../fakes/unseal.ts'

const KEY = new Uint8Array(32).fill(7)
const HEAD: RecordHead = {
  log: 'guard-1',
  agent: 'agent-1',
  assurance: 'launch_line',
  mandate: { name: 'intake', digest: sha256('a'.repeat(64)), signed: false },
}
const AT = { seq: 48_213, prev: NO_ENTRY }

interface Written {
  readonly line: string
  readonly key: Uint8Array
  /** With what was sealed in the place of the seal. */
  readonly entry: JsonObject
}

function written(body: EntryBody, options: WriteOptions = {}): Written {
  const sealer = new Sealer()
  const line = entryWriter(HEAD, keyedDigest(KEY), options, sealer)(body, AT)
  const { key } = sealer
  return { line, key, entry: unsealed(line, key) }
}

function lineOf(body: EntryBody): string {
  return written(body).line
}

function read(body: EntryBody): JsonObject {
  return written(body).entry
}

describe('an entry says everything that the moment needs', () => {
  test('an intent', () => {
    const body = intent({ args: { amount: 100, vendor_id: 'v-1' }, facts: { 'args.amount': 100 } })
    const { entry, key } = written(body)
    expect(entry).toEqual({
      v: 2,
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
      args_commit: commitment(key, 1, '{"amount":100,"vendor_id":"v-1"}'),
      facts: { 'args.amount': 100 },
      decision: { effect: 'permit', reason: 'permitted', grants: ['tools.vendors/approve'] },
    })
  })

  test('an outcome', () => {
    expect(read(outcome('c1', undefined, 1.234_567))).toEqual({
      v: 2,
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
    expect(late['args_commit']).toMatch(/^[0-9a-f]{64}$/)
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
        const sealer = new Sealer()
        const write = entryWriter(HEAD, keyedDigest(KEY), {}, sealer)
        for (const body of bodies) {
          const { args_commit: _, ...expected } = read(body)
          for (let time = 0; time < 2; time += 1) {
            const line = write(body, AT)
            const { args_commit: __, ...entry } = unsealed(line, sealer.key)
            expect(entry).toEqual(expected)
            expect(Buffer.byteLength(line)).toBe(Buffer.byteLength(lineOf(body)))
          }
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
        const { entry, key } = written(intent({ args }))
        expect(entry['args_commit']).toBe(commitment(key, 1, canonical(args)))
      }),
    )
  })

  test('what an agent answered to a question is committed to apart from them', () => {
    const body = { ...intent({ args: { a: 1 } }), input: { a: 1 } } as EntryBody
    const { entry, key } = written(body)
    expect(entry['args_commit']).toBe(commitment(key, 1, '{"a":1}'))
    expect(entry['input_commit']).toBe(commitment(key, 2, '{"a":1}'))
  })

  test('of equal arguments no two entries say the same: each has a key of its own', () => {
    const write = entryWriter(HEAD, keyedDigest(KEY))
    const lines = Array.from({ length: 500 }, () =>
      write(intent({ args: { a: 1 }, facts: { a: 1 } }), AT),
    )
    const of = (member: string) =>
      new Set(lines.map((line) => (JSON.parse(line) as JsonObject)[member]))
    expect([of('args_commit').size, of('sealed').size]).toEqual([500, 500])
  })
})

describe('what is sealed', () => {
  test('opens with the key of the entry, in its own place, and no other way', () => {
    const { line, key } = written(intent({ facts: { amount: 100 } }))
    expect(unsealedText(line, key)).toBe('{"facts":{"amount":100}}')
    expect(() => unsealedText(line, new Uint8Array(32))).toThrow('authenticate')
    for (const moved of [
      line.replace('"seq":48213', '"seq":48214'),
      line.replace('"log":"guard-1"', '"log":"guard-2"'),
    ])
      expect(() => unsealedText(moved, key)).toThrow('authenticate')
  })

  test('an entry without values has no key, and nothing sealed', () => {
    for (const body of [outcome(), event({ server: 'files' }), refused()]) {
      const { line, key } = written(body)
      expect(JSON.parse(line)).not.toHaveProperty('sealed')
      expect(key.every((byte) => byte === 0)).toBe(true)
    }
  })

  test('the URI of a resource, its name nowhere else; the names of tools and prompts stay', () => {
    const uri = 'file:///people/lee.txt'
    for (const method of ['resources/read', 'resources/subscribe', 'completion/complete']) {
      const request = { era: 'modern', method, server: 'files', name: uri } as const
      for (const body of [intent({ request }), refused(undefined, request)]) {
        const { line, entry } = written(body)
        expect(line).not.toContain('lee')
        expect(entry).toMatchObject({ request: { era: 'modern', method, server: 'files' }, uri })
      }
    }
    const request = { era: 'modern', method: 'prompts/get', server: 'files', name: 'x:y' } as const
    expect(JSON.parse(lineOf(intent({ request })))).toHaveProperty('request', request)
  })

  test('why it was refused, and what engines said of it', () => {
    const policy = {
      revision: sha256('d'.repeat(64)),
      engines: [{ engine: 'opa', effect: 'deny' as const, detail: 'zq-1 is too much', tookMs: 1 }],
    }
    const body = {
      ...refused('zq-2 is no vendor'),
      decision: { ...permit({ a: 'zq-3' }), policy },
    } as EntryBody
    const { line, entry } = written(body)
    expect(line).not.toContain('zq-')
    expect(entry).toMatchObject({
      detail: 'zq-2 is no vendor',
      engines: { opa: 'zq-1 is too much' },
      facts: { a: 'zq-3' },
      decision: { policy: { engines: [{ engine: 'opa', effect: 'deny', took_ms: 1 }] } },
    })
  })
})

describe('what stands in clear', () => {
  test('the trace that a request belongs to, and nothing else that an agent puts in its place', () => {
    const traceparent = `00-${'4'.repeat(32)}-${'b'.repeat(16)}-01`
    const request = { ...REQUEST, traceparent }
    const write = entryWriter(HEAD, keyedDigest(KEY))
    for (let time = 0; time < 2; time += 1) {
      const line = write(intent({ request }), AT)
      expect(JSON.parse(line)).toHaveProperty('request', request)
      expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
    }
    expect(JSON.parse(write(intent(), AT))).toHaveProperty('request', REQUEST)
    const odd = written(intent({ request: { ...REQUEST, traceparent: 'zq-1' } }))
    expect(odd.line).not.toContain('zq-1')
    expect(odd.entry).toMatchObject({ request: REQUEST, erased: ['request.traceparent'] })
  })

  test('the counters after a call', () => {
    const budgets = [
      {
        budget: 'budgets.eur',
        key: '["mandate","m","eur"]',
        used: 300,
        limit: 1000,
        scale: 2,
        from: call().at,
        until: instant(call().at + 1000),
      },
      { budget: 'calls', key: '["mandate","m","calls"]', used: 1, limit: 5, from: instant(0) },
    ]
    const { line, entry } = written({ ...intent(), budgets } as EntryBody)
    expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
    expect(entry['budgets']).toEqual([
      {
        budget: 'budgets.eur',
        key: '["mandate","m","eur"]',
        used: 300,
        limit: 1000,
        scale: 2,
        from: '2026-11-22T02:10:11.482Z',
        until: '2026-11-22T02:10:12.482Z',
      },
      { budget: 'calls', key: '["mandate","m","calls"]', used: 1, limit: 5 },
    ])
  })

  test('a counter that was raised, renamed or begun anew is written as it is now', () => {
    const write = entryWriter(HEAD, keyedDigest(KEY))
    const at = call().at
    const first: Debit & { readonly used: number } = {
      budget: 'b',
      key: 'k',
      amount: 1,
      used: 1,
      limit: 5,
      from: at,
    }
    const later = [
      first,
      { ...first, amount: 2, used: 2 },
      { ...first, budget: 'c' },
      { ...first, limit: 6 },
      { ...first, scale: 2 },
      { ...first, until: instant(at + 1000) },
      { ...first, from: instant(at + 1), until: instant(at + 1000) },
      first,
    ]
    for (const { amount, used, ...of } of later) {
      const decision = { ...permit(), debits: [{ ...of, amount }] }
      const body = { ...intent(), budgets: [{ ...of, used }], decision } as EntryBody
      const line = write(body, AT)
      expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
      const { budget, key, limit, scale, from, until } = of
      const ends = until === undefined ? {} : { until: new Date(until).toISOString() }
      const counter = { budget, key, limit, ...(scale !== undefined && { scale }), ...ends }
      const begins = { from: new Date(from).toISOString() }
      expect(JSON.parse(line)).toMatchObject({
        budgets: [{ ...counter, ...begins, used }],
        decision: { debits: [{ ...counter, ...(until !== undefined && begins), amount }] },
      })
      expect(line.includes('"until"')).toBe(until !== undefined)
    }
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

  test('and a fact is there for whoever has the key', () => {
    const { line, entry } = written(
      intent({ args: { a: 'zq-1', b: 'zq-2' }, facts: { a: 'zq-1' } }),
    )
    expect(line).not.toContain('zq-')
    expect(entry).toMatchObject({ facts: { a: 'zq-1' } })
    expect(JSON.stringify(entry)).not.toContain('zq-2')
  })
})

describe('an entry has an end', () => {
  test('the largest facts are cut, named, and the others stay', () => {
    const facts = { 'args.body': 'x'.repeat(70_000), 'args.to': 'lee', 'args.cc': 'y'.repeat(300) }
    const { line, entry } = written(intent({ facts }))
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LONGEST_ENTRY)
    expect(entry).toMatchObject({
      facts: { 'args.to': 'lee', 'args.cc': 'y'.repeat(300) },
      erased: ['facts.args.body'],
    })
    expect(entry).not.toHaveProperty(['facts', 'args.body'])
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
    expect(read(intent({ facts }))).toMatchObject({ erased: ['facts'] })
    expect(read(intent({ facts }))).not.toHaveProperty('facts')
  })

  test('at every length around the limit the entry fits, is canonical, and says whether it was cut', () => {
    // Base64 takes four bytes for three.
    const bare = '{"facts":{"body":""}}'.length + 16
    const others =
      Buffer.byteLength(lineOf(intent({ facts: { body: '' } }))) - 4 * Math.ceil(bare / 3)
    const room = Math.floor((LONGEST_ENTRY - others) / 4) * 3 - bare
    for (let length = room - 4; length <= room + 4; length += 1) {
      const { line, entry } = written(intent({ facts: { body: 'x'.repeat(length) } }))
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LONGEST_ENTRY)
      expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
      expect(entry['erased']).toEqual(length > room ? ['facts.body'] : undefined)
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
