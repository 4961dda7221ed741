import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { explainCommand } from '../../src/cli/explain.ts'
import { main } from '../../src/cli/main.ts'
import { instant } from '../../src/model/id.ts'
import { type KeptOptions, type KeptRecord, keptRecord } from '../fakes/kept-record.ts'
import { rechain, reseal } from '../fakes/rechain.ts'
import { fakeIo } from './io.fake.ts'

const MANDATE = `mandate: office
agent: bot
purpose: { text: Answer customers, ref: DESK-7 }
owner: dana@acme.example
valid: { until: 2027-01-01T00:00:00Z }
roles: [reader]
tools:
  mail/send:
    effect: send
    args: { to: { email: { domain: [acme.example, partner.example] } }, body: { length: 0..20000 } }
`
const ROLE = `role: reader
tools:
  mail/search_*: { effect: read }
`
const POLICY = `policy: acme
labels: [{ tools: ["mail/search_*"], add: [untrusted] }]
rules:
  - id: no-partner
    effect: forbid
    tools: ["mail/send"]
    when: args.to.endsWith("@partner.example")
  - id: few
    effect: require_approval
    tools: ["mail/send"]
    when: session.calls("mail/send", "1h") >= 2
    approval: { from: [lee@acme.example], expires: 15m }
  - id: tainted
    effect: forbid
    mode: shadow
    effects: [send]
    labels: [untrusted]
`
const TOOLS = {
  mail: [
    {
      name: 'send',
      inputSchema: {
        type: 'object',
        properties: {
          to: { type: 'string' },
          body: { type: 'string', maxLength: 100 },
        },
      },
    },
    { name: 'search_inbox', inputSchema: { type: 'object' } },
  ],
}

let record: KeptRecord
afterEach(() => record.remove())

async function made(options: Partial<KeptOptions> = {}): Promise<KeptRecord> {
  record = await keptRecord({
    mandate: MANDATE,
    roles: { reader: ROLE },
    policies: { 'acme.yaml': POLICY },
    tools: TOOLS,
    ...options,
  })
  return record
}

interface Told {
  readonly comparison: string
  readonly recorded: { readonly reason: string }
  readonly replayed: readonly string[]
  readonly differences: readonly string[]
  readonly missing: readonly string[]
  readonly conjuncts: readonly {
    readonly rule: string
    readonly result: string
    readonly read?: string
    readonly applies?: string
    readonly of?: string
  }[]
}

async function explain(argv: readonly string[]) {
  const io = fakeIo({ env: { CHAPERONE_STATE_DIR: record.state } })
  const command = explainCommand({
    probe: () => Promise.reject(new Error('nothing is started')),
    clock: { now: () => instant(0) },
  })
  const row = { name: 'explain', summary: '', load: () => Promise.resolve(command) }
  const exit = await main(['explain', ...argv], io, [row])
  return { exit, out: io.out(), err: io.err() }
}

async function told(call: string): Promise<Told & { readonly exit: number }> {
  const { exit, out, err } = await explain(['--decision', call, '--json'])
  if (out === '') throw new Error(err)
  return { exit, ...(JSON.parse(out) as Told) }
}

const GOOD = { to: 'a@acme.example', body: 'hello' }

describe('a decision on record, made again', () => {
  test('is the same for what was permitted, forbidden, held and outside the mandate', async () => {
    const { call, close, called } = await made()
    const calls = [
      await call('mail/search_inbox', { any: 1 }),
      await call('mail/send', GOOD),
      await call('mail/send', { ...GOOD, to: 'b@partner.example' }),
      await call('mail/send', { ...GOOD, to: 'c@evil.example' }),
      await call('mail/send', { ...GOOD, cc: 'd@evil.example' }),
      await call('mail/send', GOOD),
      await call('mail/send', GOOD),
    ]
    await close()
    expect(called()).toEqual(['mail/search_inbox', 'mail/send', 'mail/send'])
    const found = []
    for (const id of calls) {
      const { exit, comparison, differences, recorded } = await told(id)
      found.push([exit, comparison, recorded.reason, differences])
    }
    expect(found).toEqual([
      [0, 'same', 'permitted', []],
      [0, 'same', 'permitted', []],
      [0, 'same', 'forbidden', []],
      [0, 'same', 'outside_mandate', []],
      [0, 'same', 'outside_mandate', []],
      [0, 'same', 'permitted', []],
      [0, 'same', 'approval_required', []],
    ])
  })
})

