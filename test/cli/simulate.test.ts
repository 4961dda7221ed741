import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { simulateCommand } from '../../src/cli/simulate.ts'
import { instant } from '../../src/model/id.ts'
import { type Files, type KeptOptions, type KeptRecord, keptRecord } from '../fakes/kept-record.ts'
import { fakeIo } from './io.fake.ts'

const MANDATE = `mandate: office
agent: bot
purpose: Answer customers
valid: { until: 2027-01-01T00:00:00Z }
tools:
  mail/send: { effect: send, args: { to: { present: true }, body: { length: 0..20000, optional: true } } }
  mail/read: { effect: read }
  web/fetch: { effect: read }
`
const TOOLS = {
  mail: [
    { name: 'send', inputSchema: { type: 'object' } },
    { name: 'read', inputSchema: { type: 'object' } },
  ],
  web: [{ name: 'fetch', inputSchema: { type: 'object' } }],
}
const NONE = { 'p.yaml': 'policy: p\nrules: []\n' }

function policy(rules: string, more = ''): Files {
  return { 'p.yaml': `policy: p\n${more}rules:\n${rules}` }
}

let record: KeptRecord
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaperone-new-'))
})
afterEach(() => {
  record.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** A record of these calls, under these policies. */
async function recorded(
  calls: readonly (readonly [tool: string, args?: object])[],
  policies: Files | undefined = NONE,
  options: Partial<KeptOptions> = {},
): Promise<void> {
  record = await keptRecord({
    mandate: MANDATE,
    tools: TOOLS,
    ...(policies && { policies }),
    ...options,
  })
  for (const [tool, args] of calls) await record.call(tool, args)
  await record.close()
}

interface Told {
  readonly newly_permitted: number
  readonly newly_denied: number
  readonly newly_held: number
  readonly unchanged: number
  readonly unknown: number
  readonly decisions: number
  readonly refused_before: number
  readonly examples: Readonly<
    Record<
      string,
      readonly {
        readonly call: string
        readonly name: string
        readonly was: string
        readonly was_by: readonly string[]
        readonly would_be: readonly string[]
        readonly by: readonly string[]
        readonly why?: string
      }[]
    >
  >
}

async function run(argv: readonly string[], watched = false) {
  const io = fakeIo({ cwd: folder, env: { CHAPERONE_STATE_DIR: record.state }, watched })
  const command = simulateCommand({
    clock: { now: () => instant(Date.parse('2026-11-24T12:00:00Z')) },
  })
  const row = { name: 'simulate', summary: '', load: () => Promise.resolve(command) }
  const exit = await main(['simulate', ...argv], io, [row])
  return { exit, out: io.out(), err: io.err() }
}

/** The record against these policies. */
async function against(files: Files, argv: readonly string[] = []) {
  const place = join(folder, 'new')
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text)
  const { exit, out, err } = await run(['--policies', 'new', '--json', ...argv])
  if (out === '') throw new Error(err)
  return { exit, ...(JSON.parse(out) as Told) }
}

const A = { to: 'a@acme.example' }
const B = { to: 'b@evil.example' }

describe('what changes', () => {
  test('newly denied, newly held, unchanged; with the rules on both sides', async () => {
    await recorded([['mail/send', A], ['mail/send', B], ['mail/read'], ['mail/send']])
    const found = await against(
      policy(`  - { id: evil, effect: forbid, tools: ["mail/send"], when: 'args.to == "b@evil.example"' }
  - { id: ask, effect: require_approval, tools: ["mail/read"], approval: { from: [lee] } }
`),
    )
    expect(found).toMatchObject({
      exit: 0,
      decisions: 4,
      newly_denied: 1,
      newly_held: 1,
      newly_permitted: 0,
      unknown: 0,
      unchanged: 2,
    })
    expect(found.examples['newly_denied']).toMatchObject([
      {
        call: 'i-2',
        name: 'send',
        was: 'permitted',
        was_by: ['tools.mail/send'],
        would_be: ['forbidden'],
        by: ['p#evil'],
      },
    ])
    expect(found.examples['newly_held']).toMatchObject([{ call: 'i-3', by: ['p#ask'] }])
  })

  test('newly permitted: what a rule forbade, or held, and no rule does any more', async () => {
    await recorded(
      [['mail/send', B], ['mail/read']],
      policy(`  - { id: evil, effect: forbid, when: 'has(args.to) && args.to == "b@evil.example"' }
  - { id: ask, effect: require_approval, tools: ["mail/read"], approval: { from: [lee] } }
`),
    )
    const found = await against(NONE)
    expect(found).toMatchObject({ newly_permitted: 2, unknown: 0 })
    expect(found.examples['newly_permitted']).toMatchObject([
      { was: 'forbidden', was_by: ['p#evil'], would_be: ['permitted'] },
      { was: 'approval_required', was_by: ['p#ask'] },
    ])
  })

  test('a rule in shadow changes nothing', async () => {
    await recorded([['mail/read']])
    expect(await against(policy('  - { id: s, effect: forbid, mode: shadow }\n'))).toMatchObject({
      unchanged: 1,
      decisions: 1,
    })
  })

  test('by a mandate in place of the one with its name', async () => {
    await recorded([['mail/send', A], ['mail/send', B], ['mail/read']])
    const narrow = MANDATE.replace('present: true', 'one_of: [a@acme.example]')
    writeFileSync(join(folder, 'm.yaml'), narrow.replace(/ {2}mail\/read.*\n/, ''))
    const { out } = await run(['--mandate', 'm.yaml', '--json'])
    const found = JSON.parse(out) as Told
    expect(found).toMatchObject({ newly_denied: 2, unchanged: 1, unknown: 0 })
    expect(found.examples['newly_denied']).toMatchObject([
      { call: 'i-2', by: ['tools.mail/send.args.to'] },
      { call: 'i-3', by: ['tools'] },
    ])
    writeFileSync(join(folder, 'm.yaml'), narrow.replace('mandate: office', 'mandate: other'))
    expect(JSON.parse((await run(['--mandate', 'm.yaml', '--json'])).out)).toMatchObject({
      unchanged: 3,
    })
  })
})

describe('unknown', () => {
  const BODY = policy(
    `  - { id: words, effect: forbid, tools: ["mail/send"], when: 'has(args.body) && args.body.contains("secret")' }\n`,
  )
  const LONG = { ...A, body: 'x'.repeat(300) }

  test('is what hangs on a value that is not kept, and names the rule', async () => {
    await recorded([
      ['mail/send', LONG],
      ['mail/send', { ...A, body: 'secret' }],
      ['mail/send', A],
    ])
    const found = await against(BODY)
    expect(found).toMatchObject({ unknown: 1, newly_denied: 1, unchanged: 1 })
    expect(found.examples['unknown']).toMatchObject([
      { call: 'i-1', by: ['p#words'], why: 'it hangs on what is not kept' },
    ])
  })

  test('is not what another rule decides anyway', async () => {
    await recorded([['mail/send', LONG]])
    const both = { ...BODY, 'q.yaml': 'policy: q\nrules: [{ id: all, effect: forbid }]\n' }
    expect(await against(both)).toMatchObject({ unknown: 0, newly_denied: 1 })
  })

  test('is an argument that no rule read then, unless the digest says that there was none', async () => {
    await recorded([['mail/read', { id: 7 }], ['mail/read']])
    const rule = policy(
      `  - { id: seven, effect: forbid, tools: ["mail/read"], when: 'has(args.id) && args.id == 7' }\n`,
    )
    expect(await against(rule)).toMatchObject({ unknown: 1, unchanged: 1 })
  })

  test('fails every --fail-on, and nothing else does where nothing changed', async () => {
    await recorded([['mail/send', LONG], ['mail/read']])
    for (const on of ['newly-permitted', 'newly-denied', 'newly-held', 'changed'])
      expect(await against(BODY, ['--fail-on', on])).toMatchObject({ exit: 1 })
    expect(await against(BODY)).toMatchObject({ exit: 0 })
    expect(await against(NONE, ['--fail-on', 'changed'])).toMatchObject({ exit: 0 })
    const forbid = policy('  - { id: all, effect: forbid }\n')
    expect(await against(forbid, ['--fail-on', 'newly-permitted'])).toMatchObject({ exit: 0 })
    expect(await against(forbid, ['--fail-on', 'newly-denied'])).toMatchObject({ exit: 1 })
    expect(await against(forbid, ['--fail-on', 'changed'])).toMatchObject({ exit: 1 })
  })

  test('is what an engine would have to be asked about, and no more', async () => {
    await recorded([['mail/send', A], ['mail/read']])
    const engines =
      'engines: [{ id: cerbos, type: authzen, url: "http://127.0.0.1:1", effects: [send] }]\n'
    const found = await against({ ...NONE, 'engines.yaml': engines })
    expect(found).toMatchObject({ unknown: 1, unchanged: 1 })
    expect(found.examples['unknown']).toMatchObject([{ call: 'i-1', by: ['engine:cerbos'] }])
    const forbid = policy('  - { id: all, effect: forbid }\n')
    expect(await against({ ...forbid, 'engines.yaml': engines })).toMatchObject({ newly_denied: 2 })
  })

  test('is nothing under the very revision of the record, nor what an unchanged rule said', async () => {
    await recorded(
      [
        ['mail/send', LONG],
        ['mail/send', { ...LONG, body: `secret${LONG.body}` }],
      ],
      BODY,
    )
    expect(await against(BODY, ['--fail-on', 'changed'])).toMatchObject({
      exit: 0,
      unknown: 0,
      unchanged: 2,
    })
    const more = {
      ...BODY,
      'q.yaml': 'policy: q\nrules: [{ id: r, effect: forbid, tools: [mail/read] }]\n',
    }
    expect(await against(more)).toMatchObject({ unknown: 0, unchanged: 2 })
    const text = BODY['p.yaml']?.replace('"secret"', '"other"') ?? ''
    expect(await against({ 'p.yaml': text })).toMatchObject({ unknown: 2 })
    const sets = { ...BODY, 'q.yaml': 'policy: q\nsets: { partners: [a.example] }\nrules: []\n' }
    expect(await against(sets)).toMatchObject({ unknown: 2 })
  })

  test('is a call whose definition is not kept', async () => {
    await recorded([['mail/read']])
    const { definition } = entryOf('intent').request
    rmSync(join(record.log, 'objects', definition))
    const found = await against(NONE)
    expect(found).toMatchObject({ unknown: 1 })
    expect(found.examples['unknown']?.[0]?.why).toMatch(/definition of `mail\/read` is not kept/)
  })
})

function entryOf(type: string): { readonly request: { readonly definition: string } } {
  const lines = readFileSync(join(record.log, 'audit-0.jsonl'), 'utf8').split('\n')
  const found = lines.find((line) => line.includes(`"type":"${type}"`)) ?? '{}'
  return JSON.parse(found) as ReturnType<typeof entryOf>
}

describe('the task', () => {
  const FLOW = `  - { id: flow, effect: forbid, effects: [send], labels: [untrusted] }\n`
  const LABELS = 'labels: [{ tools: ["web/*"], add: [untrusted] }]\n'
  const STORY = [['mail/send', A], ['web/fetch'], ['mail/send', A]] as const

  test('has the labels that the policies to try leave', async () => {
    await recorded(STORY)
    const found = await against(policy(FLOW, LABELS))
    expect(found).toMatchObject({ newly_denied: 1, unchanged: 2 })
    expect(found.examples['newly_denied']).toMatchObject([{ call: 'i-3', by: ['p#flow'] }])
  })

  test('has none that only the policies of then leave', async () => {
    await recorded(STORY, policy(FLOW, LABELS))
    expect(await against(policy(FLOW))).toMatchObject({ newly_permitted: 1, unchanged: 2 })
  })

  test('keeps a label that no call on record explains', async () => {
    await recorded(STORY, NONE, {
      // As an upstream leaves it by what it says by itself.
      guard: {},
    })
    const path = join(record.log, 'audit-0.jsonl')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('"labels":[]', '"labels":["untrusted"]'))
    const other = policy(FLOW, 'labels: [{ tools: ["mail/none"], add: [untrusted] }]\n')
    expect(await against(other)).toMatchObject({ newly_denied: 1, unchanged: 2 })
    expect(await against(policy(FLOW))).toMatchObject({ unchanged: 3 })
  })

  test('counts the calls that were let out', async () => {
    await recorded([['mail/send', A], ['mail/send', A], ['mail/send'], ['mail/send', A]])
    const found = await against(
      policy(
        `  - { id: few, effect: require_approval, tools: ["mail/send"], when: 'session.calls("mail/send", "1h") >= 2', approval: { from: [lee] } }\n`,
      ),
    )
    expect(found).toMatchObject({ newly_held: 1, unchanged: 3, unknown: 0 })
    expect(found.examples['newly_held']).toMatchObject([{ call: 'i-4' }])
  })

  test('is not known where the beginning of its log is not there', async () => {
    await recorded([
      ['mail/send', A],
      ['mail/send', A],
    ])
    const path = join(record.log, 'audit-0.jsonl')
    const lines = readFileSync(path, 'utf8').split('\n')
    writeFileSync(path, lines.slice(1).join('\n'))
    const few = policy(
      `  - { id: few, effect: forbid, tools: ["mail/send"], when: 'session.calls("mail/send", "1h") >= 1' }\n`,
    )
    const found = await against(few)
    expect(found).toMatchObject({ unknown: 2 })
  })

  test('knows with which values it called what, as far as they are kept', async () => {
    await recorded([
      ['mail/send', A],
      ['mail/send', A],
      ['mail/send', { to: 'x'.repeat(300) }],
      ['mail/send', B],
      ['mail/send', A],
    ])
    const again = policy(
      `  - { id: again, effect: forbid, tools: ["mail/send"], when: 'session.calledWith("mail/send", "to", args.to)' }\n`,
    )
    expect(await against(again)).toMatchObject({ newly_denied: 2, unknown: 2, unchanged: 1 })
  })
})

