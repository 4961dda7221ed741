/** What policies make of a mandate's decisions: they only take away, and every doubt is a no. */
import { describe, expect, test } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import type { Decision } from '../../src/model/decision.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { guarded, type GuardedMandate } from '../../src/policy/guarded.ts'
import { mandateOf, tool } from '../fakes/line.ts'
import { callOf } from '../expression/call.ts'
import { decided, EVERYTHING, past, policies, REVISION, ruled, toolCall, under } from './written.ts'

const SEND = tool('mail', 'send')
const APPROVE = tool('vendors', 'approve')

function reason(decision: Decision): string {
  return decision.reason
}
function by(decision: Decision): readonly string[] {
  return decision.policy?.determining ?? []
}

test('without a rule that matches, the mandate decides, and the revision is on record', () => {
  const decision = decided(under(ruled('  - { id: a, effect: forbid, tools: [mail/read] }')))
  expect(decision).toEqual({
    effect: 'permit',
    reason: 'permitted',
    grants: ['tools.*/*'],
    facts: {},
    policy: { revision: REVISION },
  })
})

describe('a forbid', () => {
  test.each([
    ['tools', 'tools: ["mail/*"]', 'tools: ["web/*"]'],
    ['effects', 'effects: [send]', 'effects: [read]'],
    ['data', 'data: [personal]', 'data: [public]'],
    ['agents', 'agents: ["procurement-*"]', 'agents: ["research-*"]'],
    ['purposes', 'purposes: ["PROC-*"]', 'purposes: ["HR-*"]'],
    ['environments', 'environments: [prod]', 'environments: [dev]'],
    ['risk', 'risk: [normal]', 'risk: [high]'],
    ['labels', 'labels: [untrusted]', 'labels: [untrusted, confidential]'],
    ['when', 'when: args.amount > 5', 'when: args.amount > 50'],
    ['unless', 'unless: args.amount > 50', 'unless: args.amount > 5'],
    [
      'unlessArgs',
      'unlessArgs: { amount: { equals: 11 } }',
      'unlessArgs: { amount: { equals: 10 } }',
    ],
  ])('selects by %s', (_name, matching, other) => {
    const classify = 'classify: [{ tools: ["mail/*"], effect: send, data: [personal] }]\n'
    const call: Partial<CallContext> = { session: { id: 't', labels: ['untrusted'] } }
    const outcome = (selector: string): Decision =>
      decided(
        under(`policy: acme\n${classify}rules:\n  - { id: a, effect: forbid, ${selector} }\n`),
        {
          args: { amount: 10 },
          call,
        },
      )
    expect(reason(outcome(matching))).toBe('forbidden')
    expect(by(outcome(matching))).toEqual(['acme#a'])
    expect(reason(outcome(other))).toBe('permitted')
  })

  test.each([
    ['when', 'when: args.amount > 5'],
    ['unless', 'unless: args.amount < 5'],
    ['a macro', 'when: args.to.exists(r, r == "x")'],
    ['the past', 'when: session.calls("mail/send", "1h") > 3'],
  ])('matches when %s cannot be evaluated', (_name, condition) => {
    const mandate = under(
      ruled(
        `  - { id: a, effect: forbid, '${condition.split(':')[0]}': '${condition.slice(condition.indexOf(':') + 2)}' }`,
      ),
    )
    for (const args of [{}, { amount: '3', to: 'x' }, { amount: null, to: { x: 1 } }]) {
      const decision = decided(mandate, { args })
      expect(reason(decision)).toBe('evaluation_error')
      expect(decision.policy).toMatchObject({ determining: ['acme#a'], errors: ['acme#a'] })
    }
  })

  test('that holds outright speaks before one that could not be evaluated', () => {
    const rules = '  - { id: a, effect: forbid, when: args.x > 1 }\n  - { id: b, effect: forbid }'
    const decision = decided(under(ruled(rules)))
    expect(reason(decision)).toBe('forbidden')
    expect(decision.policy).toMatchObject({ determining: ['acme#a', 'acme#b'], errors: ['acme#a'] })
  })

  test('without a condition hides what it is about, and nothing else', () => {
    const mandate = under(ruled('  - { id: a, effect: forbid, tools: ["mail/*"] }'))
    expect(mandate.tool(SEND).listed).toBe(false)
    expect(mandate.tool(APPROVE).listed).toBe(true)
    expect(reason(decided(mandate, { tool: SEND }))).toBe('forbidden')
  })

  test.each(['risk: [high]', 'labels: [untrusted]', 'unless: args.a == 1', 'when: args.a == 1'])(
    'that depends on the call hides nothing: %s',
    (selector) => {
      const rule = `  - { id: a, effect: forbid, ${selector} }`
      expect(under(ruled(rule)).tool(SEND).listed).toBe(true)
    },
  )

  test('exempts by arguments only where all fit and there is no other', () => {
    const rule = `  - id: a
    effect: forbid
    unlessArgs: { to: { each: { email: { domain: [acme.example] } } }, cc: { optional: true, size: 0..2 } }`
    const mandate = under(ruled(rule))
    expect(reason(decided(mandate, { args: { to: ['a@acme.example'] } }))).toBe('permitted')
    const others: readonly JsonObject[] = [
      {},
      { to: ['a@evil.test'] },
      { to: 'a@acme.example' },
      { to: ['a@acme.example'], bcc: ['b@evil.test'] },
      { to: ['a@acme.example'], cc: ['1', '2', '3'] },
      JSON.parse('{"to":["a@acme.example"],"__proto__":1}') as JsonObject,
    ]
    for (const args of others) expect(reason(decided(mandate, { args }))).toBe('forbidden')
  })

  test('by resource matches what either reading of its pattern does', () => {
    const mandate = under(
      ruled('  - { id: a, effect: forbid, resources: ["files/file:///srv/*"] }'),
    )
    const read = (uri: string): boolean => mandate.resource('files', uri).listed
    expect(read('file:///srv/a')).toBe(false)
    expect(read('file:///srv/a/b')).toBe(false)
    expect(read('file:///home/a')).toBe(true)
    expect(mandate.resourceListed('files', 'file:///srv/a')).toBe(false)
    expect(mandate.prompt('files', 'srv').listed).toBe(true)
  })

  test('by prompt', () => {
    const mandate = under(ruled('  - { id: a, effect: forbid, prompts: ["mail/*"] }'))
    expect(mandate.prompt('mail', 'draft').listed).toBe(false)
    expect(mandate.tool(SEND).listed).toBe(true)
  })
})

