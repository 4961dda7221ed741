/** `named_in`: whole tokens only, by type, in the purpose or in named lists; everything else asks. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json } from '../../src/model/json.ts'
import { anyText, constraint } from './document.ts'

function named(
  purpose: string,
  value: Json,
  context: Readonly<Record<string, string[]>> = {},
): string {
  const lists = new Map(Object.entries(context))
  const sources = ['purpose', ...[...lists.keys()].map((name) => `context.${name}`)]
  return constraint(`{ named_in: [${sources.join()}] }`, { purpose, context: lists }).judge(value)
}

describe('named_in', () => {
  it.each<[purpose: string, value: Json]>([
    // e-mail addresses: the domain in any case, the local part as written
    ['Write to bob@acme.example about the offer', 'bob@acme.example'],
    ['Write to bob@acme.example.', 'bob@acme.example'],
    ['Write to <bob@acme.example>, please', 'bob@acme.example'],
    ['Bob ("bob@acme.example")', 'bob@acme.example'],
    ['alice@acme.example,bob@acme.example;eve@acme.example', 'bob@acme.example'],
    ['bob@ACME.example', 'bob@acme.Example'],
    ['„bob@acme.example“!', 'bob@acme.example'],
    // URLs in one spelling
    ['see https://Acme.example', 'https://acme.example/'],
    ['see https://acme.example:443/a?b.', 'HTTPS://acme.example/a?b'],
    ['see (https://acme.example/a)', 'https://acme.example/a'],
    ['visit www.acme.example', 'www.acme.example'],
    // numbers
    ['pay 1200 EUR', 1200],
    ['pay 1200 EUR', '1200'],
    ['pay $50.', 50],
    ['pay 50€, then 7', 50],
    ['pay 98.70', 98.7],
    ['pay 98.70', '98.7'],
    ['items 1, 2, and 3.', 2],
    ['(12)', 12],
    ['-5 degrees', -5],
    ['1.200 EUR', '1.200'],
    // dates, IBANs, ids
    ['due 2026-11-22.', '2026-11-22'],
    ['at 2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z'],
    ['to GB29NWBK60161331926819, now', 'GB29NWBK60161331926819'],
    ['to GB29 NWBK 6016 1331 9268 19, now', 'GB29NWBK60161331926819'],
    ['to DE89 3704 0044 0532 0130 00 EUR 5', 'DE89370400440532013000'],
    ['to AT61 1904 3002 3457 3201 FROM me', 'AT611904300234573201'],
    ['to GB29 NWBK 6016 1331 9268 19', 'GB29 NWBK 6016 1331 9268 19'],
    ['ticket PROC-1182: go', 'PROC-1182'],
    ['file bill-december-2023.txt', 'bill-december-2023.txt'],
    // words and phrases
    ['invite Dora to "Team lunch"', 'Dora'],
    ['invite Dora to "Team lunch"', 'Team lunch'],
    ['approve Acme Inc., then stop', 'Acme Inc.'],
    ['approve Acme Inc., then stop', 'Acme Inc'],
    ['C++ or C#', 'C#'],
    ['Grüße an Jürgen', 'Jürgen'],
    ['Gru\u0308ße an Ju\u0308rgen', 'Jürgen'],
    ['a\u00a0b\u3000c', 'b'],
    ['联系 王伟。', '王伟'],
  ])('%j names %j', (purpose, value) => {
    expect(named(purpose, value)).toBe('holds')
    expect(named('nothing', value, { known: ['other', purpose] })).toBe('holds')
  })

  it.each<[purpose: string, value: Json]>([
    ['Write to notbob@acme.example', 'bob@acme.example'],
    ['Write to bob@acme.example.evil.net', 'bob@acme.example'],
    ['Write to bob@acme.example', 'bob@acme.example.evil.net'],
    ['Write to x.bob@acme.example', 'bob@acme.example'],
    ['Write to x+bob@acme.example', 'bob@acme.example'],
    ["Write to o'bob@acme.example", 'bob@acme.example'],
    ['Write to x%bob@acme.example', 'bob@acme.example'],
    ['Write to x/bob@acme.example', 'bob@acme.example'],
    ['Write to x:bob@acme.example', 'bob@acme.example'],
    ['Write to bob@acme.example/x', 'bob@acme.example'],
    ['Write to bob@acme.example-evil.net', 'bob@acme.example'],
    ['Write to "x bob"@acme.example', 'bob@acme.example'],
    ['Write to bob@acme.example', 'Bob@acme.example'],
    ['Write to bob@acme.example', 'bob@acme.exampl'],
    ['Write to bob@acme.example', 'acme.example'],
    ['Write to bob@acme.example', 'bob'],
    ['Write to bob@acme.example', 'bоb@acme.example'],
    ['联系bob@acme.example', 'bob@acme.example'],
    ['see https://acme.example/a', 'https://acme.example/'],
    ['see https://acme.example/', 'https://acme.example/a'],
    ['see https://acme.example/', 'http://acme.example/'],
    ['see https://acme.example/', 'https://acme.example:8443/'],
    ['see https://acme.example.evil.net/', 'https://acme.example/'],
    ['see https://evil.net/https://acme.example/', 'https://acme.example/'],
    ['see https://acme.example/', 'acme.example'],
    ['visit www.acme.example.evil.net', 'www.acme.example'],
    ['visit evil-www.acme.example', 'www.acme.example'],
    ['pay 120', 12],
    ['pay 1.2', 12],
    ['pay 12.5', 12],
    ['pay 1,200', 200],
    ['pay 1,200', 1],
    ['pay 1 200', 200],
    ['pay 1 200', 1],
    ['pay 1\u202f200,50', 1],
    ['pay 1.200', 1.2],
    ['pay 1.200', 1200],
    ['pay 12%', 12],
    ['pay -12', 12],
    ['pay <12', 12],
    ['pay >12', 12],
    ['pay 10-12', 12],
    ['at 12:30', 12],
    ['on 2026-11-22', 22],
    ['#12', 12],
    ['v12', 12],
    ['12th', 12],
    ['pay 12', 12.01],
    ['pay 0012', 12],
    ['pay 12', '012'],
    ['pay 12', '1e1'],
    ['due 2026-11-22', '2026-11'],
    ['due 2026-11-22T10:00:00Z', '2026-11-22'],
    ['to GB29NWBK60161331926819X', 'GB29NWBK60161331926819'],
    ['to XGB29NWBK60161331926819', 'GB29NWBK60161331926819'],
    ['to GB29 NWBK 6016 1331 9268 19', 'GB29NWBK601613319268'],
    ['to GB29 NWBK 6016 1331 9268 19', 'GB29 NWBK 6016 1331 9268 1'],
    ['ticket PROC-1182', 'PROC-118'],
    ['ticket PROC-1182', 'PROC'],
    ['ticket PROC-1182', '1182'],
    ['ticket PROC-1182', 'proc-1182'],
    ['file bill-december-2023.txt', 'bill-december-2023'],
    ['file a/bill.txt', 'bill.txt'],
    ['invite Dora', 'Dor'],
    ['invite Dora', 'dora'],
    ['invite Dora', ' Dora'],
    ['invite Dora', 'Dora '],
    ['invite Dora', ''],
    ['invite - Dora', '-'],
    ['invite "Team  lunch"', 'Team  lunch'],
    ['invite (Team) lunch', 'Team lunch'],
    ['invite "XTeam lunch"', 'Team lunch'],
    ['invite "Team lunches"', 'Team lunch'],
    ['Grüße an Jürgen', 'Ju\u0308rgen'],
    ['Grüße an Jürgen', 'Jurgen'],
    ['wait for it', 'wait\nfor'],
    ['x'.repeat(2000), 'x'.repeat(2000)],
  ])('%j does not name %j', (purpose, value) => {
    expect(named(purpose, value)).toBe('asks')
    expect(named('nothing', value, { known: ['other', purpose] })).toBe('asks')
  })

  it.each<Json>([
    null,
    true,
    [],
    ['Dora'],
    { a: 'Dora' },
    9007199254740992,
    'Dora\u202e',
    'Do\u200bra',
    'Dora\u0000',
    '\ud800',
  ])('fails on %j, which nothing could name', (value) => {
    expect(named('invite Dora 9007199254740992', value)).toBe('fails')
  })

  it('is asked of each element of a list, and the worst answer counts', () => {
    const scope = { purpose: 'to a@x.example and b@x.example', context: new Map() }
    const each = constraint('{ each: { named_in: purpose } }', scope)
    expect(each.judge(['a@x.example', 'b@x.example'])).toBe('holds')
    expect(each.judge(['a@x.example', 'c@x.example'])).toBe('asks')
    expect(each.judge(['c@x.example', 7n as unknown as Json, true])).toBe('fails')
    const any = constraint('{ any: { named_in: purpose } }', scope)
    expect(any.judge(['c@x.example', 'a@x.example'])).toBe('holds')
    expect(any.judge(['c@x.example'])).toBe('asks')
    const and = constraint('{ named_in: purpose, length: ..11 }', scope)
    expect(and.judge('c@x.example')).toBe('asks')
    expect(and.judge('cc@x.example')).toBe('fails')
    const fields = constraint('{ fields: { to: { named_in: purpose } } }', scope)
    expect(fields.judge({ to: 'c@x.example' })).toBe('asks')
    expect(fields.judge({ to: 'c@x.example', x: 1 })).toBe('fails')
    expect(fields.explain({ to: 'c@x.example' }, 'r')[0]).toMatchObject({
      rule: 'r.to',
      result: 'asks',
      hint: expect.stringContaining('approval') as string,
    })
  })

  it('an empty context list names nothing', () => {
    expect(named('', 'Dora', { contacts: [] })).toBe('asks')
  })

  it('every word between spaces is named, no part of one is', () => {
    const word = fc.stringMatching(/^[a-z]{3,8}$/)
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), fc.nat(), (words, seed) => {
        const chosen = words[seed % words.length] ?? ''
        expect(named(words.join(' '), chosen)).toBe('holds')
        fc.pre(!words.includes(chosen.slice(1)))
        expect(named(words.join(' '), chosen.slice(1))).toBe('asks')
      }),
    )
  })

  it('never throws, and never names what is not there at all', () => {
    fc.assert(
      fc.property(anyText, anyText, (purpose, value) => {
        const judged = named(purpose, value)
        expect(['holds', 'asks', 'fails']).toContain(judged)
        const isThere = purpose.normalize('NFC').toLowerCase().includes(value.toLowerCase())
        expect(judged !== 'holds' || isThere || /\d|@|:\/\//.test(value)).toBe(true)
      }),
    )
  })
})
