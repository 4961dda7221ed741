/** `chaperone.yaml` beside listeners and keys: policies, posture, environment, capture and webhooks. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { findPolicies } from '../../src/config/policies-place.ts'
import { readServeSettings, readSettings } from '../../src/config/settings.ts'
import { loadSettingsFile, type SettingsUse } from '../../src/config/settings-file.ts'
import { Problems, problemText } from '../../src/model/document.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'chaperone-settings-')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'chaperone.yaml')
const SECRET = 's'.repeat(32)

function load(text: string, env: Record<string, string> = {}, use?: SettingsUse) {
  writeFileSync(file, text)
  return loadSettingsFile(file, env, use)
}
const said = ({ problems }: ReturnType<typeof load>) =>
  problems.map((problem) => problemText(problem).replace(`${file}:`, ''))

const WHOLE = `
policies: guardrails
risk: elevated
environment: prod
audit: { capture: arguments, rotate: 8MiB, key: keys/log.pem, fields: { "v/*": { iban: hash, bank.city: clear } } }
webhooks:
  security: { url: "\${HOOK_URL}", secret: "\${HOOK_SECRET}" }
  local: { url: "http://127.0.0.1:9000/hook", secret: "\${env:HOOK_SECRET}" }
`
const ENV = { HOOK_URL: 'https://hooks.example/T0/B1', HOOK_SECRET: SECRET }

test('reads all of it, paths from its own folder', () => {
  const read = load(WHOLE, ENV)
  expect(said(read)).toEqual([])
  expect(read).toMatchObject({
    policies: join(folder, 'guardrails'),
    risk: 'elevated',
    environment: 'prod',
    capture: 'arguments',
    audit: {
      rotateBytes: 8 * 1024 * 1024,
      key: join(folder, 'keys/log.pem'),
      fields: new Map([
        [
          'v/*',
          new Map([
            ['iban', 'hash'],
            ['bank.city', 'clear'],
          ]),
        ],
      ]),
    },
  })
  expect(readSettings({}, {}, '/desk', read).audit).toEqual(read.audit)
  expect([...read.webhooks.values()]).toMatchObject([
    { name: 'security', url: 'https://hooks.example/T0/B1', secret: SECRET, place: { line: 7 } },
    { name: 'local', url: 'http://127.0.0.1:9000/hook', secret: SECRET },
  ])
})

test('a flag wins over a variable, a variable over the file, the file over the default', () => {
  const read = load(WHOLE, ENV)
  const order = (flags: object, env: Record<string, string>) => {
    const { risk, environment, policies, capture } = readSettings(flags, env, '/desk', read)
    return [risk, environment, policies, capture]
  }
  expect(order({}, {})).toEqual(['elevated', 'prod', join(folder, 'guardrails'), 'arguments'])
  const env = {
    CHAPERONE_RISK: 'high',
    CHAPERONE_ENVIRONMENT: 'test',
    CHAPERONE_POLICIES: 'p',
    CHAPERONE_CAPTURE: 'none',
  }
  expect(order({}, env)).toEqual(['high', 'test', '/desk/p', 'none'])
  const flags = { risk: 'normal', environment: 'dev', policies: '/q', capture: 'arguments' }
  expect(order(flags, env)).toEqual(['normal', 'dev', '/q', 'arguments'])
  expect(readSettings({}, {}, '/desk', read).webhooks).toBe(read.webhooks)
  const { risk, capture, policies } = readSettings({}, {}, '/desk', load('{}'))
  expect([risk, capture, policies]).toEqual(['normal', 'none', undefined])
})

test('a guard on stdio does not look at keys, and one that is only asked about at no secret', () => {
  const text = `listen: 1\nkeys: [{ key: "\${UNSET}", mandate: m }]\n${WHOLE}`
  expect(load(text, ENV).problems).toHaveLength(2)
  expect(said(load(text, ENV, 'run'))).toEqual([])
  expect(load(text, {}, 'run').problems.map(({ id }) => id)).toEqual(
    Array.from({ length: 3 }, () => 'unset_variable'),
  )
  const asked = load(text, {}, 'ask')
  expect([said(asked), asked.webhooks.size, asked.risk]).toEqual([[], 0, 'elevated'])
})

describe('says what is wrong, where, and what to do', () => {
  const hook = (members: string) => `webhooks: { w: { ${members} } }`
  const url =
    '1:23: `url` is no address of a webhook (write https://…, without a user and a fragment; http:// only to this machine)'
  test.each([
    ['risk: hihg', '1:7: `risk` is unknown: `hihg` (did you mean `high`?)'],
    ['risk: 1', '1:7: `risk` must be a text (put it in quotes)'],
    [
      'environment: x',
      '1:14: `environment` is unknown: `x` (it is one of dev, test, staging, prod)',
    ],
    ['policies: []', '1:11: `policies` must be a text (put it in quotes)'],
    ['policies: " "', '1:11: `policies` is empty (name a folder, or leave it out)'],
    ['audit: true', '1:8: `audit` must be a map (it has capture, fields, rotate, key)'],
    ['audit: { rotate: 1KiB }', '1:18: `rotate` is no size of a file (write 64MiB; 1MiB to 1GiB)'],
    ['audit: { key: "" }', '1:15: `key` is empty (name a file, or leave it out)'],
    [
      'audit: { fields: { "vendors/approve": { iban: hsh } } }',
      '1:47: `hsh` is no class of a field (did you mean `hash`?)',
    ],
    [
      'audit: { fields: { approve: { iban: hash } } }',
      '1:20: `approve` names no tool (write `server/tool`, with `*` for any text)',
    ],
    [
      'audit: { fields: { "a/b": { args.iban: hash } } }',
      '1:29: `args.iban` names no field (write its path within the arguments, such as `vendor.iban`)',
    ],
    [
      'audit: { captures: arguments }',
      '1:10: `captures` is no member of `audit` (did you mean `capture`?)',
    ],
    ['audit: { capture: all }', '1:19: `capture` is unknown: `all` (it is one of none, arguments)'],
    [
      'webhooks: []',
      '1:11: `webhooks` must be a map (write `name: { url: …, secret: "${NAME}" }` for each)',
    ],
    [
      'webhooks: { "a b": {} }',
      '1:13: `a b` is no name of a webhook (use letters, digits, `_`, `.` and `-`, 64 at most)',
    ],
    [hook('uri: x'), '1:18: `uri` is no member of a webhook (did you mean `url`?)'],
    [hook('secret: "${S}"'), '1:16: a webhook without a `url` (add `url: https://…`)'],
    [
      hook('url: "https://x.example"'),
      '1:16: a webhook without a `secret` (add `secret: "${NAME}"`)',
    ],
    [hook('url: "http://x.example", secret: "${S}"'), url],
    [hook('url: "https://u:p@x.example", secret: "${S}"'), url],
    [hook('url: "https://x.example/#f", secret: "${S}"'), url],
    [hook('url: "file:///x", secret: "${S}"'), url],
    [hook('url: "https://${S}.example", secret: "${S}"'), url],
    [
      hook('url: "${BAD}", secret: "${S}"'),
      '1:23: what `${BAD}` stands for is no address of a webhook (write https://…, without a user and a fragment; http:// only to this machine)',
    ],
    [
      hook(`url: "https://x.example", secret: ${SECRET}`),
      '1:52: a secret is written in clear (keep it in the environment and write `secret: "${NAME}"`)',
    ],
    [
      hook('url: "https://x.example", secret: "${S:-x}"'),
      '1:52: a secret is written in clear (keep it in the environment and write `secret: "${NAME}"`)',
    ],
    [
      hook('url: "https://x.example", secret: "${NONE}"'),
      '1:52: the variable `NONE` is not set (set it where the guard is started)',
    ],
    [
      hook('url: "https://x.example", secret: "${BAD}"'),
      '1:52: what `${BAD}` stands for is no secret: it has to be 32 to 512 characters without blanks (make one with `openssl rand -hex 32`)',
    ],
  ])('%s', (text, problem) => {
    const read = load(text, { S: SECRET, BAD: 'http://x.example/hush' })
    expect(said(read)).toContain(problem)
    expect(said(read).join('')).not.toContain('hush')
    expect(read.webhooks.size).toBe(0)
  })
})

describe('where the policies are', () => {
  const mandate = join(folder, 'm', 'm.yaml')
  const upstreams = join(folder, 'u', 'mcp.json')
  const settings = join(folder, 's', 'chaperone.yaml')
  beforeEach(() => {
    for (const name of ['m', 'u', 's']) {
      rmSync(join(folder, name), { recursive: true, force: true })
      mkdirSync(join(folder, name))
    }
  })
  const make = (name: string) => mkdirSync(join(folder, name, 'policies'))

  function found(named?: string) {
    const problems = new Problems()
    const place = findPolicies({ mandate, upstreams, settings }, named, problems)
    return [place, ...problems.list.map(problemText)]
  }

  test('nowhere, where nobody made the folder', () => expect(found()).toEqual([undefined]))

  test.each(['m', 'u', 's'])('beside the file in %s', (name) => {
    make(name)
    expect(found()).toEqual([join(folder, name, 'policies')])
  })

  test('two different ones are an error, unless one is named; two ways to one are none', () => {
    make('m')
    make('s')
    const [m, s] = [join(folder, 'm', 'policies'), join(folder, 's', 'policies')]
    expect(found()).toEqual([
      undefined,
      `there are two folders of policies, \`${m}\` and \`${s}\` (name one with --policies)`,
    ])
    expect(found(s)).toEqual([s])
    symlinkSync(m, join(folder, 'u', 'policies'))
    rmSync(s, { recursive: true })
    expect(found()).toEqual([m])
  })

  test('one that is named has to be there, and a folder', () => {
    const remedy = '(put the policies there, or name another folder with --policies)'
    const [none, plain] = [join(folder, 'none'), join(folder, 'plain')]
    writeFileSync(plain, '')
    expect(found(none)).toEqual([undefined, `there is no folder \`${none}\` ${remedy}`])
    expect(found(plain)).toEqual([undefined, `\`${plain}\` is no folder ${remedy}`])
  })

  test('what stands in its place, or a link that leads nowhere, is an error and not none', () => {
    const beside = join(folder, 'm', 'policies')
    symlinkSync(join(folder, 'gone'), beside)
    expect(found()).toHaveLength(2)
    rmSync(beside)
    writeFileSync(beside, '')
    expect(found()).toHaveLength(2)
  })
})

describe('metrics', () => {
  test('have a place of their own on this machine, unless another is said', () => {
    expect(load('metrics: {}').metrics).toEqual({ host: '127.0.0.1', port: 9464, hosts: [] })
    const wide = load('metrics: { host: 0.0.0.0, port: 9000, hosts: [Guard.Example] }')
    expect([said(wide), wide.metrics]).toEqual([
      [],
      { host: '0.0.0.0', port: 9000, hosts: ['guard.example'] },
    ])
    expect(load('risk: normal').metrics).toBeUndefined()
  })

  test.each([
    ['metrics: { host: 0.0.0.0 }', '1:18: error: whoever reaches 0.0.0.0 could read the metrics'],
    ['metrics: { port: 70000 }', '1:18: error: `port` is no port'],
    ['metrics: { prot: 1 }', '1:12: error: `prot` is no member of `metrics`'],
    ['metrics: 9464', '1:10: error: `metrics` must be a map'],
    ['metrics: { hosts: ["a b"] }', '1:20: error: `a b` is no name of a host'],
  ])('%s is refused where it stands', (text, words) => {
    expect(said(load(text))[0]?.replace('error: ', '')).toContain(words.replace('error: ', ''))
  })

  test('the port of the launch line is one of `serve`', () => {
    expect(readServeSettings({ 'metrics-port': '0' }, {}).metricsPort).toBe(0)
    expect(readServeSettings({}, { CHAPERONE_METRICS_PORT: '9000' }).metricsPort).toBe(9000)
    expect(() => readServeSettings({ 'metrics-port': 'x' }, {})).toThrow('--metrics-port')
  })
})

describe('telemetry', () => {
  const TOKENS = { TOKEN: 'secret-of-the-collector' }

  test('is sent where the settings say, with headers of the environment', () => {
    const text = `telemetry:
  otlp: https://collector.example/
  headers: { Authorization: "\${TOKEN}" }
  resource: { deployment.environment.name: prod }
`
    const read = load(text, TOKENS)
    expect(said(read)).toEqual([])
    expect(read.telemetry).toEqual({
      otlp: 'https://collector.example',
      headers: new Map([['authorization', TOKENS.TOKEN]]),
      resource: new Map([['deployment.environment.name', 'prod']]),
    })
  })

  test('plain HTTP goes to this machine, or where that is meant', () => {
    expect(said(load('telemetry: { otlp: "http://127.0.0.1:4318" }'))).toEqual([])
    expect(said(load('telemetry: { otlp: "http://collector:4318" }'))[0]).toContain('plain HTTP')
    expect(said(load('telemetry: { otlp: "http://collector:4318", insecure: true }'))).toEqual([])
  })

  test.each([
    ['telemetry: { headers: {} }', '`telemetry` without an `otlp`'],
    ['telemetry: { otlp: "ftp://x" }', '`otlp`: its URL is none over HTTP'],
    ['telemetry: { otlp: "https://u:p@x" }', 'its URL holds a user or a password'],
    ['telemetry: { otlp: "https://x", headers: { a: clear } }', '`headers.a` is written in clear'],
    ['telemetry: { otlp: "https://x", headers: { a: "${UNSET}" } }', '`UNSET` is not set'],
    ['telemetry: { otlp: "https://x", headers: { "a b": "${TOKEN}" } }', 'no name of a header'],
    ['telemetry: { otlp: "https://x", resource: { "1": x } }', 'no name of an attribute'],
    ['telemetry: { oltp: "https://x" }', '`oltp` is no member'],
  ])('%s is refused', (text, words) => {
    const problems = said(load(text, TOKENS))
    expect(problems.join('\n')).toContain(words)
    expect(problems[0]).toMatch(/^\d+:\d+: /)
  })

  test('who only asks needs no secret of a collector', () => {
    const text = 'telemetry: { otlp: "https://x", headers: { a: "${UNSET}" } }'
    expect(said(load(text, {}, 'ask'))).toEqual([])
  })
})