describe('what nobody classified', () => {
  test('counts as every effect and every data class', () => {
    const mandate = under(
      ruled(
        '  - { id: a, effect: forbid, effects: [pay] }\n  - { id: b, effect: forbid, data: [x] }',
      ),
    )
    expect(by(decided(mandate))).toEqual(['acme#a', 'acme#b'])
  })

  test('every class that grant, lock or policy says counts: none takes a tool out of a rule', () => {
    const mandate = mandateOf(`mandate: m
agent: a
purpose: p
valid: { until: 2027-01-01T00:00:00Z }
tools: { mail/send: { effect: delete, data: [internal] }, mail/read: { effect: read } }
`)
    const text = `policy: p
classify:
  - { tools: ["mail/*"], effect: send, data: [personal] }
rules: []
`
    const set = guarded(mandate, policies(text), 'dev')
    expect(set.tool(SEND)).toMatchObject({
      effects: ['send', 'delete'],
      data: ['internal', 'personal'],
    })
    expect(set.tool(tool('mail', 'read')).effects).toEqual(['read', 'send'])
    const locked = { ...tool('mail', 'read'), lockedEffect: 'admin' } as const
    expect(set.tool(locked).effects).toEqual(['read', 'send', 'admin'])
    const rule = policies(`${text.replace('rules: []\n', '')}rules:
  - { id: a, effect: forbid, effects: [send] }
`)
    for (const effect of ['read', 'admin', 'execute'] as const)
      expect(
        guarded(mandate, rule, 'dev').tool({ ...tool('mail', 'read'), lockedEffect: effect })
          .listed,
      ).toBe(false)
  })
})

