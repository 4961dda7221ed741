import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { auditExplainCommand } from '../../src/cli/audit-explain.ts'
import { main } from '../../src/cli/main.ts'
import { instant } from '../../src/model/id.ts'
import { type KeptOptions, type KeptRecord, keptRecord } from '../fakes/kept-record.ts'
import { rechain } from '../fakes/rechain.ts'
import { fakeIo } from './io.fake.ts'

const MANDATE = `mandate: office
agent: bot
purpose: { text: Answer customers, ref: DESK-7 }
owner: dana@acme.example
approved: { by: [lee@acme.example], at: 2026-11-20T09:00:00Z }
valid: { from: 2026-11-20T09:00:00Z, until: 2026-12-24T00:00:00Z }
roles: [reader]
tools:
  mail/send:
    effect: send
    data: [internal]
    args: { to: { email: { domain: [acme.example, partner.example] } } }
    when: within(now, "Mon-Fri 08:00-18:00", "UTC")
    approval: { when: args.to == "boss@acme.example", from: [lee@acme.example], expires: 15m }
    limit: 20 per hour
never: [mail/delete_*]
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
  - id: calm
    effect: forbid
    effects: [send]
    risk: [high]
`
const TOOLS = {
  mail: [
    { name: 'send', inputSchema: { type: 'object', properties: { to: { type: 'string' } } } },
    { name: 'search_inbox', inputSchema: { type: 'object' } },
    { name: 'delete_all', inputSchema: { type: 'object' } },
    { name: 'archive', inputSchema: { type: 'object' } },
  ],
}
const GOOD = { to: 'a@acme.example' }

let record: KeptRecord
let copy: string | undefined
afterEach(() => {
  record.remove()
  if (copy !== undefined) rmSync(copy, { recursive: true, force: true })
  copy = undefined
})

async function made(options: Partial<KeptOptions> = {}): Promise<KeptRecord> {
  record = await keptRecord({
    mandate: MANDATE,
    roles: { reader: ROLE },
    policies: { 'acme.yaml': POLICY },
    tools: TOOLS,
    ...options,
  })
  await record.note('guard_started', { version: '0.5.0', node: '24.0.0', environment: 'dev' })
  await record.guard.ask('tools/list')
  // What a guard says when it ends is said later.
  const close = async (): Promise<void> => {
    later(3_600_000)
    await record.close()
  }
  return { ...record, close }
}

/** Wall time alone: nothing that falls due in between is of interest. */
function later(ms: number): void {
  record.clock.setWall(new Date(record.clock.now() + ms).toISOString())
}

/** Asks a copy of the log's folder, somewhere else: nothing else of the guard is there any more. */
async function ask(
  argv: readonly string[],
  now = '2027-03-01T10:00:00Z',
  standing?: { readonly text: string; readonly good: boolean },
) {
  copy ??= mkdtempSync(join(tmpdir(), 'chaperone-moment-'))
  const log = join(copy, 'evidence')
  cpSync(record.log, log, { recursive: true })
  const io = fakeIo({ cwd: copy, env: { HOME: copy } })
  const command = auditExplainCommand({
    clock: { now: () => instant(Date.parse(now)) },
    provenance: () => Promise.resolve(standing),
  })
  const row = { name: 'explain', summary: '', load: () => Promise.resolve(command) }
  const exit = await main(['explain', '--log', 'evidence', ...argv], io, [row])
  return { exit, out: io.out(), err: io.err() }
}

interface Moment {
  readonly entry: { readonly seq: number }
  readonly mandate: {
    readonly s256: string
    readonly signed: boolean
    readonly approved: { readonly by: readonly string[]; readonly at: string }
    readonly valid: { readonly atThatMoment: string }
  }
  readonly risk: { readonly posture: string }
  readonly task?: { readonly labels: readonly string[] }
  readonly policies?: { readonly s256: string }
  readonly restrictions: readonly unknown[]
  readonly refused: readonly { readonly reason: string }[]
  readonly allowed: readonly {
    readonly name: string
    readonly listed: boolean
    readonly hidden?: string
    readonly effects: readonly string[]
    readonly outcomes: readonly string[]
    readonly conjuncts: readonly { readonly rule: string; readonly result: string }[]
  }[]
  readonly budgets: readonly {
    readonly budget: string
    readonly used: string
    readonly left: string
  }[]
  readonly inFlight: readonly { readonly call: string }[]
}