describe('the record', () => {
  test('of several logs, by agent and since when', async () => {
    await recorded([['mail/read']])
    const first = record
    const other = await keptRecord({
      mandate: MANDATE.replace('agent: bot', 'agent: robot'),
      tools: TOOLS,
      beside: first,
      name: 'j',
    })
    await other.call('mail/read')
    await other.close()
    const forbid = policy('  - { id: all, effect: forbid }\n')
    expect(await against(forbid)).toMatchObject({ newly_denied: 2 })
    expect(await against(forbid, ['--agent', 'robot'])).toMatchObject({ newly_denied: 1 })
    expect(await against(forbid, ['--since', '1h'])).toMatchObject({ decisions: 0 })
    expect(await against(forbid, ['--since', '2h'])).toMatchObject({ decisions: 2 })
    expect(await against(forbid, ['--log', first.log])).toMatchObject({ decisions: 1 })
    expect((await against(forbid, ['--examples', '1'])).examples['newly_denied']).toHaveLength(1)
  })

  test('without policies then, with the mandate of then', async () => {
    record = await keptRecord({ mandate: MANDATE, tools: TOOLS })
    await record.call('mail/send', B)
    await record.close()
    expect(
      await against(
        policy('  - { id: evil, effect: forbid, when: \'args.to.startsWith("b")\' }\n'),
      ),
    ).toMatchObject({ newly_denied: 1 })
  })

  test('that was altered is told, by its chain or by the digest of arguments', async () => {
    await recorded(
      [['mail/send', A], ['mail/read']],
      policy(
        `  - { id: evil, effect: forbid, tools: ["mail/send"], when: 'args.to == "b@evil.example"' }\n`,
      ),
    )
    const path = join(record.log, 'audit-0.jsonl')
    const text = readFileSync(path, 'utf8')
    const forged = text.replace('"name":"send"', '"name":"read"')
    expect(forged).not.toBe(text)
    writeFileSync(path, forged)
    mkdirSync(join(folder, 'other'))
    writeFileSync(join(folder, 'other', 'p.yaml'), 'policy: p\nrules: []\n')
    const damaged = await run(['--policies', 'other'])
    expect([damaged.exit, damaged.err]).toEqual([3, expect.stringContaining('was altered')])
  })

  test('of which nothing could be tried is no all-clear', async () => {
    await recorded([['mail/read']])
    rmSync(join(record.log, 'objects'), { recursive: true })
    expect(await against(NONE)).toMatchObject({ exit: 3, unknown: 1 })
  })

  test('that is damaged is not taken for the whole', async () => {
    await recorded([['mail/read']])
    appendFileSync(join(record.log, 'audit-0.jsonl'), 'no entry\n')
    const { exit, decisions } = await against(NONE)
    expect([exit, decisions]).toEqual([3, 1])
  })

  test('what was refused before any rule was asked is counted apart', async () => {
    await recorded([['mail/nothing'], ['mail/read']])
    expect(await against(NONE)).toMatchObject({ decisions: 1, refused_before: 1 })
  })
})

