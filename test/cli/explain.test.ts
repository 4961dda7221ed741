import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { explainCommand } from '../../src/cli/explain.ts'
import { main } from '../../src/cli/main.ts'
import { writeRisk } from '../../src/config/risk-file.ts'
import {
  type Desk,
  desk,
  fakeProbe,
  MANDATE,
  NOON,
  OFFERED,
  tool,
  UPSTREAMS,
  type Offering,
} from './desk.fake.ts'

let here: Desk
beforeEach(() => {
  here = desk()
  here.write('m.yaml', MANDATE.replace(/\n +approval: .*/, ''))
  here.write('mcp.json', UPSTREAMS)
})
afterEach(() => here.remove())

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly started: readonly string[]
}

async function explain(argv: readonly string[], offered: Offering = OFFERED): Promise<Ran> {
  const { probe, started } = fakeProbe(offered)
  const command = explainCommand({
    probe: () => Promise.resolve(probe),
    clock: { now: () => NOON },
  })
  const row = { name: 'explain', summary: '', load: () => Promise.resolve(command) }
  const before = here.io.out().length
  const code = await main(['explain', '--mandate', 'm.yaml', ...argv], here.io, [row])
  return { code, out: here.io.out().slice(before), err: here.io.err(), started }
}

interface Told {
  readonly permitted: boolean
  readonly reason: string
  readonly verdict: string
  readonly nearestMiss?: string
  readonly remedy?: string
  readonly listed: boolean
  readonly conjuncts: readonly {
    readonly rule: string
    readonly expected: string
    readonly read?: string
    readonly result: string
    readonly decides: boolean
  }[]
  readonly skipped: readonly string[]
  readonly call: Record<string, unknown>
}

async function told(argv: readonly string[], offered?: Offering): Promise<Ran & { told: Told }> {
  const ran = await explain([...argv, '--json'], offered)
  if (ran.out === '') throw new Error(ran.err)
  return { ...ran, told: JSON.parse(ran.out) as Told }
}

const call = (args: object): readonly string[] => [
  'vendors/approve',
  '--args',
  JSON.stringify(args),
]
const good = { vendor_class: 'B', amount: 4000 }

test('a permitted call: every conjunct holds, and the upstream that is meant was asked, no other', async () => {
  const { code, told: said, started } = await told(call(good))
  expect(code).toBe(0)
  expect(said).toMatchObject({ permitted: true, reason: 'permitted', listed: true, skipped: [] })
  expect(said.conjuncts.map(({ result }) => result)).toEqual(said.conjuncts.map(() => 'holds'))
  expect(said.conjuncts.map(({ rule }) => rule)).toEqual([
    'agent',
    'environment',
    'valid.from',
    'valid.until',
    'tools/list',
    'never',
    'tools',
    'tools.vendors/approve.args',
    'tools.vendors/approve.args.vendor_class',
    'tools.vendors/approve.args.amount',
  ])
  expect(started).toEqual(['vendors'])
})

test('a denied call: the conjunct that decides, the value it read and the nearest miss', async () => {
  const { code, told: said } = await told(call({ ...good, amount: 7000 }))
  expect(code).toBe(1)
  expect(said).toMatchObject({ permitted: false, reason: 'outside_mandate' })
  expect(said.conjuncts.filter(({ decides }) => decides)).toMatchObject([
    { rule: 'tools.vendors/approve.args.amount', read: '7000', result: 'fails' },
  ])
  expect(said.nearestMiss).toMatch(/^would be permitted if .*amount.*5000/)
})

test('all that fails is shown, not only what decides', async () => {
  const { told: said } = await told(call({ vendor_class: 'A', amount: 7000, note: 'x' }))
  expect(said.conjuncts.filter(({ result }) => result === 'fails').map(({ rule }) => rule)).toEqual(
    [
      'tools.vendors/approve.args',
      'tools.vendors/approve.args.vendor_class',
      'tools.vendors/approve.args.amount',
    ],
  )
})