describe('what is not kept', () => {
  const LONG = { ...GOOD, body: 'x'.repeat(300) }

  test('is named, and neither a difference nor the same', async () => {
    const { call, close } = await made()
    const [permitted, forbidden] = [
      await call('mail/send', LONG),
      await call('mail/send', { ...LONG, to: 'b@partner.example' }),
    ]
    await close()
    for (const id of [permitted, forbidden]) {
      const found = await told(id)
      expect(found).toMatchObject({ exit: 0, comparison: 'as_far_as_kept', missing: ['body'] })
      expect(found.replayed).toContain(found.recorded.reason)
      expect(
        found.conjuncts.filter(
          ({ rule, result }) => rule.startsWith('tools') && result === 'unknown',
        ),
      ).toMatchObject([{ rule: 'tools.mail/send.args' }, { rule: 'tools.mail/send.args.body' }])
    }
  })

  test('does not hide what is known', async () => {
    const { call, close } = await made()
    const id = await call('mail/send', { ...LONG, to: 'c@evil.example' })
    await close()
    expect(await told(id)).toMatchObject({ replayed: ['outside_mandate'], exit: 0 })
  })

  test('is every argument, where the key of the entry is gone', async () => {
    const { call, close, log } = await made()
    const id = await call('mail/send', GOOD)
    await close()
    const keys = join(log, 'keys-0.bin')
    for (const gone of [
      () => writeFileSync(keys, readFileSync(keys).fill(0)),
      () => rmSync(keys),
    ]) {
      gone()
      const found = await told(id)
      expect(found).toMatchObject({ exit: 0, comparison: 'as_far_as_kept' })
      expect(found.replayed).toEqual(expect.arrayContaining(['outside_mandate', 'permitted']))
    }
  })
})

describe('a decision that is not the one on record', () => {
  test.each([
    ['the entry itself', '"grants":["tools.mail/send"]', '"grants":["tools.mail/sent"]'],
    ['one before it', '"roles":', '"rules":'],
  ])('in a record that was altered, at %s, is not judged', async (_, from, to) => {
    const { call, close } = await made()
    const id = await call('mail/send', GOOD)
    await close()
    const path = join(record.log, 'audit-0.jsonl')
    const text = readFileSync(path, 'utf8')
    expect(text).toContain(from)
    writeFileSync(path, text.replace(from, to))
    const { exit, out, err } = await explain(['--decision', id])
    expect([exit, out, err]).toEqual([
      3,
      '',
      expect.stringContaining('the entry does not follow the one before: the record was altered'),
    ])
  })

  /** The record as if the guard had written this instead, with all hashes. */
  function forge(from: string, to: string): void {
    const path = join(record.log, 'audit-0.jsonl')
    rechain(path, (text) => {
      expect(text).toContain(from)
      return text.replace(from, to)
    })
  }

  test.each([[undefined], ['arguments']] as const)(
    'by arguments that its digest does not stand for (capture %s) is not judged, either',
    async (capture) => {
      const { call, close } = await made(capture ? { capture } : {})
      const id = await call('mail/send', GOOD)
      await close()
      const before: string[] = []
      reseal(record.log, (content) => {
        before.push(content)
        return content.replaceAll('"to":"a@acme.example"', '"to":"b@acme.example"')
      })
      expect(before.join('')).toContain('"to":"a@acme.example"')
      const { exit, err } = await explain(['--decision', id])
      expect([exit, err]).toEqual([3, expect.stringContaining('altered, or another key')])
    },
  )

  test('a rule that applied and does not', async () => {
    const { call, close } = await made()
    const id = await call('mail/send', { to: 'b@partner.example', body: 'x'.repeat(300) })
    await close()
    forge('"determining":["acme#no-partner"]', '"determining":["acme#no-such"]')
    const found = await told(id)
    expect(found).toMatchObject({ exit: 1, comparison: 'differs' })
    expect(found.differences).toEqual([
      '`acme#no-partner`: on record it did not apply, and it does',
    ])
  })
})

/** In place of a file: whoever opens it waits for a writer. */
function pipe(path: string): void {
  rmSync(path)
  execFileSync('mkfifo', [path])
}

/** The catalog, and the definitions that it names. */
function catalogOf(log: string): readonly string[] {
  const text = readFileSync(join(log, 'audit-0.jsonl'), 'utf8')
  const name = /"event":"catalog_listed","facts":\{[^}]*"s256":"([0-9a-f]{64})"/.exec(text)?.[1]
  if (name === undefined) throw new Error('no catalog is on record')
  const catalog = readFileSync(join(log, 'objects', name), 'utf8')
  return [name, ...(/"definitions":"([0-9a-f]{64})"/.exec(catalog)?.slice(1) ?? [])]
}