describe('an approval', () => {
  const LARGE = `  - id: large
    effect: require_approval
    when: args.amount > 100
    approval: { from: [lee@acme.example, dana@acme.example, kim@acme.example], quorum: 2, expires: 5m, assurance: local_user, except: [owner, approvers] }`

  test('is asked for, of whom the rule names and nobody who stands behind the mandate', () => {
    const decision = decided(under(ruled(LARGE)), { args: { amount: 200 } })
    expect(decision).toMatchObject({
      effect: 'deny',
      reason: 'approval_required',
      remedy: {
        approvers: ['kim@acme.example'],
        quorum: 2,
        expiresInMs: 300_000,
        assurance: 'local_user',
        askedBy: ['acme#large'],
      },
      policy: { determining: ['acme#large'] },
    })
    expect(reason(decided(under(ruled(LARGE)), { args: { amount: 100 } }))).toBe('permitted')
  })

  test('adds up with what the grant asks for', () => {
    const mandate = mandateOf(`mandate: m
agent: procurement-agent-001
purpose: p
valid: { until: 2027-01-01T00:00:00Z }
tools: { mail/send: { approval: { from: [kim@acme.example, pat@acme.example], expires: 1m } } }
`)
    const set = guarded(mandate, policies(ruled(LARGE)), 'dev')
    expect(decided(set, { args: { amount: 200 } })).toMatchObject({
      remedy: {
        approvers: ['kim@acme.example'],
        expiresInMs: 60_000,
        quorum: 2,
        askedBy: ['tools.mail/send', 'acme#large'],
      },
    })
  })

  test('does not lift a forbid', () => {
    const rules = `${LARGE}\n  - { id: never, effect: forbid, when: args.amount > 150 }`
    const decision = decided(under(ruled(rules)), { args: { amount: 200 } })
    expect(reason(decision)).toBe('forbidden')
    expect(decision).not.toHaveProperty('remedy')
  })

  test('is asked for when its condition cannot be evaluated', () => {
    const decision = decided(under(ruled(LARGE)), { args: { amount: 'much' } })
    expect(reason(decision)).toBe('approval_required')
    expect(decision.policy?.errors).toEqual(['acme#large'])
  })
})

describe('duties', () => {
  const DUTIES = `  - { id: redact, effect: oblige, obligation: { type: redact, detectors: [secrets] } }
  - { id: mark, effect: oblige, when: args.secret == true, obligation: { type: label, add: [confidential] } }`

  test('come with a permit; one whose condition cannot be evaluated comes as well', () => {
    const mandate = under(ruled(DUTIES))
    const types = (args: object): readonly string[] | undefined =>
      decided(mandate, { args: { ...args } }).policy?.obligations?.map(({ rule }) => rule)
    expect(types({ secret: false })).toEqual(['acme#redact'])
    expect(types({ secret: true })).toEqual(['acme#redact', 'acme#mark'])
    expect(types({})).toEqual(['acme#redact', 'acme#mark'])
  })

  test('come with no denial', () => {
    const rules = `${DUTIES}\n  - { id: no, effect: forbid, when: args.a == 1 }`
    expect(decided(under(ruled(rules)), { args: { a: 1, secret: true } }).policy).toEqual({
      revision: REVISION,
      determining: ['acme#no'],
    })
  })

  test('labels come with every call that a label rule names', () => {
    const mandate = under(
      'policy: p\nlabels: [{ tools: ["web/*"], add: [untrusted] }]\nrules: []\n',
    )
    const labels = [{ type: 'label', rule: 'p#labels[0]', add: ['untrusted'] }]
    expect(decided(mandate, { tool: tool('web', 'fetch') }).policy?.obligations).toEqual(labels)
    expect(decided(mandate).policy?.obligations).toBeUndefined()
    const read = mandate.resource('web', 'https://a.example/')
    const call = callOf(
      {},
      {
        action: 'resources/read',
        resource: { kind: 'resource', server: 'web', uri: 'https://a.example/' },
      },
    )
    expect(read.decide(call).policy?.obligations).toEqual(labels)
    expect(mandate.overheard('web')).toEqual({ labels: ['untrusted'], detectors: [] })
    expect(mandate.overheard('mail')).toEqual({ labels: [], detectors: [] })
  })

  test('what a server says by itself is redacted as anything of it may be', () => {
    const mandate = under(
      ruled(
        '  - { id: r, effect: oblige, tools: [mail/read], when: args.x == 1, obligation: { type: redact, detectors: [emails] } }',
      ),
    )
    expect(mandate.overheard('mail').detectors).toEqual(['emails'])
    expect(mandate.overheard('web').detectors).toEqual([])
  })
})