test('as text: a line for each conjunct, the deciding one marked', async () => {
  const { code, out } = await explain(call({ ...good, amount: 7000 }))
  expect(code).toBe(1)
  const lines = out.split('\n')
  expect(lines.slice(0, 3)).toEqual([
    'tool vendors/approve by buyer in dev at 2026-11-24T12:00:00.000Z',
    'mandate intake: listed, effect write',
    '',
  ])
  expect(lines).toContain('✓ agent  the agent is `buyer`, read buyer')
  expect(lines.filter((line) => line.endsWith('← decides'))).toHaveLength(1)
  expect(out).toMatch(/✗ tools\.vendors\/approve\.args\.amount .*, read 7000 {3}← decides\n/)
  expect(out).toMatch(/\ndenied: outside_mandate, .*\nwould be permitted if .*\n$/)
})

test('an approval that is asked for is the remedy', async () => {
  here.write('m.yaml', MANDATE)
  const { code, told: said } = await told(call(good))
  expect(code).toBe(1)
  expect(said.reason).toBe('approval_required')
  expect(said.conjuncts.filter(({ decides }) => decides)).toMatchObject([
    { rule: 'tools.vendors/approve.approval', result: 'asks' },
  ])
  expect(said.remedy).toContain('`lee@acme.example`')
})

test('a condition that fails is shown with what it read, at the time that is asked about', async () => {
  const hours = 'when: within(now, "Mon-Fri 09:00-17:00", "Europe/Berlin")'
  here.write('m.yaml', MANDATE.replace(/approval: .*/, hours))
  const late = ['--at', '2026-11-24T17:00:00+01:00']
  const { code, told: said } = await told([...call(good), ...late])
  expect(code).toBe(1)
  expect(said.conjuncts.filter(({ decides }) => decides)).toMatchObject([
    { rule: 'tools.vendors/approve.when', result: 'fails' },
  ])
})

test('and holds a moment before', async () => {
  const hours = 'when: within(now, "Mon-Fri 09:00-17:00", "Europe/Berlin")'
  here.write('m.yaml', MANDATE.replace(/approval: .*/, hours))
  const inTime = ['--at', '2026-11-24T16:59:59.999+01:00']
  expect((await told([...call(good), ...inTime])).code).toBe(0)
})

describe('what the line asks before it decides', () => {
  test.each([
    [['--agent', 'thief'], 'agent_mismatch', 'agent', 'thief'],
    [['--environment', 'staging'], 'environment_mismatch', 'environment', 'staging'],
    [
      ['--at', '2026-11-20T00:59:59.999+01:00'],
      'mandate_not_yet_valid',
      'valid.from',
      '2026-11-19T23:59:59.999Z',
    ],
    [
      ['--at', '2026-12-31T19:00:00+01:00'],
      'mandate_expired',
      'valid.until',
      '2026-12-31T18:00:00.000Z',
    ],
  ])('%j', async (argv, reason, rule, read) => {
    const { code, told: said } = await told([...call(good), ...argv])
    expect(code).toBe(1)
    expect(said).toMatchObject({ permitted: false, reason })
    expect(said.conjuncts.filter(({ decides }) => decides)).toMatchObject([
      { rule, read, result: 'fails' },
    ])
    expect(said.nearestMiss).toMatch(/^could be permitted if /)
  })

  test.each([
    ['2026-11-20T00:00:00Z', 0],
    ['2026-12-31T18:59:59.999+01:00', 0],
    ['2026-12-31T18:00:00Z', 1],
  ])('validity is half-open: %s', async (at, exit) => {
    expect((await told([...call(good), '--at', at])).code).toBe(exit)
  })

  test('a tool that no upstream has, with the nearest name', async () => {
    const { code, told: said } = await told(['vendors/aprove'])
    expect(code).toBe(1)
    expect(said).toMatchObject({ reason: 'unknown_tool', listed: false })
    expect(said.nearestMiss).toBe('could be permitted if it were called `approve`')
  })
})

