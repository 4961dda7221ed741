import { describe, expect, test } from 'vitest'
import { keyedDigest, NO_ENTRY } from '../../src/audit/digest.ts'
import { entryWriter } from '../../src/audit/entry.ts'
import { holdsSecret, lineMask, withoutSecrets } from '../../src/model/secret-shape.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { EntryBody } from '../../src/model/record.ts'
import { HEAD, readBack } from '../fakes/audit-log.ts'
import { event, intent, permit, refused, REQUEST } from '../fakes/entry-body.ts'

function lineOf(body: EntryBody): string {
  return entryWriter(HEAD, keyedDigest(new Uint8Array(32)))(body, { seq: 0, prev: NO_ENTRY })
}

// Built from parts, so that no scanner takes this file for a leak.
const run = (length: number, alphabet = 'Ab3dEf6hIj9lMn2pQr5t'): string =>
  alphabet.repeat(Math.ceil(length / alphabet.length)).slice(0, length)
const UPPER = 'AB3DEF6HIJ9LMN2PQR5T'
const LOWER = 'ab3def6'
const SHAPED = [
  `AKIA${run(16, UPPER)}`,
  `ASIA${run(16, UPPER)}`,
  ...['ghp', 'gho', 'ghu', 'ghs', 'ghr'].map((kind) => `${kind}_${run(36)}`),
  `github_pat_${run(22)}_${run(59)}`,
  `glpat-${run(20)}`,
  ...['xoxb', 'xoxp', 'xoxa', 'xoxs'].map((kind) => `${kind}-123456789012-${run(24)}`),
  `xapp-1-${run(40)}`,
  `sk_live_${run(24)}`,
  `sk_test_${run(24)}`,
  `rk_live_${run(24)}`,
  `sk-proj-${run(48)}`,
  `sk-ant-api03-${run(48)}`,
  `sk-${run(48)}`,
  `AIza${run(35)}`,
  `ya29.${run(60)}`,
  `npm_${run(36)}`,
  `pypi-${run(60)}`,
  `hf_${run(34)}`,
  `dop_v1_${run(64, LOWER)}`,
  `SG.${run(22)}.${run(43)}`,
  `hvs.${run(24)}`,
  `hvb.${run(40)}`,
  `whsec_${run(32)}`,
  `AGE-SECRET-KEY-1${run(58, UPPER)}`,
  `eyJ${run(20)}.eyJ${run(40)}.${run(43)}`,
  `eyJ${run(20)}.eyJ${run(5000)}.${run(43)}`,
  `-----BEGIN RSA PRIVATE KEY-----${run(64)}`,
  `-----BEGIN OPENSSH PRIVATE KEY-----${run(64)}`,
  `-----BEGIN PRIVATE KEY-----${run(64)}`,
  `Bearer ${run(40)}`,
  `BEARER ${run(40)}`,
  `Authorization: Basic ${run(24)}`,
  `gldt-${run(20)}`,
  `xoxc-123456789012-${run(24)}`,
  `https://hooks.slack.com/services/${run(9)}/${run(11)}/${run(24)}`,
  `GOCSPX-${run(28)}`,
  `shpat_${run(32, LOWER)}`,
  `123456789:AA${run(33)}`,
  `whsec_${run(20)}/+${run(20)}=`,
  `aws_secret_access_key = ${run(20)}/+${run(18)}`,
  `"SecretAccessKey": "${run(20)}/+${run(18)}"`,
]
const SHAPELESS = [
  'correct horse battery staple|hunter2|1234|0000|p@ss,w0rd!|ü-passwört|-|null|123456'.split('|'),
  'QWxhZGRpbjpvcGVuIHNlc2FtZQ==|4111111111111111|"quoted"\n|{"nested":"json"}'.split('|'),
  ['a'.repeat(100), '\u202Eevil', 'xyzzy-plugh-0451', run(32, LOWER)],
]
  .flat()
  .map((text, index) => `${text}~${index}~seeded`)
const SECRETS = [...SHAPED, ...SHAPELESS]

