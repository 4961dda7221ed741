/** The operator's page against the code: the members of an entry, the exit codes, the limits that it names. */
import { hash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { agentOf } from '../../examples/agent.ts'
import { decisionWriter } from '../../src/audit/decision.ts'
import { LONGEST_ENTRY } from '../../src/audit/entry.ts'
import { COMMANDS } from '../../src/cli/main.ts'
import { loadUpstreams } from '../../src/config/mcp-json.ts'
import { OAUTH_MEMBERS } from '../../src/config/oauth-entry.ts'
import { loadSettingsFile, type SettingsFile } from '../../src/config/settings-file.ts'
import { digestOf } from '../../src/model/digest.ts'
import type { PolicyTrace } from '../../src/model/policy.ts'
import { REQUEST_LIMITS } from '../../src/proxy/strict.ts'
import { waitBefore } from '../../src/proxy/upstream/http/sse.ts'
import { MOST, MOST_WAITING } from '../../src/proxy/upstream/http/wire.ts'
import { ANSWER_MAX_BYTES } from '../../src/proxy/upstream/process.ts'
import { STDERR_LENGTH, STDERR_LINES, STDERR_WINDOW_MS } from '../../src/proxy/upstream/stderr.ts'
import { blocks, codes, page, ROOT, table } from './markdown.ts'

const PAGE = page('docs/operations.md')
const MIB = 1024 * 1024

describe('the record of a real guard', () => {
  let folder = ''
  let log = ''

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'chaperone-operations-'))
    mkdirSync(join(folder, 'guard'))
    const server = 'node_modules/@modelcontextprotocol/server-everything/dist/index.js'
    const everything = { command: process.execPath, args: [join(ROOT, server)] }
    writeFileSync(join(folder, 'guard/mcp.json'), JSON.stringify({ mcpServers: { everything } }))
    const mandate = join(folder, 'guard/mandate.yaml')
    writeFileSync(
      mandate,
      `{ mandate: m, agent: a, purpose: p, valid: { until: 2100-01-01T00:00:00Z },
         tools: { everything/get-sum: { args: { a: { range: 0..9 }, b: { present: true } } } } }`,
    )
    const args = [join(ROOT, 'src/bin/chaperone.ts'), 'run', '--mandate', mandate]
    const state = join(folder, 'state')
    const agent = await agentOf({
      command: process.execPath,
      args: [...args, '--state-dir', state],
    })
    await agent.listTools()
    await agent.call('get-sum', { a: 1, b: 2 })
    await agent.call('get-sum', { a: 10, b: 2 })
    await agent.call('get-env', {})
    await agent.close()
    const [instance = ''] = readdirSync(join(state, 'log'))
    log = join(state, 'log', instance)
  }, 60_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('lies where the page says, for its owner alone', () => {
    expect(readdirSync(log)).toEqual(
      expect.arrayContaining(['args.key', 'audit-0.jsonl', 'objects']),
    )
    expect(PAGE).toContain('audit-0.jsonl')
    expect(PAGE).toContain('args.key')
    if (process.platform === 'win32') return
    for (const name of ['', 'args.key', 'audit-0.jsonl']) {
      expect(statSync(join(log, name)).mode & 0o077).toBe(0)
    }
  })

  test('has no member that the page does not explain, and the page explains none that is not', () => {
    const explained = table(PAGE, 'member').flatMap(([members = '']) => codes(members))
    const entries = readFileSync(join(log, 'audit-0.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const found = new Set(entries.flatMap((entry) => Object.keys(entry)))
    for (const member of found) expect(explained, member).toContain(member)
    // This run had nothing to leave out, captured nothing, and no upstream asked the client for anything.
    const unseen = explained.filter((member) => !found.has(member))
    expect(new Set(unseen)).toEqual(
      new Set(['budgets', 'clear', 'erased', 'hashed', 'input_commit', 'server']),
    )
    expect(new Set(entries.map(({ type }) => type))).toEqual(
      new Set(['event', 'listed', 'intent', 'outcome', 'refusal']),
    )
  })
})

test('what policies did to a decision is explained, member by member', () => {
  const rule = 'a#r'
  const policy: PolicyTrace = {
    revision: digestOf(''),
    determining: [rule],
    errors: [rule],
    obligations: [{ type: 'label', rule, add: ['x'] }],
    shadow: [{ rule, effect: 'forbid' }],
    engines: [{ engine: 'pdp', effect: 'deny', tookMs: 1 }],
  }
  const decision = { effect: 'deny', reason: 'forbidden', grants: [], facts: {}, policy } as const
  const { policy: written } = JSON.parse(decisionWriter()(decision)) as { policy: object }
  const rows = table(PAGE, 'in `policy`').map(([name = '']) => codes(name).join(''))
  expect(rows.toSorted()).toEqual(Object.keys(written).toSorted())
})