test('a tool that `never` names says so, whatever else is granted', async () => {
  const { code, told: said } = await told(['vendors/delete_all'])
  expect(code).toBe(1)
  expect(said).toMatchObject({ reason: 'forbidden', listed: false })
  expect(said.conjuncts.find(({ decides }) => decides)?.rule).toMatch(/^never/)
})

test('a hidden tool says that the agent gets the answer of an unknown one', async () => {
  const { out } = await explain(['mail/send'])
  expect(out).toContain('hidden: the agent is not offered it')
})

describe('which one is meant', () => {
  test.each([['approve'], ['vendors__approve'], ['vendors/approve']])('%s', async (name) => {
    const { told: said } = await told([name])
    expect(said.call).toMatchObject({ tool: 'approve', server: 'vendors' })
  })

  test('a name that two upstreams have is a question back', async () => {
    const both = { ...OFFERED, tools: [...OFFERED.tools, tool('mail', 'approve')] }
    const { code, err } = await explain(['approve'], both)
    expect(code).toBe(2)
    expect(err).toBe(
      'chaperone: `approve` could be `vendors/approve`, `mail/approve` (say which)\n',
    )
  })

  test('a name that none has gets a suggestion', async () => {
    const { code, err } = await explain(['aprove'])
    expect(code).toBe(2)
    expect(err).toContain('did you mean `approve`?')
  })
})

describe('offline', () => {
  test('decides without the upstreams and says what was skipped', async () => {
    const { code, told: said, started } = await told([...call(good), '--offline'])
    expect([code, started]).toEqual([0, []])
    expect(said.skipped).toEqual([
      'whether the upstream has the tool (offline)',
      "whether the mandate fits the tool's arguments (offline)",
    ])
  })

  test('needs no mcp.json', async () => {
    const { code, told: said } = await told([
      ...call(good),
      '--offline',
      '--upstreams',
      'none.json',
    ])
    expect(code).toBe(0)
    expect(said.call).toMatchObject({ server: 'vendors', tool: 'approve' })
  })

  test('online it does', async () => {
    const { code, err, started } = await explain([...call(good), '--upstreams', 'none.json'])
    expect([code, started]).toEqual([1, []])
    expect(err).toContain('no such file')
  })
})

test('an upstream that cannot be asked: what the documents say, and exit 3 where they permit', async () => {
  const offered = { tools: [], prompts: [], failed: [{ server: 'vendors', why: 'it ended' }] }
  const { code, told: said } = await told(call(good), offered)
  expect(code).toBe(3)
  expect(said.permitted).toBe(true)
  expect(said.skipped[0]).toBe('whether the upstream has the tool (it ended)')
})

test('an upstream that cannot be asked does not turn a no into a maybe', async () => {
  const offered = { tools: [], prompts: [], failed: [{ server: 'vendors', why: 'it ended' }] }
  expect((await told(call({ amount: 1 }), offered)).code).toBe(1)
})

describe('resources and prompts', () => {
  test('a resource that is granted', async () => {
    const { code, told: said } = await told(['--resource', 'file:///srv/catalog/a.json'])
    expect(code).toBe(0)
    expect(said.call).toMatchObject({ resource: 'file:///srv/catalog/a.json', server: 'vendors' })
  })

  test('a resource outside', async () => {
    const { code, told: said } = await told([
      '--resource',
      'vendors/file:///srv/catalog/../secrets',
    ])
    expect(code).toBe(1)
    expect(said.permitted).toBe(false)
  })

  test('a prompt', async () => {
    expect((await told(['--prompt', 'brief'])).code).toBe(0)
  })

  test('a prompt that is not granted', async () => {
    const offered = { ...OFFERED, prompts: [{ server: 'mail', name: 'nag' }] }
    const { code, told: said } = await told(['--prompt', 'nag'], offered)
    expect([code, said.reason]).toEqual([1, 'outside_mandate'])
  })
})