test('as text: counts, then examples', async () => {
  await recorded([['mail/send', A], ['mail/read']])
  mkdirSync(join(folder, 'new'))
  writeFileSync(
    join(folder, 'new', 'p.yaml'),
    policy('  - { id: sends, effect: forbid, effects: [send] }\n')['p.yaml'] ?? '',
  )
  const { out, exit } = await run(['--policies', 'new'])
  expect(exit).toBe(0)
  expect(out).toMatch(/^2 decisions on record under policies [0-9a-f]{64}\n/)
  expect(out.split('\n').slice(1, 11)).toEqual([
    '  0  newly permitted',
    '  1  newly denied',
    '  0  newly held for an approval',
    '  0  unknown',
    '  1  unchanged (1 permitted, 0 denied, 0 held)',
    '',
    'newly denied',
    '  2026-11-24T10:00:00.000Z  i-1  mail/send by bot',
    '    was permitted by `tools.mail/send`',
    '    would be denied (forbidden) by `p#sends`',
  ])
})

test.each([
  [[], /nothing is to be tried/],
  [['--policies', 'new', '--fail-on', 'x'], /`--fail-on x` is none of/],
  [['--policies', 'new', '--examples', '-1'], /needs a value|no count/],
  [['--policies', 'new', '--since', 'soon'], /is no time/],
])('%j is a usage error', async (argv, why) => {
  await recorded([])
  const { exit, err } = await run(argv)
  expect([exit, err]).toEqual([2, expect.stringMatching(why)])
})