test('its example of keys lets nobody in as it stands, and is complete once the hash is put in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-operations-'))
  try {
    const file = join(folder, 'chaperone.yaml')
    const [example = ''] = blocks(PAGE, 'yaml').filter((block) => block.includes('sha256:'))
    const load = (text: string): SettingsFile => {
      writeFileSync(file, text)
      return loadSettingsFile(file, { INTAKE_KEY: 'k'.repeat(64) })
    }
    expect(load(example).problems.map(({ id }) => id)).toEqual(['key_hash'])
    const digest = hash('sha256', 'r'.repeat(64), 'hex')
    const { problems, listening } = load(example.replace('HASH_OF_THE_KEY', digest))
    expect(problems).toEqual([])
    const { keys } = listening
    expect(keys.map(({ mandate }) => mandate)).toEqual(
      ['intake.yaml', 'reader.yaml'].map((name) => join(folder, name)),
    )
    expect(keys[1]?.key).toBe(digest)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('its example of settings is read without a complaint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-operations-'))
  try {
    const file = join(folder, 'chaperone.yaml')
    const [example = ''] = blocks(PAGE, 'yaml').filter((block) => block.includes('webhooks:'))
    writeFileSync(file, example)
    const env = { HOOK_URL: 'https://hooks.example/1', HOOK_SECRET: 's'.repeat(64) }
    const { problems, ...read } = loadSettingsFile(file, env)
    expect(problems).toEqual([])
    expect(read).toMatchObject({
      policies: join(folder, 'guardrails'),
      risk: 'elevated',
      environment: 'prod',
      capture: 'arguments',
      webhooks: new Map([['security', { url: 'https://hooks.example/1' }]]),
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('its example of upstreams that are reached by URL is read without a complaint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-operations-'))
  try {
    const file = join(folder, 'mcp.json')
    const [example = ''] = blocks(PAGE, 'json')
    writeFileSync(file, example)
    const read = loadUpstreams(file, { TRACKER_TOKEN: 't' }, () => undefined)
    expect(read.problems).toEqual([])
    expect(read.upstreams).toMatchObject([
      { kind: 'http', transport: 'auto', headers: { Authorization: 'Bearer t' } },
      { kind: 'http', transport: 'sse', timeoutMs: 120_000 },
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('its example of a login is read without a complaint, and its table has all that it may say', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-operations-'))
  try {
    const file = join(folder, 'mcp.json')
    const [, example = ''] = blocks(PAGE, 'json')
    writeFileSync(file, example)
    const read = loadUpstreams(file, { TRACKER_SECRET: 'hush' }, () => undefined)
    expect(read.problems).toEqual([])
    expect(read.upstreams).toMatchObject([{ oauth: { clientSecret: 'hush', callbackPort: 8123 } }])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const section = PAGE.slice(PAGE.indexOf('## Logging in at an upstream'))
  const explained = table(section, 'member').flatMap(([members = '']) => codes(members))
  expect(explained.toSorted()).toEqual([...OAUTH_MEMBERS].toSorted())
})

/** What stands for each command in the two tables of exit codes: by its name, the codes that it has a cell for. */
function exitCodes(): ReadonlyMap<string, readonly string[]> {
  const [first = '', second = ''] = PAGE.split('| code |').slice(1)
  return new Map([first, second].flatMap((part) => exitCodesIn(`| code |${part}`)))
}

function exitCodesIn(text: string): readonly (readonly [string, readonly string[]])[] {
  const heading = text.split('\n')[0]?.split('|').slice(2, -1) ?? []
  const rows = table(text, 'code')
  return heading.map((cell, index) => {
    const given = rows.filter((cells) => (cells[index + 1] ?? '') !== '')
    return [codes(cell)[0] ?? '', given.map(([code = '']) => code)]
  })
}

test('every command has its exit codes, and no other', () => {
  expect([...exitCodes().keys()].toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted())
})

test.each(COMMANDS)('$name: the exit codes are those of its help', async ({ name, load }) => {
  const { help } = await load()
  const said = [...(help.split('Exit codes')[1] ?? '').matchAll(/[,:]\s(\d) /g)].map(
    ([, code]) => code,
  )
  expect(exitCodes().get(name)).toEqual(said)
})

test.each([
  ['an entry', `${LONGEST_ENTRY.toLocaleString('en')} bytes`],
  ['a message', `${REQUEST_LIMITS.maxBytes / MIB} MiB`],
  ['its depth', `${REQUEST_LIMITS.maxDepth} levels`],
  ['its members', `${REQUEST_LIMITS.maxKeys.toLocaleString('en')} members`],
  ['an answer', `${ANSWER_MAX_BYTES / MIB} MiB is dropped`],
  ['a line of stderr', `${STDERR_LENGTH.toLocaleString('en')} characters`],
  [
    'calls at once',
    `${MOST.call} calls at once for each upstream, ${MOST_WAITING.toLocaleString('en')} wait`,
  ],
  ['streams', `${MOST.stream} open streams, and ${MOST.aside} notifications and answers`],
  ['a wait', `${waitBefore(Infinity, 0) / 1000} s at most, and until five openings`],
  ['stderr', `${STDERR_LINES} lines in ${STDERR_WINDOW_MS / 1000} s`],
])('the limit of %s is the one of the code', (_what, text) => {
  expect(PAGE.replaceAll(/\s+/g, ' ')).toContain(text)
})