const NAMES = [
  'password passwd secret token apiKey api_key api-key authorization Authorization credential',
  'credentials privateKey private_key cookie pin Set-Cookie passphrase otp client_secret',
  'accessToken refresh-token DB_PASSWORD userPassword password2',
].flatMap((names) => names.split(' '))

const seeded = (line: string, secret: string): boolean =>
  line.includes(secret) || line.includes(JSON.stringify(secret).slice(1, -1))

test('there are at least fifty secrets to look for', () => {
  expect(new Set(SECRETS).size).toBeGreaterThanOrEqual(50)
})

describe.each(NAMES)('nothing from a field named %s', (name) => {
  const places: readonly ((value: string) => JsonObject)[] = [
    (value) => ({ [name]: value }),
    (value) => ({ [`args.${name}`]: value }),
    (value) => ({ [`args.limits.${name}`]: value }),
    (value) => ({ [`args.headers[0].${name}`]: value }),
    (value) => ({ args: { nested: [{ deeper: { [name]: value } }] } }),
    (value) => ({ args: { [name]: { inside: [value] } } }),
    (value) => ({ args: { headers: [{ name, value }] } }),
    (value) => ({ [name]: [value, { value }] }),
  ]

  test('is written, wherever it stands', () => {
    for (const secret of SECRETS) {
      for (const place of places) {
        const facts = place(secret)
        for (const body of [
          intent({ args: facts, facts }),
          event(facts),
          { ...refused(), decision: permit(facts) } as EntryBody,
        ]) {
          const line = lineOf(body)
          expect(seeded(line, secret), line).toBe(false)
          expect((JSON.parse(line) as { erased: string[] }).erased.length).toBe(1)
        }
      }
    }
  })
})

describe('a secret that shows by its shape', () => {
  test.each(SHAPED.map((secret) => [secret.slice(0, 16), secret]))(
    '%s… is masked everywhere',
    (_, secret) => {
      const bodies = [
        intent({ facts: { 'args.text': `see ${secret} there` } }),
        intent({ facts: { 'args.list': ['plain', secret] } }),
        intent({ request: { ...REQUEST, name: secret } }),
        event({ line: `stderr: ${secret}` }),
        refused(`the argument is ${secret}`),
        intent({ facts: { [secret]: 1 } }),
      ]
      for (const body of bodies) {
        const line = lineOf(body)
        expect(seeded(line, secret), line).toBe(false)
        expect(line, 'not its tail either').not.toContain(secret.slice(-12))
        expect(line).toContain('"erased":[')
      }
    },
  )

  test.each([
    'vendors/approve',
    '/srv/catalog/risk-assessment/sketch-book.txt',
    'lee@acme.example',
    'a task-force of skeletons: sk-8',
    'https://acme.example/a?page=2&sort=name#top',
    'Mon-Fri 09:00-17:00',
    'c4ca4238a0b923820dcc509a6f75849bc4ca4238a0b923820dcc509a6f75849b',
    'x = 1; y = 2; total=3',
  ])('%s is none', (text) => {
    expect(withoutSecrets(text)).toBe(text)
  })

  test('is looked for in time that grows with the text, whoever wrote it', () => {
    // A megabyte of what a backtracking pattern would try again at every place: minutes, were it quadratic.
    for (const part of 'eyJ|eyJaaaaaaaa.|SG.|://a:|xoxb-|Bearer |?a=%25|-----BEGIN |//@|a=b;|?a'.split(
      '|',
    ))
      expect(withoutSecrets(part.repeat(1_000_000 / part.length)).length).toBeGreaterThan(0)
  })
})