describe('arguments', () => {
  test('from a file, and from standard input', async () => {
    here.write('args.json', JSON.stringify(good))
    const file = await told(['vendors/approve', '--args-file', 'args.json'])
    expect(file.code).toBe(0)
  })

  test.each([
    ['--args', '-'],
    ['--args-file', '-'],
  ])('%s %s reads standard input', async (...argv) => {
    const io = { ...here.io, stdin: () => Promise.resolve(JSON.stringify(good)) }
    here = { ...here, io }
    const { code, told: said } = await told(['vendors/approve', ...argv])
    expect(code).toBe(0)
    expect(said.call).toMatchObject({ args: good })
  })

  test.each([
    ['{"amount": 1, "amount": 2}', /stands twice/],
    ['{"amount": 9007199254740993}', /cannot be kept exactly/],
    ['{"__proto__": 1}', /not allowed/],
    ['{amount: 1}', /expected a key in double quotes/],
    ['[1]', /no JSON object/],
    ['', /empty/],
  ])('what the wire would refuse is refused: %s', async (text, message) => {
    const { code, err, started } = await explain(['vendors/approve', '--args', text])
    expect([code, started]).toEqual([2, []])
    expect(err).toMatch(message)
  })
})

test.each([
  [[], 'nothing is asked about'],
  [['a/b', 'c/d'], 'one too many'],
  [['a/b', '--prompt', 'p'], 'one too many'],
  [['a/b', '--args', '{}', '--args-file', 'x'], 'both given'],
  [['a/b', '--args-file', 'none.json'], 'no such file'],
  [['a/b', '--at', 'tomorrow'], '--at is `tomorrow`'],
  [['a/b', '--at', '2026-11-24T10:30:00'], 'with its zone'],
  [['a/b', '--at', '2026-13-24T10:30:00Z'], 'no time'],
])('usage: %j', async (argv, message) => {
  const { code, out, err } = await explain(argv)
  expect(code).toBe(2)
  expect(err).toContain(message)
  expect(out).toBe('')
})

test('a mandate that does not parse permits nothing', async () => {
  here.write('m.yaml', MANDATE.replace('one_of', 'oneof'))
  const { code, err } = await explain(call(good))
  expect(code).toBe(1)
  expect(err).toMatch(/^error {3}m\.yaml:\d+:\d+: /)
})

test('values cannot draw on the terminal', async () => {
  const { out } = await explain(call({ ...good, vendor_class: 'B\u001B[2J\u202E' }))
  expect(out).not.toContain('\u001B')
  expect(out).not.toContain('\u202E')
})

describe('the state that is supposed', () => {
  const CALM = MANDATE.replace(
    /approval: .*/,
    'when: risk != "high" && !("untrusted" in session.labels)',
  )
  beforeEach(() => void here.write('m.yaml', CALM))

  test('is what is in force, unless another posture is said', async () => {
    expect((await told(call(good))).told).toMatchObject({
      permitted: true,
      call: { risk: 'normal', labels: [] },
    })
    const since = NOON
    writeRisk(join(here.folder, 'state'), { posture: 'high', since, why: 'an alarm' })
    expect((await told(call(good))).told).toMatchObject({
      permitted: false,
      call: { risk: 'high' },
    })
    expect((await told([...call(good), '--risk', 'elevated'])).told.permitted).toBe(true)
  })

  test('a posture and labels that are supposed decide, and are shown', async () => {
    expect((await told([...call(good), '--risk', 'high'])).told.permitted).toBe(false)
    const labelled = [...call(good), '--label', 'confidential', '--label', 'untrusted']
    expect((await told(labelled)).told).toMatchObject({
      permitted: false,
      call: { labels: ['confidential', 'untrusted'] },
    })
    expect((await explain([...labelled, '--risk', 'elevated'])).out).toContain(
      ', risk elevated, labels confidential untrusted\n',
    )
    expect((await explain([...call(good), '--risk', 'raised'])).code).toBe(2)
  })
})