async function moment(at: string, ...more: readonly string[]): Promise<Moment> {
  const { out, err } = await ask(['--at', at, '--agent', 'bot', '--json', ...more])
  const { moments } = JSON.parse(out === '' ? 'null' : out) as { moments: readonly Moment[] }
  const [one] = moments
  if (!one || moments.length > 1) throw new Error(`${moments.length} moments: ${err}`)
  return one
}

const day = (text: string): string => `2026-11-24T${text}Z`

describe('what it was allowed to do', () => {
  test('is every tool of then, called or not, with what was asked of a call', async () => {
    const { close } = await made()
    await close()
    const { exit, out } = await ask(['--at', day('10:00:00'), '--agent', 'bot', '--all'])
    expect(exit).toBe(0)
    expect(out).toContain('agent bot under mandate office at 2026-11-24T10:00:00.000Z')
    expect(out).toMatch(/approved +by lee@acme\.example at 2026-11-20T09:00:00\.000Z/)
    expect(out).toContain('not signed: the file says so, and nobody can prove that it was approved')
    expect(out).toMatch(/owner +dana@acme\.example/)
    expect(out).toMatch(/purpose +Answer customers \(DESK-7\)/)
    expect(out).toContain('until 2026-12-24T00:00:00.000Z: valid at that moment')
    expect(out).toContain('chaperone 0.5.0 on Node 24.0.0')
    expect(out).toContain('mail/send  send, data internal\n')
    expect(out).toContain('· to is the e-mail address at one of `acme.example`')
    expect(out).not.toContain('not kept')
    expect(out).toMatch(/✓ within\(now, .*: so at that moment/)
    expect(out).toContain('a human approves the call where args.to == "boss@acme.example"')
    expect(out).toMatch(/· acme#no-partner {2}forbids a call where\n +when args\.to\.endsWith/)
    expect(out).not.toContain('acme#calm')
    expect(out).toContain('mail/search_inbox  read\n    ✓ its calls leave the label untrusted\n')
    expect(out).toContain('mail/delete_all  `never` names it (`mail/delete_*`)')
    expect(out).toContain('mail/archive  no grant names it')
    expect(out).toContain('in flight: no call')
  })

  test('hangs on the hour', async () => {
    const { close, call } = await made()
    later(12 * 3_600_000)
    await call('mail/search_inbox')
    await close()
    const [send] = (await moment(day('22:00:00'), '--tool', 'mail/send')).allowed
    expect(send).toMatchObject({ name: 'send', listed: true, outcomes: ['outside_mandate'] })
    const [then] = (await moment(day('10:00:00'), '--tool', 'mail/send')).allowed
    expect(then?.outcomes).toContain('permitted')
  })

  test('is nothing before its mandate is valid, after it, and where no guard ran', async () => {
    const { close, clock, call } = await made()
    clock.setWall('2026-12-25T10:00:00Z')
    await call('mail/search_inbox')
    expect((await moment('2026-12-25T10:00:00Z')).refused).toMatchObject([
      { reason: 'mandate_expired' },
    ])
    await close()
    const { exit, out } = await ask(['--at', '2026-12-26T10:00:00Z', '--agent', 'bot'])
    expect([exit, out]).toEqual([0, expect.stringContaining('it was allowed nothing')])
  })

  test('follows the policies of the moment, and not later ones', async () => {
    const { close, swap, note, call } = await made()
    await call('mail/search_inbox')
    later(3_600_000)
    swap({
      'acme.yaml': 'policy: acme\nrules: [{ id: stop, effect: forbid, tools: ["mail/send"] }]\n',
    })
    await call('mail/search_inbox')
    await note('risk_changed', { risk: 'high', why: 'an alarm' })
    await close()
    const names = (one: Moment): readonly string[] => one.allowed.map(({ name }) => name)
    const [before, after] = [await moment(day('10:30:00')), await moment(day('11:00:00'))]
    expect(names(before)).toEqual(['send', 'search_inbox'])
    expect(names(after)).toEqual(['search_inbox'])
    expect([before.policies?.s256, before.risk.posture, after.risk.posture]).toEqual([
      expect.not.stringMatching(after.policies?.s256 ?? ''),
      'normal',
      'high',
    ])
  })
})

describe('what state it was in', () => {
  test('labels are those that calls left by then', async () => {
    const { close, call } = await made()
    later(60_000)
    await call('mail/search_inbox')
    await close()
    expect((await moment(day('10:00:30'))).task).toBeUndefined()
    expect((await moment(day('10:01:00'))).task?.labels).toEqual(['untrusted'])
  })

  test.each([
    [{ kind: 'mandate', name: 'office' }, 'revoked', ['mandate_revoked'], undefined],
    [{ kind: 'everything' }, 'suspended', ['mandate_suspended'], undefined],
    [
      { kind: 'tool', server: 'mail', name: 'send' },
      'revoked',
      [],
      'revoked by operator ann: leak',
    ],
    [{ kind: 'upstream', name: 'mail' }, 'suspended', [], 'suspended by operator ann: leak'],
    [{ kind: 'agent', name: 'another' }, 'revoked', [], undefined],
  ])('%j %s counts from then on until it is lifted', async (target, kind, reasons, why) => {
    const { close, note } = await made()
    later(60_000)
    await note('restricted', { id: 1, kind, target, by: 'operator ann', why: 'leak' })
    later(60_000)
    await note('lifted', { id: 1, target, by: 'operator ann', why: 'over' })
    await close()
    const during = await moment(day('10:01:00'), '--all', '--tool', 'mail/send')
    expect(during.refused.map(({ reason }) => reason)).toEqual(reasons)
    expect(during.allowed[0]?.hidden).toBe(why)
    const outcomes = reasons.length > 0 ? during.allowed[0]?.outcomes : []
    expect(outcomes).toEqual(reasons)
    for (const at of [day('10:00:59'), day('10:02:00')]) {
      const free = await moment(at, '--tool', 'mail/send')
      expect([free.refused, free.restrictions, free.allowed[0]?.listed]).toEqual([[], [], true])
    }
  })

  test('what stands in the place of another is not lifted with it', async () => {
    const { close, note } = await made()
    const target = { kind: 'everything' }
    const said = { target, by: 'operator ann', why: 'leak' }
    await note('restricted', { ...said, id: 1, kind: 'suspended' })
    await note('restricted', { ...said, id: 2, kind: 'revoked' })
    await note('lifted', { ...said, id: 1, kind: 'suspended', how: 'replaced' })
    await close()
    expect((await moment(day('10:00:30'))).restrictions).toMatchObject([{ id: 2 }])
  })

  test('a suspension that ends by itself does', async () => {
    const { close, note } = await made()
    const target = { kind: 'everything' }
    const until = Date.parse(day('10:05:00'))
    await note('restricted', { id: 1, kind: 'suspended', target, by: 'x', why: 'y', until })
    await close()
    expect((await moment(day('10:04:59'))).refused).toHaveLength(1)
    expect((await moment(day('10:05:00'))).refused).toHaveLength(0)
  })

  test('budgets are what the latest call left of them, and begin anew', async () => {
    const { close, call } = await made()
    later(60_000)
    await call('mail/send', GOOD)
    await close()
    // As it is written by a guard that counts.
    const [budget, key] = ['tools.mail/send.limit', '["mandate","office","tools.mail/send.limit"]']
    const hour = { from: day('10:00:00'), until: day('11:00:00') }
    const counted = JSON.stringify([{ budget, key, used: 1, limit: 20, ...hour }])
    rewrite((text) =>
      text.includes('"type":"intent"') && !text.includes('"budgets":')
        ? text.replace('{', `{"budgets":${counted},`)
        : text,
    )
    const left = async (at: string) => (await moment(at)).budgets
    expect(await left(day('10:00:30'))).toMatchObject([{ budget, used: '0', left: '20' }])
    expect(await left(day('10:30:00'))).toMatchObject([{ budget, used: '1', left: '19' }])
    expect(await left(day('11:00:30'))).toMatchObject([{ budget, used: '0', left: '20' }])
    const { out } = await ask(['--at', day('10:30:00'), '--agent', 'bot'])
    expect(out).toContain('1 of 20 calls used, 19 left, anew at 2026-11-24T11:00:00.000Z')
    expect(out).toContain('· it takes 1 of 20 calls an hour')
  })

  test('a call without an outcome was in flight', async () => {
    const { close, call } = await made()
    const id = await call('mail/send', GOOD)
    await close()
    const path = join(record.log, 'audit-0.jsonl')
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const intent = lines.findIndex((line) => line.includes('"type":"intent"'))
    writeFileSync(path, `${lines.slice(0, intent + 1).join('\n')}\n`)
    expect((await moment(day('10:00:00'))).inFlight).toMatchObject([{ call: id }])
  })
})

/** The record as if the guard had written this instead, with all hashes. */
function rewrite(change: (text: string) => string): void {
  rechain(join(record.log, 'audit-0.jsonl'), (text) => text.split('\n').map(change).join('\n'))
}

/** Another reason in the refusal of this number. */
function alter(path: string, number: number): void {
  let count = 0
  const text = readFileSync(path, 'utf8').replaceAll('"stage":"decide"', (found) => {
    count += 1
    return count === number ? '"stage":"commit"' : found
  })
  expect(count).toBeGreaterThanOrEqual(number)
  writeFileSync(path, text)
}

describe('a record that is damaged', () => {
  test.each([
    ['before the moment', '"purpose":"Answer customers"', '"purpose":"Answer nobody"'],
    ['in what is no entry any more', '"event":"guard_started"', '"event":"guard_started'],
  ])('%s is said loudly, and is no good answer', async (_, from, to) => {
    const { close, call } = await made()
    await call('mail/send', GOOD)
    await close()
    const path = join(record.log, 'audit-0.jsonl')
    const text = readFileSync(path, 'utf8')
    expect(text).toContain(from)
    writeFileSync(path, text.replace(from, to))
    const { exit, out } = await ask(['--at', day('10:00:00'), '--agent', 'bot'])
    expect([exit, out]).toEqual([1, expect.stringContaining('THE RECORD IS DAMAGED')])
    const decision = await ask(['--decision', 'i-1'])
    expect([decision.exit, decision.out]).toEqual([
      1,
      expect.stringContaining('THE RECORD IS DAMAGED'),
    ])
  })

  test('in its last entry before the moment, which only the next one shows', async () => {
    const { close, call } = await made()
    await call('mail/send', { ...GOOD, to: 'c@evil.example' })
    later(3_600_000)
    await call('mail/search_inbox')
    await close()
    const path = join(record.log, 'audit-0.jsonl')
    alter(path, 1)
    const { exit, out } = await ask(['--at', day('10:00:00'), '--agent', 'bot'])
    expect([exit, out]).toEqual([1, expect.stringContaining('THE RECORD IS DAMAGED')])
  })

  test('after the moment is not looked at', async () => {
    const { close, call } = await made()
    for (let turn = 0; turn < 3; turn += 1) {
      later(3_600_000)
      await call('mail/send', { to: `c${turn}@evil.example` })
    }
    await close()
    const path = join(record.log, 'audit-0.jsonl')
    alter(path, 2)
    expect((await ask(['--at', day('11:30:00'), '--agent', 'bot'])).exit).toBe(0)
    expect((await ask(['--at', day('12:30:00'), '--agent', 'bot'])).exit).toBe(1)
  })

  test('that says another approver than the mandate beside it contradicts itself', async () => {
    const { close } = await made()
    await close()
    rewrite((text) =>
      text.replace('"approved_by":["lee@acme.example"]', '"approved_by":["eve@acme.example"]'),
    )
    const { exit, out } = await ask(['--at', day('10:00:00'), '--agent', 'bot'])
    expect([exit, out]).toEqual([1, expect.stringContaining('contradicts itself: `approved_by`')])
  })

  test('where a document is gone cannot be answered in full, and says so', async () => {
    const { close } = await made()
    await close()
    rmSync(join(record.log, 'objects'), { recursive: true })
    const { exit, out } = await ask(['--at', day('10:00:00'), '--agent', 'bot'])
    expect([exit, out]).toEqual([
      3,
      expect.stringContaining('not known: the mandate is not kept beside the log'),
    ])
  })
})

describe('a decision', () => {
  test('of last week: the moment, the rules, the same again, what became of it', async () => {
    const { close, call, swap } = await made()
    const id = await call('mail/send', GOOD)
    later(60_000)
    swap({
      'acme.yaml': 'policy: acme\nrules: [{ id: stop, effect: forbid, tools: ["mail/send"] }]\n',
    })
    await call('mail/send', GOOD)
    await close()
    const { exit, out } = await ask(['--decision', id], '2026-12-01T10:00:00Z')
    expect(exit).toBe(0)
    expect(out).toContain('agent bot under mandate office at 2026-11-24T10:00:00.000Z')
    expect(out).toContain('mail/send  send, data internal\n')
    expect(out).not.toContain('mail/search_inbox')
    expect(out).toContain('on record: permitted, by `tools.mail/send`')
    expect(out).toContain('decided again: the same\n')
    expect(out).toContain('outcome: forwarded, complete at')
    const ago = await ask(['--at', '7d', '--agent', 'bot'], '2026-12-01T10:00:00Z')
    expect(ago.out).toContain('agent bot under mandate office at 2026-11-24T10:00:00.000Z')
  })

  test('that was erased says so, and what is provable still', async () => {
    const { close, call, note } = await made()
    const id = await call('mail/send', GOOD)
    await note('record_erased', { call: id, by: 'operator ann', why: 'asked to' })
    await close()
    const { exit, out } = await ask(['--decision', id])
    expect(exit).toBe(0)
    expect(out).toMatch(/erased: its content, at .* by operator ann: asked to \(entry \d+ of i\)/)
    expect(out).toContain('still provable: that the entry stands in the log')
  })

  test('as JSON has all of it', async () => {
    const { close, call } = await made()
    const id = await call('mail/send', { to: 'b@partner.example' })
    await close()
    const { exit, out } = await ask(['--decision', id, '--json'])
    expect(exit).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      damage: [],
      moment: { agent: { name: 'bot' }, allowed: [{ name: 'send', effects: ['send'] }] },
      decision: { comparison: 'same', recorded: { reason: 'forbidden' } },
    })
  })
})