describe('shadow', () => {
  test.each([
    ['forbid', 'effect: forbid'],
    ['require_approval', 'effect: require_approval, approval: { from: [lee] }'],
    ['oblige', 'effect: oblige, obligation: { type: limit_output, bytes: 1KiB }'],
  ])('a %s is recorded and changes nothing', (effect, rule) => {
    const decision = decided(under(ruled(`  - { id: a, mode: shadow, when: args.x > 1, ${rule} }`)))
    expect(decision).toMatchObject({
      effect: 'permit',
      policy: { shadow: [{ rule: 'acme#a', effect }] },
    })
    expect(decision.policy).not.toHaveProperty('determining')
    expect(decision.policy).not.toHaveProperty('obligations')
  })

  test('of a whole policy takes what it classifies and labels with it', () => {
    const shadow = `policy: s
mode: shadow
classify: [{ tools: ["mail/*"], effect: read }]
labels: [{ tools: ["mail/*"], add: [untrusted] }]
rules: []
`
    const enforce = ruled('  - { id: a, effect: forbid, effects: [send], when: args.x == 1 }')
    const mandate = under({ 's.yaml': shadow, 'p.yaml': enforce })
    expect(reason(decided(mandate, { args: { x: 1 } }))).toBe('forbidden')
    expect(decided(mandate, { args: { x: 2 } }).policy?.obligations).toBeUndefined()
    expect(mandate.overheard('mail').labels).toEqual([])
  })

  test('hides nothing', () => {
    const rule = '  - { id: a, mode: shadow, effect: forbid }'
    expect(under(ruled(rule)).tool(SEND).listed).toBe(true)
  })
})

describe('engines', () => {
  const ENGINE = { id: 'pdp', mode: 'enforce', effects: [] } as const
  const fact = (effect: 'permit' | 'deny' | 'error') =>
    ({ engine: 'pdp', effect, tookMs: 1 }) as const
  const set = policies(ruled('  - { id: a, effect: forbid, when: args.a == 1 }'), [ENGINE])
  const mandate = guarded(EVERYTHING, set, 'dev')

  test('one that was not asked, or gave no answer, denies', () => {
    expect(reason(decided(mandate, { args: { a: 2 } }))).toBe('engine_unavailable')
    const call = { engines: [fact('error')] }
    const silent = decided(mandate, { args: { a: 2 }, call })
    expect(silent).toMatchObject({
      reason: 'engine_unavailable',
      policy: { determining: ['engine:pdp'], engines: [fact('error')] },
    })
  })

  test('its yes permits what everything else does, its no forbids', () => {
    const yes = { engines: [fact('permit')] }
    expect(reason(decided(mandate, { args: { a: 2 }, call: yes }))).toBe('permitted')
    expect(reason(decided(mandate, { args: { a: 1 }, call: yes }))).toBe('forbidden')
    const no = decided(mandate, { args: { a: 2 }, call: { engines: [fact('deny')] } })
    expect(no).toMatchObject({ reason: 'forbidden', policy: { determining: ['engine:pdp'] } })
  })

  test('what does not depend on them is decided without', () => {
    const authority = mandate.tool(SEND)
    expect(authority.engines).toEqual(['pdp'])
    expect(authority.locally?.(toolCall(SEND, { args: { a: 2 } })).effect).toBe('permit')
    expect(authority.locally?.(toolCall(SEND, { args: { a: 1 } })).reason).toBe('forbidden')
  })

  test('in shadow, neither a no nor silence changes anything', () => {
    const shadow = guarded(
      EVERYTHING,
      policies('policy: p', [{ ...ENGINE, mode: 'shadow' }]),
      'dev',
    )
    for (const engines of [[fact('deny')], [fact('error')], undefined]) {
      const decision = decided(shadow, { call: engines ? { engines } : {} })
      expect(decision).toMatchObject({
        effect: 'permit',
        policy: { shadow: [{ rule: 'engine:pdp', effect: 'forbid' }] },
      })
    }
  })
})

test('a second spelling of an argument that a rule reads denies, unless the tool declares both', () => {
  const mandate = under(ruled('  - { id: a, effect: forbid, when: args.amount > 100 }'))
  const args = { amount: 1, Amount: 5000 }
  expect(decided(mandate, { args })).toMatchObject({
    reason: 'evaluation_error',
    policy: { determining: ['acme#a'], errors: ['acme#a'] },
  })
  expect(reason(decided(mandate, { args: { amount: 1, note: 'x' } }))).toBe('permitted')
  const both = tool('mail', 'send', {
    inputSchema: { type: 'object', properties: { amount: {}, Amount: {} } },
  })
  expect(reason(decided(mandate, { tool: both, args }))).toBe('permitted')
})