describe('a resource URI on record', () => {
  const nameOf = (name: string): unknown =>
    (
      readBack(
        intent({ request: { era: 'modern', method: 'resources/read', name } }),
      ) as unknown as {
        request: JsonObject
      }
    ).request['name']

  test.each([
    ['https://user:pw@acme.example/a', 'https://***@acme.example/a'],
    ['https://onlytoken@acme.example/a', 'https://***@acme.example/a'],
    ['https://a@b:pw@acme.example/a', 'https://***@acme.example/a'],
    [String.raw`https:\\user:pw@acme.example`, String.raw`https:\\***@acme.example`],
    ['postgres://u:p@db/x?sslmode=on', 'postgres://***@db/x?sslmode=on'],
    ['https://h/x?token=abc&page=2', 'https://h/x?token=***&page=2'],
    ['https://h/x?page=2&api_key=abc', 'https://h/x?page=2&api_key=***'],
    ['https://h/x?page=2;ApiKey=abc', 'https://h/x?page=2;ApiKey=***'],
    ['https://h/x?%74oken=abc', 'https://h/x?%74oken=***'],
    ['https://h/x?sig=abc&X-Amz-Signature=d', 'https://h/x?sig=***&X-Amz-Signature=***'],
    ['https://h/x#access_token=abc', 'https://h/x#access_token=***'],
    ['https://h/x;session_id=abc/y', 'https://h/x;session_id=***'],
    ['https://h/x?next=https%3A%2F%2Fh%3Ftoken%3Dabc', 'https://h/x?next=***'],
    ['https://h/x?next=https%3A%2F%2Fu%3Apw%40h', 'https://h/x?next=***'],
    ['https://h/x?next=%2568%253Ftoken%253Dabc', 'https://h/x?next=***'],
    ['file:///srv/a@b/c.txt', 'file:///srv/a@b/c.txt'],
    ['https://h/x?page=2&q=a%20b', 'https://h/x?page=2&q=a%20b'],
  ])('%s', (uri, shown) => {
    expect(nameOf(uri)).toBe(shown)
  })

  test('says that something was masked', () => {
    const body = intent({ request: { era: 'modern', method: 'resources/read', name: 'x://a@b' } })
    expect(JSON.parse(lineOf(body))).toHaveProperty('erased', ['request.name'])
  })

  test('a fact that is a URI is masked alike', () => {
    const entry = readBack(intent({ facts: { 'args.url': 'https://u:pw@h/?token=abc&page=2' } }))
    expect(entry).toMatchObject({
      facts: { 'args.url': 'https://***@h/?token=***&page=2' },
      erased: ['facts.args.url'],
    })
  })
})

test('facts full of secrets do not fill the entry with the names of what is missing', () => {
  const facts = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`args.token${index}`, 'x']),
  )
  expect(readBack(intent({ facts }))).toMatchObject({ facts: {}, erased: ['facts'] })
})

test('facts nested beyond any use are cut', () => {
  let facts: JsonObject = { end: 1 }
  for (let depth = 0; depth < 1000; depth += 1) facts = { deeper: facts }
  const entry = JSON.parse(lineOf(event(facts))) as { erased: string[] }
  expect(entry.erased).toHaveLength(1)
})

test('short texts hold no secret', () => {
  expect(holdsSecret('sk-1')).toBe(false)
})

test('line by line, a key file is hidden from its first line to its last', () => {
  const mask = lineMask()
  const lines = [
    'before',
    '-----BEGIN RSA PRIVATE KEY-----',
    'MIIEow',
    'AbCd',
    '-----END RSA PRIVATE KEY-----',
    'after',
  ]
  expect(lines.map((line) => mask(line))).toEqual(['before', '***', '***', '***', '***', 'after'])
})

test('what never ends is taken for a key file only so long', () => {
  const mask = lineMask()
  mask('-----BEGIN PRIVATE KEY-----')
  const lines = Array.from({ length: 200 }, () => mask('plain'))
  expect(lines[0]).toBe('***')
  expect(lines.at(-1)).toBe('plain')
})

test('percent-encoding does not hide a secret', () => {
  expect(withoutSecrets('https://a.example/Bearer%20abcdefghijklmnop0123')).toBe('***')
  expect(withoutSecrets('https://a.example/postgres%3A%2F%2Fapp%3Apw%40db')).toBe('***')
  expect(withoutSecrets('https://a.example/x%3Ftoken%3Dabc')).toBe('***')
  expect(withoutSecrets('https://a.example/100%25')).toBe('https://a.example/100%25')
  expect(withoutSecrets('https://a.example/?token=a&x=b%20c')).toBe(
    'https://a.example/?token=***&x=b%20c',
  )
})