describe('under policies', () => {
  const POLICY = `policy: acme
labels: [{ tools: ["vendors/*"], add: [supplied] }]
rules:
  - id: large
    effect: require_approval
    tools: ["vendors/approve"]
    when: args.amount > 1000
    unless: agent == "boss"
    approval: { from: [kim, lee, pat], quorum: 2, expires: 10m, assurance: passkey }
  - { id: few, effect: forbid, tools: ["vendors/approve"], when: 'session.calls("vendors/approve", "1h") >= 3' }
  - { id: tainted, effect: forbid, effects: [write], labels: [untrusted] }
  - { id: calm, effect: forbid, risk: [high], unlessArgs: { vendor_class: { present: true }, amount: { range: { max: 10 } } } }
  - { id: later, effect: forbid, mode: shadow, when: args.amount > 2000 }
  - { id: tell, effect: oblige, tools: ["vendors/approve"], obligation: { type: limit_output, bytes: 1KiB } }
`
  beforeEach(() => {
    here.write('policies/acme.yaml', POLICY)
  })
  const small = { vendor_class: 'B', amount: 10 }

  test('a permit: every rule about it, with what its conditions read, and the duties that come', async () => {
    const { code, told: said, out } = await told(call(small))
    expect(code).toBe(0)
    expect(said.conjuncts.filter(({ rule }) => rule.startsWith('acme#'))).toMatchObject([
      { rule: 'acme#calm', result: 'holds', applies: 'no', effect: 'forbid' },
      { rule: 'acme#calm.risk', of: 'acme#calm', result: 'fails', read: 'normal' },
      { rule: 'acme#calm.unlessArgs', result: 'holds' },
      { rule: 'acme#calm.unlessArgs.vendor_class' },
      { rule: 'acme#calm.unlessArgs.amount', read: '10' },
      { rule: 'acme#few', result: 'holds', applies: 'no' },
      { rule: 'acme#few.when', of: 'acme#few', result: 'fails' },
      { rule: 'acme#large', result: 'holds', applies: 'no' },
      { rule: 'acme#large.when', read: 'args.amount = 10' },
      { rule: 'acme#large.unless' },
      { rule: 'acme#later', shadow: true, applies: 'no' },
      { rule: 'acme#later.when' },
      { rule: 'acme#tainted', result: 'holds', applies: 'no' },
      { rule: 'acme#tainted.labels', read: 'no labels' },
      { rule: 'acme#tell', applies: 'yes', effect: 'oblige' },
    ])
    expect(JSON.parse(out)).toMatchObject({
      duties: [
        'label the session supplied (`acme#labels[0]`)',
        'at most 1024 bytes come back, more is refused (`acme#tell`)',
      ],
    })
  })

  test('held: who has to approve, how many, how surely, and which duties come then', async () => {
    const { code, told: said, out } = await told(call({ ...small, amount: 3000 }))
    expect([code, said.reason]).toEqual([1, 'approval_required'])
    expect(said.conjuncts.filter(({ decides }) => decides)).toMatchObject([
      { rule: 'acme#large', result: 'asks' },
    ])
    expect(said.remedy).toBe(
      'asked for by `acme#large`: an approval by 2 of `kim`, `lee`, `pat`, at least as passkey, good for 600 s',
    )
    expect(JSON.parse(out)).toMatchObject({
      duties: ['at most 1024 bytes come back, more is refused (`acme#tell`)'],
      policy: { shadow: [{ rule: 'acme#later', effect: 'forbid' }] },
    })
  })

  test.each([
    [
      ['--history', 'vendors/approve=3'],
      'acme#few',
      /it did not hold that session\.calls.*no argument changes what `acme#few` says/,
    ],
    [
      ['--label', 'untrusted'],
      'acme#tainted',
      /the session had not the label `untrusted`.*no argument changes/,
    ],
    [
      ['--risk', 'high', '--args', '{"vendor_class":"B","amount":11}'],
      'acme#calm',
      /^would be permitted if amount were .*10$/,
    ],
  ])(
    'forbidden with %j by %s: the least that would have to be different',
    async (flags, rule, miss) => {
      const argv = flags.includes('--args') ? ['vendors/approve'] : call(small)
      const { code, told: said } = await told([...argv, ...flags])
      expect([code, said.reason]).toEqual([1, 'forbidden'])
      expect(said.verdict).toBe(`denied: forbidden by \`${rule}\``)
      expect(said.conjuncts.filter(({ decides }) => decides).map((one) => one.rule)).toEqual([rule])
      expect(said.nearestMiss).toMatch(miss)
    },
  )

  test('calls that are supposed left the labels of their tools', async () => {
    here.write('policies/acme.yaml', POLICY.replace('add: [supplied]', 'add: [untrusted]'))
    const { code, told: said } = await told([...call(small), '--history', 'vendors/approve=1'])
    expect([code, said.verdict]).toEqual([1, 'denied: forbidden by `acme#tainted`'])
    expect((await explain([...call(small), '--history', 'vendors/approve=0'])).code).toBe(0)
  })

  test('a label that no policy knows is warned of', async () => {
    const { code, err } = await explain([...call(small), '--label', 'untrustd'])
    expect([code, err]).toEqual([0, expect.stringContaining('did you mean `untrusted`?')])
    expect((await explain([...call(small), '--label', 'untrusted'])).code).toBe(1)
  })

  test('as text: conditions below their rule, shadow apart', async () => {
    const { out } = await explain(call({ ...small, amount: 3000 }))
    expect(out).toContain(
      '? acme#large  it asks for no approval (by 2 of `kim`, `lee`, `pat`, at least as passkey)   ← decides\n' +
        '    true    when  args.amount > 1000, read args.amount = 3000\n' +
        '    false   unless  agent == "boss", read agent = "buyer"\n',
    )
    expect(out).toContain('~ acme#later  it does not forbid the call   (shadow: it would apply)')
    expect(out).toContain('duty: at most 1024 bytes come back')
  })

  test.each([
    [['--history', 'vendors/aprove=1'], /`vendors` has no such tool \(did you mean `approve`\?\)/],
    [['--engine', 'nope=deny'], /no such engine is configured/],
    [['--history', 'vendors=3'], /`--history vendors=3` cannot be read/],
    [['--engine', 'cerbos=permti'], /did you mean `permit`/],
  ])('%j is a usage error', async (flags, why) => {
    const { code, err } = await explain([...call(small), ...flags])
    expect([code, err]).toEqual([2, expect.stringMatching(why)])
  })

  describe('and an external engine', () => {
    beforeEach(() => {
      const url = 'http://127.0.0.1:1'
      here.write(
        'policies/engines.yaml',
        `engines: [{ id: cerbos, type: authzen, url: "${url}" }]\n`,
      )
    })

    test('is not asked: nobody knows yet', async () => {
      const { code, told: said, out } = await told(call(small))
      expect([code, said.permitted]).toEqual([3, true])
      expect(JSON.parse(out)).toMatchObject({ unasked: ['cerbos'] })
      expect(said.conjuncts.at(-1)).toMatchObject({ rule: 'engine:cerbos', result: 'unknown' })
      expect((await explain(call(small))).out).toContain(
        'not asked: cerbos, which could deny it still (suppose an answer with --engine cerbos=permit)',
      )
    })

    test.each([
      ['permit', 0, 'permitted', []],
      ['deny', 1, 'forbidden', ['engine:cerbos']],
      ['error', 1, 'engine_unavailable', ['engine:cerbos']],
    ])('supposed to answer %s', async (answer, code, reason, deciding) => {
      const ran = await told([...call(small), '--engine', `cerbos=${answer}`])
      expect([ran.code, ran.told.reason]).toEqual([code, reason])
      const { conjuncts } = ran.told
      expect(conjuncts.filter(({ decides }) => decides).map(({ rule }) => rule)).toEqual(deciding)
    })

    test('has no say about what is denied without it', async () => {
      const { code, told: said, out } = await told([...call(small), '--label', 'untrusted'])
      expect([code, said.reason]).toEqual([1, 'forbidden'])
      expect(JSON.parse(out)).not.toHaveProperty('unasked')
    })
  })
})