test.each([
  [['--agent', 'bot'], /no moment is named/],
  [['--at', '2026-11-24T10:00:00Z'], /no moment is named/],
  [['--at', 'yesterday', '--agent', 'bot'], /is no time/],
  [['--decision', 'i-1', '--agent', 'bot'], /`--agent` is given beside `--decision`/],
  [['--decision', ''], /no call is named/],
])('%j is a usage error', async (argv, why) => {
  await made()
  await record.close()
  const { exit, err } = await ask(argv)
  expect([exit, err]).toEqual([2, expect.stringMatching(why)])
})

test('an agent, or a call, that nobody ever heard of is no answer', async () => {
  await made()
  await record.close()
  const agent = await ask(['--at', day('10:00:00'), '--agent', 'bott'])
  expect([agent.exit, agent.err]).toEqual([3, expect.stringContaining('did you mean `bot`?')])
  const call = await ask(['--decision', 'i-9'])
  expect([call.exit, call.err]).toEqual([3, expect.stringContaining('no decision about the call')])
})

test('a moment is compared with what is signed, and says where it cannot be', async () => {
  await made()
  const at = record.clock.now()
  await record.close()
  const argv = ['--at', new Date(at).toISOString(), '--agent', 'bot']
  const keyless = await ask(argv)
  expect([keyless.exit, keyless.out]).toEqual([
    0,
    expect.stringContaining('not proven: no public key lies beside the log (give --key)') as string,
  ])
  const altered = await ask(argv, undefined, { text: 'not what was signed', good: false })
  expect([altered.exit, altered.out]).toEqual([
    1,
    expect.stringMatching(/^THE RECORD IS DAMAGED.*\n {2}not what was signed/) as string,
  ])
})

test('a moment that is yet to come is none', async () => {
  await made()
  const argv = ['--at', '2026-12-02T10:00:00Z', '--agent', 'bot']
  const { exit, err } = await ask(argv, '2026-12-01T10:00:00Z')
  expect([exit, err]).toEqual([2, expect.stringContaining('yet to come') as string])
})
