import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isHost, isLoopback } from '../../src/config/host.ts'
import type { Listening } from '../../src/config/listening.ts'
import { loadSettingsFile } from '../../src/config/settings-file.ts'
import { type Problem, problemText } from '../../src/model/document.ts'

const folder = mkdtempSync(join(tmpdir(), 'chaperone-listening-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'chaperone.yaml')

interface Loaded extends Listening {
  readonly problems: readonly Problem[]
}

function load(text: string, env: Record<string, string> = {}): Loaded {
  writeFileSync(file, text)
  const { listening, problems } = loadSettingsFile(file, env)
  return { ...listening, problems }
}
const said = ({ problems }: Loaded) =>
  problems.map((problem) => problemText(problem).replace(`${file}:`, ''))

test('reads where to listen, and keeps of keys nothing but their hashes', () => {
  const key = 'a'.repeat(64)
  const digest = hash('sha256', 'another', 'hex')
  const read = load(
    `listen: { host: 0.0.0.0, port: 9000, hosts: [Guard.Example], origins: ["https://app.example"] }
keys:
  - { key: "\${INTAKE_KEY}", mandate: intake.yaml }
  - { sha256: ${digest}, mandate: /srv/reader.yaml }
`,
    { INTAKE_KEY: key },
  )
  expect(said(read)).toEqual([])
  expect(read).toMatchObject({
    host: '0.0.0.0',
    port: 9000,
    hosts: ['guard.example'],
    origins: ['https://app.example'],
    keys: [
      { key: hash('sha256', key, 'hex'), mandate: join(folder, 'intake.yaml') },
      { key: digest, mandate: '/srv/reader.yaml' },
    ],
  })
  expect(JSON.stringify(read)).not.toContain(key)
})

test('a file without keys or without listen is fine', () => {
  expect(load('listen: {}')).toEqual({ hosts: [], origins: [], keys: [], problems: [] })
  expect(said(load('keys: []'))).toEqual([])
})

test('a file that is not there says so', () => {
  const { problems } = loadSettingsFile(join(folder, 'none.yaml'), {})
  expect(problems.map(({ id }) => id)).toEqual(['no_such_file'])
})

const K = { K: 'k'.repeat(32), OTHER: 'o'.repeat(32), SHORT: 'k'.repeat(31), ODD: 'k k'.repeat(20) }
describe('says what is wrong, where, and what to do', () => {
  test.each([
    [
      '[]',
      '1:1: the settings must be a map (it has listen, keys, policies, risk, environment, audit, webhooks, metrics, telemetry)',
    ],
    ['lisen: {}', '1:1: `lisen` is no member of the settings (did you mean `listen`?)'],
    ['listen: { prot: 1 }', '1:11: `prot` is no member of `listen` (did you mean `port`?)'],
    ['listen: 8931', '1:9: `listen` must be a map (it has host, port, hosts, origins)'],
    [
      'listen: { host: "http://x" }',
      '1:17: `host` is no address to listen on (write 127.0.0.1, or ::1)',
    ],
    ['listen: { port: 70000 }', '1:17: `port` is no port (write a number from 0 to 65535)'],
    ['listen: { port: "80" }', '1:17: `port` is no port (write a number from 0 to 65535)'],
    [
      'listen: { hosts: ["https://x.example/"] }',
      '1:19: `https://x.example/` is no name of a host (write the name alone, without scheme and port: guard.example)',
    ],
    [
      'listen: { origins: ["https://x.example/"] }',
      '1:21: `https://x.example/` is no web origin (write it as a browser does, without a path: https://app.example)',
    ],
    [
      'listen: { origins: ["*"] }',
      '1:21: `*` is no web origin (write it as a browser does, without a path: https://app.example)',
    ],
    ['listen: { hosts: x }', '1:18: `hosts` must be a list (put it in brackets)'],
    [
      'keys: {}',
      '1:7: `keys` must be a list (write - { key: "${NAME}", mandate: m.yaml } for each)',
    ],
    ['keys: [{ key: "${K}" }]', '1:8: a key without a `mandate` (add `mandate: m.yaml`)'],
    [
      'keys: [{ mandate: m.yaml }]',
      '1:8: a key without `key` or `sha256` (write `key: "${NAME}"`, or `sha256:` and the hash of the key in hex)',
    ],
    [
      `keys: [{ mandate: m.yaml, key: "\${K}", sha256: ${'0'.repeat(64)} }]`,
      '1:8: both `key` and `sha256` are there (write `key: "${NAME}"`, or `sha256:` and the hash of the key in hex)',
    ],
    [
      'keys: [{ mandate: m.yaml, key: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk }]',
      '1:32: a key is written in clear (keep it in the environment and write `key: "${NAME}"`, or write its `sha256`)',
    ],
    [
      'keys: [{ mandate: m.yaml, key: "${NONE:-kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk}" }]',
      '1:32: a key is written in clear (keep it in the environment and write `key: "${NAME}"`, or write its `sha256`)',
    ],
    [
      'keys: [{ mandate: m.yaml, key: "${NONE}" }]',
      '1:32: the variable `NONE` is not set (set it where the guard is started)',
    ],
    [
      'keys: [{ mandate: m.yaml, key: "${SHORT}" }]',
      '1:32: what `${SHORT}` stands for is no key: it has to be 32 to 512 characters of A-Z a-z 0-9 . _ ~ + / - (make one with `openssl rand -hex 32`)',
    ],
    [
      'keys: [{ mandate: m.yaml, key: "${ODD}" }]',
      '1:32: what `${ODD}` stands for is no key: it has to be 32 to 512 characters of A-Z a-z 0-9 . _ ~ + / - (make one with `openssl rand -hex 32`)',
    ],
    [
      'keys: [{ mandate: m.yaml, sha256: ABC }]',
      '1:35: `sha256` is no hash of a key (write 64 digits in lower case: printf %s "$KEY" | sha256sum)',
    ],
    [
      'keys:\n  - { mandate: a.yaml, key: "${K}" }\n  - { mandate: b.yaml, key: "${K}" }',
      '3:5: this key stands in line 2 already (a key stands for one mandate: make another)',
    ],
  ])('%s', (text, expected) => {
    const read = load(text, K)
    expect(said(read)).toEqual([expected])
    expect(read.keys.length).toBeLessThan(2)
  })
})

test('a refused key is never shown', () => {
  const read = load('keys: [{ mandate: m.yaml, key: "${SECRET}" }]', { SECRET: 'tooshort-s3cret' })
  expect(said(read).join('\n')).not.toContain('s3cret')
})

test('tells addresses from what is none, and this machine from others', () => {
  expect(['127.0.0.1', '::1', 'localhost', 'guard.example', '0.0.0.0', '::'].every(isHost)).toBe(
    true,
  )
  expect(['', 'a b', 'http://x', 'x/y', '[::1', 'x:80', '-x'].some(isHost)).toBe(false)
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST'].every(isLoopback)).toBe(true)
  expect(['0.0.0.0', '::', '10.0.0.1', 'guard.example', '128.0.0.1'].some(isLoopback)).toBe(false)
})