test.each([
  ['below the top', 'args.p.amount > 1000', { p: { amount: 1, Amount: 9999 } }],
  [
    'alone, where the rule asks first',
    'has(args.p.amount) && args.p.amount > 1000',
    { p: { Amount: 9999 } },
  ],
  [
    'in an element',
    'args.items.exists(i, i.amount > 1000)',
    { items: [{ amount: 1, AMOUNT: 9999 }] },
  ],
  ['as an index', 'args.p["amount"] > 1000', { p: { amount: 1, 'amount\u200B': 9999 } }],
])('a second spelling %s denies', (_name, when, args) => {
  const mandate = under(ruled(`  - { id: a, effect: forbid, when: '${when}' }`))
  expect(decided(mandate, { args })).toMatchObject({
    reason: 'evaluation_error',
    policy: { errors: ['acme#a'] },
  })
})

test('what engines are told has no name in two spellings', () => {
  const engine = { id: 'pdp', mode: 'enforce', effects: [] } as const
  const mandate = guarded(EVERYTHING, policies('policy: p', [engine]), 'dev')
  const call = { engines: [{ engine: 'pdp', effect: 'permit', tookMs: 1 }] } as const
  expect(reason(decided(mandate, { args: { to: 'a', cc: { To: 'b' } }, call }))).toBe('permitted')
  for (const args of [{ to: 'a', To: 'b' }, { x: [{ to: 'a', TO: 'b' }] }])
    expect(decided(mandate, { args, call })).toMatchObject({
      reason: 'evaluation_error',
      policy: { determining: ['engine:pdp'] },
    })
})

describe('templates', () => {
  const complete = (mandate: GuardedMandate, template: string): string =>
    mandate.resource('files', template).decide(
      callOf(
        { path: 'x' },
        {
          action: 'completion/complete',
          resource: { kind: 'resource', server: 'files', uri: template },
        },
      ),
    ).reason

  test('that a forbid names whole are hidden, and not completed', () => {
    const mandate = under(ruled('  - { id: a, effect: forbid, resources: ["files/**"] }'))
    expect(mandate.templateListed('files', 'file:///srv/{path}')).toBe(false)
    expect(complete(mandate, 'file:///srv/{path}')).toBe('forbidden')
  })

  test('that may stand for what a forbid names are shown, but not completed', () => {
    const mandate = under(
      ruled('  - { id: a, effect: forbid, resources: ["files/file:///srv/secret/**"] }'),
    )
    expect(mandate.templateListed('files', 'file:///srv/{+path}')).toBe(true)
    expect(complete(mandate, 'file:///srv/{+path}')).toBe('forbidden')
    expect(complete(mandate, 'file:///home/{+path}')).toBe('permitted')
  })
})

test('facts hold what rules read, of the arguments and of the past', () => {
  const rule = `  - { id: a, effect: forbid, when: 'args.amount > 5 && session.calls("mail/send", "1h") > 2' }`
  const decision = decided(under(ruled(rule)), {
    args: { amount: 9, password: 'x', other: 1 },
    call: { session: { id: 't', labels: [], history: past(2) } },
  })
  expect(decision).toMatchObject({
    effect: 'permit',
    facts: { amount: 9, 'session.calls("mail/send", "1h")': 2 },
  })
  expect(decision.facts).not.toHaveProperty('other')
})

test('every rule about a call is examined, whether or not it matched', () => {
  const rules = `  - { id: a, effect: forbid, when: args.x == 1 }
  - { id: b, effect: forbid, when: args.x == 2 }
  - { id: c, effect: forbid, mode: shadow, when: args.y == 2 }
  - { id: d, effect: forbid, tools: [web/x] }`
  const found = under(ruled(rules))
    .tool(SEND)
    .examine(toolCall(SEND, { args: { x: 1 } }))
  expect(found.map(({ rule, matched }) => [rule.source.id, matched])).toEqual([
    ['a', true],
    ['b', false],
    ['c', 'error'],
  ])
})