describe('the documents of that time', () => {
  test('count, whatever is in force since', async () => {
    const { call, close, swap } = await made()
    const before = await call('mail/send', { ...GOOD, to: 'b@partner.example' })
    swap({ 'acme.yaml': 'policy: acme\nrules: []\n' })
    const after = await call('mail/send', { ...GOOD, to: 'b@partner.example' })
    await close()
    expect(await told(before)).toMatchObject({ exit: 0, recorded: { reason: 'forbidden' } })
    expect(await told(after)).toMatchObject({ exit: 0, recorded: { reason: 'permitted' } })
  })

  test.each([
    ['missing', (path: string) => rmSync(path), /is not kept beside the log/],
    ['a pipe', pipe, /is no regular file/],
    ['altered', (path: string) => writeFileSync(path, 'policy: x\n'), /was altered/],
  ])('%s: it cannot be made again', async (_, spoil, why) => {
    const { call, close, log } = await made()
    const id = await call('mail/send', GOOD)
    await close()
    const catalog = catalogOf(log)
    for (const name of readdirSync(join(log, 'objects'))) {
      // No decision reads the list of all tools.
      if (catalog.includes(name)) continue
      const path = join(log, 'objects', name)
      const kept = readFileSync(path)
      spoil(path)
      const { exit, err } = await explain(['--decision', id])
      expect([name, exit, err]).toEqual([name, 3, expect.stringMatching(why)])
      rmSync(path, { force: true })
      writeFileSync(path, kept)
    }
    expect((await explain(['--decision', id])).exit).toBe(0)
  })

  test('a pipe in place of the log does not hold it up, either', async () => {
    const { close } = await made()
    await close()
    pipe(join(record.log, 'audit-0.jsonl'))
    const { exit, err } = await explain(['--decision', 'i-1'])
    expect([exit, err]).toEqual([3, expect.stringContaining('is no regular file')])
  })

  test('are the mandate, its role, the policy, its manifest, the definition and the catalog, each once', async () => {
    const { call, close, log } = await made()
    await call('mail/send', GOOD)
    await call('mail/send', GOOD)
    await close()
    expect(catalogOf(log)).toHaveLength(2)
    expect(readdirSync(join(log, 'objects'))).toHaveLength(5 + 2)
  })
})

test('a call that is not on record, or was refused before any rule was asked', async () => {
  const { call, close, clock } = await made()
  await call('mail/send', GOOD)
  clock.setWall('2027-02-01T00:00:00Z')
  await call('mail/send', GOOD)
  await close()
  const { exit, err } = await explain(['--decision', 'i-2'])
  expect([exit, err]).toEqual([
    3,
    expect.stringMatching(/no decision about the call `i-2` is on record/),
  ])
})

test('a call is found by the end of its id, as the log shows it', async () => {
  const { call, close } = await made({ name: '20261124T093000Z-2ca7237f' })
  const id = await call('mail/send', GOOD)
  await close()
  expect(await told('2ca7237f-1')).toMatchObject({ exit: 0, call: id, comparison: 'same' })
})

test('as text: the rules with what they read, the verdict on record and the comparison', async () => {
  const { call, close } = await made()
  const id = await call('mail/send', { ...GOOD, to: 'b@partner.example' })
  await close()
  const { exit, out } = await explain(['--decision', id])
  expect(exit).toBe(0)
  expect(out).toContain(`call ${id}: mail/send by bot in dev at 2026-11-24T10:00:00.000Z`)
  expect(out).toContain('✗ acme#no-partner  it does not forbid the call   ← decides')
  expect(out).toMatch(
    / {4}true {4}when {2}args\.to\.endsWith.*, read args\.to = "b@partner\.example"/,
  )
  expect(out).toContain('~ acme#tainted')
  expect(out).toContain('on record: forbidden, by `acme#no-partner`')
  expect(out).toContain('decided again: the same\n')
  expect(out).toContain('would be permitted if it did not hold that args.to.endsWith')
})

test.each([
  [['--decision', 'i-1', 'mail/send'], /`mail\/send` is given beside/],
  [['--decision', 'i-1', '--args', '{}'], /`--args` is given beside/],
  [['--log', '.'], /no call is named/],
  [['--decision', 'i-1', '--log', '.', '--state-dir', '.'], /both given/],
])('%j is a usage error', async (argv, why) => {
  await made()
  const { exit, err } = await explain(argv)
  await record.close()
  expect([exit, err]).toEqual([2, expect.stringMatching(why)])
})

test('what was taken from budgets is found again, and in the entry', async () => {
  const budgets = `budgets:
  - { id: calls, limit: 9, per: day, timezone: Europe/Berlin, each: session }
  - { id: size, of: [mail/send], amount: size(args.body), limit: 500, per: mandate }
`
  const policy = `${POLICY}budgets: [{ id: mails, limit: 5, per: hour }]\n`
  await made({ mandate: `${MANDATE}${budgets}`, policies: { 'acme.yaml': policy } })
  const call = await record.call('mail/send', GOOD)
  await record.close()
  const found = await told(call)
  expect(found).toMatchObject({ exit: 0, comparison: 'same', differences: [] })
  expect(found.recorded).toMatchObject({
    debits: [
      { budget: 'budgets.calls', amount: 1, limit: 9 },
      { budget: 'budgets.size', amount: GOOD.body.length, limit: 500, scale: 0 },
      { budget: 'acme#mails', key: expect.stringContaining('"agent"') as string, amount: 1 },
    ],
  })
})
