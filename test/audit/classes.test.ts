/** Fields that the settings class: shown, hashed or left out; everything else is sealed. */
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type FieldClass, type FieldClasses } from '../../src/audit/classes.ts'
import { keyedDigest, NO_ENTRY } from '../../src/audit/digest.ts'
import { entryWriter } from '../../src/audit/entry.ts'
import { Sealer } from '../../src/audit/seal.ts'
import { canonical, type JsonObject } from '../../src/model/json.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { intent } from '../fakes/entry-body.ts'
import { unsealed, unsealedText } from '../fakes/unseal.ts'

const KEY = new Uint8Array(32).fill(7)

function classes(of: Readonly<Record<string, Readonly<Record<string, FieldClass>>>>): FieldClasses {
  return new Map(
    Object.entries(of).map(([tool, fields]) => [tool, new Map(Object.entries(fields))]),
  )
}

function written(values: JsonObject, fields: FieldClasses, capture = false) {
  const sealer = new Sealer()
  const write = entryWriter(HEAD, keyedDigest(KEY), { fields, capture }, sealer)
  const line = write(intent({ args: values, facts: values }), { seq: 1, prev: NO_ENTRY })
  expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
  const text = unsealedText(line, sealer.key) ?? ''
  return { line, text, entry: unsealed(line, sealer.key) }
}

const hmac = (text: string) => createHmac('sha256', KEY).update(text).digest('hex')

test('each class does what it says, and what nobody classed is sealed', () => {
  const fields = classes({
    'vendors/approve': { kind: 'clear', notes: 'drop', iban: 'hash', amount: 'seal' },
  })
  const values = { kind: 'zq-kind', notes: 'zq-notes', iban: 'zq-iban', amount: 5, to: 'zq-to' }
  const { line, text, entry } = written(values, fields)
  expect(line.match(/zq-\w+/g)).toEqual(['zq-kind'])
  expect(text).toBe('{"facts":{"amount":5,"to":"zq-to"}}')
  expect(entry).toMatchObject({
    clear: { kind: 'zq-kind' },
    hashed: { iban: hmac('"zq-iban"') },
    erased: ['facts.notes'],
  })
})

test('captured arguments have nothing of what is hashed or left out', () => {
  const fields = classes({ 'vendors/approve': { notes: 'drop', iban: 'hash', kind: 'clear' } })
  const { text, entry } = written({ kind: 'a', notes: 'zq-1', iban: 'zq-2' }, fields, true)
  expect(text).not.toContain('zq-')
  expect(entry).toMatchObject({ args: { kind: 'a' } })
  expect(entry['erased']).toEqual(['args.notes', 'args.iban', 'facts.notes'])
})

test('a class counts for everything below the field, through lists; what is dropped is dropped whole', () => {
  const fields = classes({
    'vendors/*': { bank: 'drop', 'bank.city': 'clear', 'rows.iban': 'hash' },
  })
  const rows = [{ iban: 'zq-1', n: 1 }, { iban: 'zq-2' }]
  const { line, text, entry } = written({ bank: { iban: 'zq-3', city: 'x' }, rows }, fields)
  expect(line + text).not.toContain('zq-')
  expect(entry).toMatchObject({
    facts: { rows: [{ n: 1 }, {}] },
    hashed: { 'rows.0.iban': hmac('"zq-1"'), 'rows.1.iban': hmac('"zq-2"') },
    erased: ['facts.bank'],
  })
  expect(entry).not.toHaveProperty('clear')
})

test('a fact that is a deeper path is classed by what stands above it', () => {
  const { line, text } = written({ 'bank.iban': 'zq-1' }, classes({ '*': { bank: 'drop' } }))
  expect(line + text).not.toContain('zq-')
})

describe('which tool is meant', () => {
  test.each([
    ['vendors/approve', true],
    ['vendors/*', true],
    ['*', true],
    ['*/appr*ve', true],
    ['vendors/approve*', true],
    ['vendors/approv', false],
    ['vendors/*approve2', false],
    ['files/*', false],
    ['*approve*approve', false],
  ])('`%s`: %s', (pattern, meant) => {
    const { line } = written({ a: 'zq-1' }, classes({ [pattern]: { a: 'clear' } }))
    expect(line.includes('zq-1')).toBe(meant)
  })

  test('of two classes of one field the stricter counts', () => {
    const fields = classes({
      '*': { a: 'clear', b: 'hash' },
      'vendors/*': { a: 'seal', b: 'drop' },
    })
    const { entry } = written({ a: 1, b: 2 }, fields)
    expect(entry).toMatchObject({ facts: { a: 1 }, erased: ['facts.b'] })
    expect(entry).not.toHaveProperty('hashed')
  })
})

test('what is secret is neither shown nor hashed, whatever its class', () => {
  const token = ['gh', 'p_', 'a1B2c3D4e5F6'.repeat(3)].join('')
  const fields = classes({
    '*': { password: 'clear', note: 'clear', api_key: 'hash', body: 'hash' },
  })
  const values = { password: 'hunter2', note: `use ${token}`, api_key: 'k-12345', body: token }
  const { line, text, entry } = written(values, fields)
  for (const secret of ['hunter2', token, 'k-12345']) expect(line + text).not.toContain(secret)
  expect(entry).not.toHaveProperty('hashed')
  expect(entry['erased']).toEqual(
    expect.arrayContaining(['facts.password', 'facts.note', 'facts.api_key', 'facts.body']),
  )
})

test('of what was cut only the length is known: it is not hashed', () => {
  const { entry } = written({ a: { $length: 300, $cut: true } }, classes({ '*': { a: 'hash' } }))
  expect(entry).not.toHaveProperty('hashed')
  expect(entry['erased']).toEqual(['facts.a'])
})

test('no value of a field that is dropped or hashed is anywhere, however it is nested', () => {
  const marked = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.uuid().map((id) => `zq-${id}`),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
    ),
  })).value
  const one = fc.constantFrom<FieldClass>('drop', 'hash')
  fc.assert(
    fc.property(marked, one, fc.boolean(), (value, kind, capture) => {
      const { line, text } = written(
        { x: value as string, y: 1 },
        classes({ '*': { x: kind } }),
        capture,
      )
      expect(line + text).not.toContain('zq-')
    }),
  )
})