test('policies that do not load are refused, with what is wrong', async () => {
  await recorded([])
  mkdirSync(join(folder, 'new'))
  writeFileSync(join(folder, 'new', 'p.yaml'), 'policy: p\nrulez: []\n')
  const { exit, err } = await run(['--policies', 'new'])
  expect([exit, err]).toEqual([1, expect.stringMatching(/p\.yaml:2:1.*rulez/)])
})

test('a tool that was hidden and would be shown is told, and fails whatever it is asked to', async () => {
  const hiding = policy('  - { id: no-mail, effect: forbid, tools: [mail/send] }\n')
  await recorded([['mail/send', A], ['mail/nothing']], hiding)
  expect(record.called()).toEqual([])
  const fail = ['--fail-on', 'newly-permitted']
  expect(await against(NONE, fail)).toMatchObject({
    exit: 1,
    refused_before: 2,
    shown_now: 1,
    newly_permitted: 0,
  })
  expect(await against(hiding, fail)).toMatchObject({ exit: 0, refused_before: 2, shown_now: 0 })
})

describe('budgets of the revision', () => {
  const budget = (row: string): Files => ({ 'p.yaml': `policy: p\nbudgets: [${row}]\n` })

  test('are counted over the record, in its order', async () => {
    await recorded([['mail/send', A], ['mail/send', B], ['mail/read'], ['mail/send', A]])
    const found = await against(budget('{ id: mails, of: [mail/send], limit: 2, per: mandate }'))
    expect(found).toMatchObject({ newly_denied: 1, unchanged: 3, unknown: 0 })
    expect(found.examples['newly_denied']).toMatchObject([
      { call: 'i-4', would_be: ['budget_exhausted'], by: ['p#mails'] },
    ])
    const enough = await against(budget('{ id: mails, of: [mail/send], limit: 3, per: mandate }'))
    expect(enough).toMatchObject({ newly_denied: 0, unchanged: 4 })
    const shadow = budget('{ id: mails, limit: 1, per: mandate, mode: shadow }')
    expect(await against(shadow)).toMatchObject({ newly_denied: 0, unchanged: 4 })
  })

  test('begin anew with their windows', async () => {
    record = await keptRecord({ mandate: MANDATE, tools: TOOLS, policies: NONE })
    for (let calls = 0; calls < 3; calls += 1) {
      await record.call('mail/send', A)
      record.clock.advance(60_000)
    }
    await record.close()
    const tight = budget('{ id: mails, limit: 1, per: minute }')
    expect(await against(tight)).toMatchObject({ newly_denied: 0, unchanged: 3 })
    const wide = budget('{ id: mails, limit: 1, per: mandate }')
    expect(await against(wide)).toMatchObject({ newly_denied: 2, unchanged: 1 })
  })

  test('an amount that is not kept leaves it open', async () => {
    await recorded([
      ['mail/read', { count: 5 }],
      ['mail/read', { count: 6 }],
    ])
    const counts = budget('{ id: counts, of: [mail/read], amount: args.count, limit: 1, per: day }')
    expect(await against(counts)).toMatchObject({ unknown: 2, newly_denied: 0 })
  })
})
