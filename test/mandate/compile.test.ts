import { describe, expect, test } from 'vitest'
import type { EffectClass } from '../../src/model/call.ts'
import type { Decision } from '../../src/model/decision.ts'
import { instant } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { call, compiled, compiledText, tool } from './written.ts'

function decide(body: string, args: JsonObject, schema?: JsonObject): Decision {
  return compiled(body)
    .tool(tool('v', 'pay', schema))
    .decide(call(args))
}

const reason = (body: string, args: JsonObject = {}): string => decide(body, args).reason
const grant = (members: string): string => `tools: { v/pay: { ${members} } }`

describe('covering', () => {
  test('a grant without args permits any arguments, one with empty args permits none', () => {
    expect(reason(grant(''), { anything: [1] })).toBe('permitted')
    expect(reason(grant('args: {}'))).toBe('permitted')
    expect(reason(grant('args: {}'), { anything: 1 })).toBe('outside_mandate')
    expect(reason(grant('args: {}, otherArgs: permit'), { anything: 1 })).toBe('permitted')
    expect(reason(grant('otherArgs: refuse'), { anything: 1 })).toBe('outside_mandate')
  })

  test('closed world: once one argument is constrained, others are refused unless permitted', () => {
    const args = 'args: { n: { range: { max: 5 } } }'
    expect(reason(grant(args), { n: 5 })).toBe('permitted')
    expect(reason(grant(args), { n: 5, m: 1 })).toBe('outside_mandate')
    expect(reason(grant(`${args}, otherArgs: permit`), { n: 5, m: 1 })).toBe('permitted')
    expect(reason(grant(`${args}, otherArgs: permit`), { n: 6, m: 1 })).toBe('outside_mandate')
  })

  test('a second spelling of an argument that a rule reads is refused, unless the tool declares it', () => {
    const open = grant('args: { amount: { range: { max: 5 } } }, otherArgs: permit')
    for (const twin of ['Amount', 'AMOUNT', 'ａmount', 'amo\u200Bunt']) {
      expect(reason(open, { amount: 1, [twin]: 9 })).toBe('outside_mandate')
      expect(reason(grant('when: args.amount < 5'), { amount: 1, [twin]: 9 })).toBe(
        'outside_mandate',
      )
      const authority = compiled(open).tool(tool('v', 'pay'))
      expect(authority.explain(call({ amount: 1, [twin]: 9 }))[0]?.result).toBe('fails')
    }
    expect(reason(open, { amount: 1, amounts: 9 })).toBe('permitted')
    expect(reason(grant(''), { amount: 1, Amount: 9 })).toBe('permitted')
    const declared = { amount: { type: 'number' }, Amount: { type: 'number' } }
    expect(decide(open, { amount: 1, Amount: 9 }, declared).reason).toBe('permitted')
    expect(decide(open, { amount: 1, AMOUNT: 9 }, declared).reason).toBe('outside_mandate')
  })

  test('a missing argument fails its constraint unless optional, and inherited members are missing', () => {
    expect(reason(grant('args: { n: { range: { max: 5 } } }'))).toBe('outside_mandate')
    expect(reason(grant('args: { n: { range: { max: 5 }, optional: true } }'))).toBe('permitted')
    expect(reason(grant('args: { n: { absent: true } }'))).toBe('permitted')
    expect(reason(grant('args: { toString: { present: true } }'))).toBe('outside_mandate')
  })

  test('nothing is coerced', () => {
    const args = 'args: { n: { range: { max: 5 } } }'
    for (const n of ['3', true, null, [3], { n: 3 }]) {
      expect(reason(grant(args), { n })).toBe('outside_mandate')
    }
  })

  test('another tool, another server, another case: no grant names them', () => {
    const mandate = compiled(grant(''))
    for (const [server, name] of [
      ['v', 'Pay'],
      ['v', 'pay2'],
      ['w', 'pay'],
      ['v', 'v/pay'],
    ] as const) {
      const authority = mandate.tool(tool(server, name))
      expect(authority.listed).toBe(false)
      expect(authority.decide(call({}))).toMatchObject({ reason: 'outside_mandate', grants: [] })
    }
  })

  test('grants are a union for arguments: what one refuses another may permit', () => {
    const roles = { 'roles/r.yaml': 'role: r\ntools: { v/pay: { args: { n: { equals: 9 } } } }' }
    const mandate = compiled('roles: [r]\ntools: { v/pay: { args: { n: { equals: 1 } } } }', roles)
    const at = (n: number): Decision => mandate.tool(tool('v', 'pay')).decide(call({ n }))
    expect(at(1)).toMatchObject({ effect: 'permit', grants: ['tools.v/pay'] })
    expect(at(9)).toMatchObject({ effect: 'permit', grants: ['role r: tools.v/pay'] })
    expect(at(2)).toMatchObject({ reason: 'outside_mandate' })
  })
})

describe('never', () => {
  test('blocks whatever says yes, and in a tool name `*` crosses `/`', () => {
    const mandate = compiled('tools: { v/*: {} }\nnever: [v/delete_*]')
    const blocked = mandate.tool(tool('v', 'delete_/all'))
    expect(blocked.listed).toBe(false)
    expect(blocked.decide(call({})).reason).toBe('forbidden')
    expect(mandate.tool(tool('v', 'undelete_')).listed).toBe(true)
  })

  test('blocks prompts too', () => {
    const mandate = compiled('prompts: { "v/*": {} }\nnever: [v/secret]')
    expect(mandate.prompt('v', 'secret').listed).toBe(false)
    expect(mandate.prompt('v', 'open').listed).toBe(true)
  })
})

describe('conditions', () => {
  test('one that is false is outside, one that cannot be evaluated is an error, and both deny', () => {
    expect(reason(grant('when: args.n > 1'), { n: 2 })).toBe('permitted')
    expect(reason(grant('when: args.n > 1'), { n: 1 })).toBe('outside_mandate')
    expect(reason(grant('when: args.n > 1'), {})).toBe('evaluation_error')
    expect(reason(grant('when: args.n > 1'), { n: 'x' })).toBe('evaluation_error')
  })

  test('every grant that names the tool has its condition held, also where another covers the call', () => {
    const roles = { 'roles/r.yaml': 'role: r\ntools: { v/pay: { when: args.n < 3 } }' }
    const mandate = compiled('roles: [r]\ntools: { v/pay: {} }', roles)
    const at = (n: number): string => mandate.tool(tool('v', 'pay')).decide(call({ n })).reason
    expect([at(2), at(3)]).toEqual(['permitted', 'outside_mandate'])
  })

  test('a misspelt argument hides the tool, with a suggestion, and denies', () => {
    const mandate = compiled(grant('when: args.amuont > 1'))
    const authority = mandate.tool(tool('v', 'pay', { amount: { type: 'number' } }))
    expect(authority.listed).toBe(false)
    expect(authority.problems).toMatchObject([{ level: 'error' }])
    expect(authority.decide(call({ amuont: 2, amount: 2 })).reason).toBe('evaluation_error')
  })

  test('arguments, hours and approvals never hide a tool; a condition that is false by its words does', () => {
    const listed = (members: string): boolean =>
      compiled(grant(members)).tool(tool('v', 'pay')).listed
    expect(listed('when: \'within(now, "Sun 00:00-00:01", "UTC")\'')).toBe(true)
    expect(listed('args: { n: { equals: 1 } }')).toBe(true)
    expect(listed('approval: { from: [lee] }')).toBe(true)
    expect(listed('when: "false"')).toBe(false)
  })

  test('a window in a named zone decides by the call`s own time', () => {
    const mandate = compiled(grant(`when: 'within(now, "Mon-Fri 09:00-17:00", "Europe/Berlin")'`))
    const at = (iso: string): string =>
      mandate.tool(tool('v', 'pay')).decide(call({}, { at: instant(Date.parse(iso)) })).reason
    expect(at('2026-11-25T07:59:59.999Z')).toBe('outside_mandate')
    expect(at('2026-11-25T08:00:00Z')).toBe('permitted')
    expect(at('2026-11-25T15:59:59.999Z')).toBe('permitted')
    expect(at('2026-11-25T16:00:00Z')).toBe('outside_mandate')
  })
})

describe('approvals', () => {
  const body = grant(
    'args: { n: { range: { max: 9 } } }, approval: { when: args.n > 5, from: [lee, kim], expires: 2m }',
  )

  test('are a denial with a remedy, where their condition is true or cannot be evaluated', () => {
    expect(reason(body, { n: 5 })).toBe('permitted')
    expect(decide(body, { n: 6 })).toMatchObject({
      effect: 'deny',
      reason: 'approval_required',
      remedy: {
        kind: 'approval',
        approvers: ['lee', 'kim'],
        expiresInMs: 120_000,
        askedBy: ['tools.v/pay'],
      },
    })
    const unreadable = grant('approval: { when: args.n > 5, from: [lee] }')
    expect(reason(unreadable, { n: 'six' })).toBe('approval_required')
  })

  test('are not offered for what is refused anyway', () => {
    expect(decide(body, { n: 10 })).toMatchObject({ reason: 'outside_mandate' })
    expect(decide(body, { n: 10 })).not.toHaveProperty('remedy')
    expect(reason(`${body}\nnever: [v/pay]`, { n: 6 })).toBe('forbidden')
  })

  test('of several grants: all must be answered, by whom all name, within the shortest time', () => {
    const roles = {
      'roles/r.yaml': 'role: r\ntools: { v/pay: { approval: { from: [kim, ann], expires: 1m } } }',
      'roles/s.yaml': 'role: s\ntools: { v/pay: { approval: { from: [ann] } } }',
    }
    const remedy = (names: string): unknown => {
      const text = `roles: [${names}]\ntools: { v/pay: { approval: { from: [lee, kim], expires: 2m } } }`
      const decision = compiled(text, roles).tool(tool('v', 'pay')).decide(call({}))
      return decision.effect === 'deny' ? decision.remedy : undefined
    }
    expect(remedy('r')).toEqual({
      kind: 'approval',
      approvers: ['kim'],
      expiresInMs: 60_000,
      askedBy: ['role r: tools.v/pay', 'tools.v/pay'],
    })
    expect(remedy('r, s')).toMatchObject({ approvers: [] })
  })
})

describe('named_in', () => {
  const args = 'args: { to: { named_in: [context.contacts] } }'
  const context = '\ncontext: { contacts: [bob@acme.example] }'

  test('without an approval to ask for, what is not named is outside', () => {
    expect(reason(grant(args) + context, { to: 'bob@acme.example' })).toBe('permitted')
    expect(reason(grant(args) + context, { to: 'eve@evil.example' })).toBe('outside_mandate')
  })

  test('asks for the grant`s approval, whatever that approval`s own condition says', () => {
    const asking = grant(`${args}, approval: { when: "false", from: [lee] }`) + context
    expect(reason(asking, { to: 'bob@acme.example' })).toBe('permitted')
    expect(decide(asking, { to: 'eve@evil.example' })).toMatchObject({
      reason: 'approval_required',
      remedy: { approvers: ['lee'], askedBy: ['tools.v/pay'] },
    })
    expect(reason(asking, { to: 'eve@evil.example', cc: 'x' })).toBe('outside_mandate')
  })

  test('of several grants, those that ask are asked only where none covers the call outright', () => {
    const role = (members: string): Record<string, string> => ({
      'roles/r.yaml': `role: r\ntools: { v/pay: { args: { to: ${members} } } }`,
    })
    const body = `roles: [r]\n${grant(`${args}, approval: { when: "false", from: [lee] }`)}${context}`
    const at = (other: string): Decision =>
      compiled(body, role(other))
        .tool(tool('v', 'pay'))
        .decide(call({ to: 'eve@evil.example' }))
    expect(at('{ prefix: eve }')).toMatchObject({
      effect: 'permit',
      grants: ['role r: tools.v/pay'],
    })
    expect(at('{ prefix: bob }')).toMatchObject({
      reason: 'approval_required',
      remedy: { askedBy: ['tools.v/pay'] },
    })
  })
})

describe('a tool`s schema', () => {
  const listed = (inputSchema: JsonObject): boolean =>
    compiled(grant('args: { n: { present: true } }')).tool({
      ...tool('v', 'pay'),
      raw: { name: 'pay', inputSchema },
    }).listed

  test('that names all its arguments hides a grant that names another', () => {
    expect(listed({ properties: { m: {} } })).toBe(false)
    expect(listed({ properties: {} })).toBe(false)
    expect(listed({ properties: { m: {} }, additionalProperties: false })).toBe(false)
    expect(listed({ properties: { n: {} } })).toBe(true)
  })

  test('that cannot be followed hides the tool and denies, and is no fault', () => {
    const text = `${'{"items":'.repeat(50_000)}{}${'}'.repeat(50_000)}`
    const inputSchema: JsonObject = { properties: { n: JSON.parse(text) as JsonObject } }
    const definition = { ...tool('v', 'pay'), raw: { name: 'pay', inputSchema } }
    const authority = compiled(grant('effect: read, when: args.n == 1')).tool(definition)
    expect(authority).toMatchObject({ listed: false, effects: ['read'] })
    expect(authority.problems).toMatchObject([{ id: 'invalid_definition', place: { line: 5 } }])
    expect(authority.decide(call({ n: 1 })).effect).toBe('deny')
  })

  test('that may take others does not', () => {
    for (const opening of [
      { additionalProperties: true },
      { additionalProperties: { type: 'string' } },
      { patternProperties: {} },
      { $ref: '#/$defs/x' },
      { allOf: [] },
    ])
      expect(listed({ properties: { m: {} }, ...opening })).toBe(true)
    expect(listed({})).toBe(true)
  })
})

describe('effects', () => {
  test('are the strictest that the grants say, and every class where none says one', () => {
    const effects = (own: string, other: string): readonly string[] =>
      compiled(`roles: [r]\ntools: { v/pay: { ${own} } }`, {
        'roles/r.yaml': `role: r\ntools: { v/pay: { ${other} } }`,
      }).tool(tool('v', 'pay')).effects
    expect(effects('effect: read', 'effect: pay')).toEqual(['pay'])
    expect(effects('effect: delete', 'effect: write')).toEqual(['delete'])
    expect(effects('effect: read', '')).toEqual(['read'])
    expect(effects('', '')).toHaveLength(7)
  })

  test('the lock file takes part: the strictest of the two counts, and where grants say none, its own', () => {
    const effects = (said: string, locked: EffectClass): readonly string[] =>
      compiled(`tools: { v/pay: { ${said} } }`).tool({ ...tool('v', 'pay'), lockedEffect: locked })
        .effects
    expect(effects('effect: read', 'write')).toEqual(['write'])
    expect(effects('effect: delete', 'write')).toEqual(['delete'])
    expect(effects('', 'write')).toEqual(['write'])
  })

  test('a tool is not remembered with the effect of another lock', () => {
    const mandate = compiled('tools: { v/pay: { effect: read } }')
    expect(mandate.tool(tool('v', 'pay')).effects).toEqual(['read'])
    const locked = { ...tool('v', 'pay'), lockedEffect: 'pay' } as const
    expect(mandate.tool(locked).effects).toEqual(['pay'])
    expect(mandate.tool(tool('v', 'pay')).effects).toEqual(['read'])
  })
})

describe('facts', () => {
  test('are the values that rules read, and no others', () => {
    const body = grant('args: { n: { present: true } }, otherArgs: permit, when: args.m == 1')
    expect(decide(body, { n: 'x', m: 1, other: 'y' }).facts).toEqual({ n: 'x', m: 1 })
    expect(decide(body, { n: 'x', m: 2, other: 'y' }).facts).toEqual({ n: 'x', m: 2 })
  })

  test('hold what conditions were told of the task’s history', () => {
    const when = `'session.calls("v/pay", "1h") < 3 && args.m == 1'`
    const authority = compiled(grant(`when: ${when}`)).tool(tool('v', 'pay'))
    const session = { id: 't', labels: [], history: { read: () => 2 } }
    const made = authority.decide({ ...call({ m: 1 }), session })
    expect(made.reason).toBe('permitted')
    expect(made.facts).toEqual({ m: 1, 'session.calls("v/pay", "1h")': 2 })
    const unknown = authority.decide(call({ m: 1 }))
    expect(unknown.reason).toBe('evaluation_error')
    expect(unknown.facts).toEqual({ m: 1 })
  })

  test('are cut where they are long, at any depth', () => {
    const body = grant('args: { n: { present: true } }')
    const long = 'x'.repeat(257)
    expect(decide(body, { n: 'x'.repeat(256) }).facts).toEqual({ n: 'x'.repeat(256) })
    expect(decide(body, { n: long }).facts).toEqual({ n: { $length: 257, $cut: true } })
    expect(decide(body, { n: { a: [long, 1] } }).facts).toEqual({
      n: { a: [{ $length: 257, $cut: true }, 1] },
    })
    expect(decide(body, { n: Array.from({ length: 65 }, () => 1) }).facts).toEqual({
      n: { $length: 65, $cut: true },
    })
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, 1]))
    expect(decide(body, { n: many }).facts).toEqual({ n: { $length: 65, $cut: true } })
    const wide = Array.from({ length: 60 }, () => Array.from({ length: 60 }, () => 'abc'))
    expect(JSON.stringify(decide(body, { n: wide }).facts).length).toBeLessThan(8000)
  })

  test('never hold what is named like a secret', () => {
    const body = grant(
      'args: { api_key: { present: true }, login: { present: true } }, when: args.api_key != ""',
    )
    const args = { api_key: 'hunter2', login: { user: 'u', password: 'hunter2' } }
    const decision = decide(body, args)
    expect(decision.facts).toEqual({
      api_key: { $secret: true },
      login: { user: 'u', password: { $secret: true } },
    })
    const conjuncts = compiled(body).tool(tool('v', 'pay')).explain(call(args))
    expect(JSON.stringify(conjuncts)).not.toContain('hunter2')
  })

  test('nor does an explanation show what stands below such a name', () => {
    const body = grant(
      'args: { credentials: { fields: { user: { equals: x } } } }, when: args.credentials.user == "x"',
    )
    const conjuncts = compiled(body)
      .tool(tool('v', 'pay'))
      .explain(call({ credentials: { user: 'hunter2' } }))
    expect(conjuncts.filter(({ result }) => result === 'fails')).toHaveLength(2)
    expect(JSON.stringify(conjuncts)).not.toContain('hunter2')
  })
})

describe('prompts', () => {
  const mandate = compiled('prompts: { v/brief: { args: { topic: { one_of: [a, b] } } } }')
  const resource = { kind: 'prompt', server: 'v', name: 'brief' } as const
  const decided = (args: JsonObject, action: 'prompts/get' | 'completion/complete'): string =>
    mandate.prompt('v', 'brief').decide(call(args, { action, resource })).reason

  test('have their arguments judged', () => {
    expect(decided({ topic: 'a' }, 'prompts/get')).toBe('permitted')
    expect(decided({ topic: 'c' }, 'prompts/get')).toBe('outside_mandate')
    expect(decided({ topic: 'a', more: 'x' }, 'prompts/get')).toBe('outside_mandate')
  })

  test('are completed while a value is half typed, but only for the arguments they may have', () => {
    expect(decided({ topic: 'hal' }, 'completion/complete')).toBe('permitted')
    expect(decided({ more: 'hal' }, 'completion/complete')).toBe('outside_mandate')
  })
})

test('an upstream may ask only what is written, of its own server', () => {
  const mandate = compiled('requests: { v: [elicitation] }')
  expect(mandate.permitsRequest('v', 'elicitation')).toBe(true)
  expect(mandate.permitsRequest('v', 'sampling')).toBe(false)
  expect(mandate.permitsRequest('w', 'elicitation')).toBe(false)
})

test('a mandate is valid from its first moment until just before its last', () => {
  const mandate = compiledText(`mandate: m
agent: a
purpose: p
valid: { from: 2026-11-20T09:00:00Z, until: 2026-12-31T18:00:00Z }
`)
  const at = (text: string): string => mandate.validity(instant(Date.parse(text)))
  expect(at('2026-11-20T08:59:59.999Z')).toBe('not_yet')
  expect(at('2026-11-20T09:00:00Z')).toBe('valid')
  expect(at('2026-12-31T17:59:59.999Z')).toBe('valid')
  expect(at('2026-12-31T18:00:00Z')).toBe('expired')
})

test('an authority is compiled once for a definition, and again when that changes', () => {
  const mandate = compiled(grant('args: { n: { present: true } }'))
  const known = tool('v', 'pay', { n: {} })
  expect(mandate.tool(known)).toBe(mandate.tool({ ...known }))
  const changed = {
    ...tool('v', 'pay', { m: {} }),
    definition: known.definition.replace('0', '1') as typeof known.definition,
  }
  expect(mandate.tool(changed).listed).toBe(false)
  expect(mandate.tool(known).listed).toBe(true)
})

describe('what tools share', () => {
  const n = { n: { type: 'number' } }

  test('is never the condition of another schema', () => {
    const mandate = compiled('tools: { v/*: { when: args.n > 1 } }')
    expect(mandate.tool(tool('v', 'with', n)).listed).toBe(true)
    expect(mandate.tool(tool('v', 'without', { m: {} })).listed).toBe(false)
    expect(mandate.tool(tool('v', 'text', { n: { type: 'string' } })).listed).toBe(false)
    expect(mandate.tool(tool('v', 'again', n)).listed).toBe(true)
  })

  test('is never the facts or the second spellings of another', () => {
    const open = (name: string): string =>
      `{ args: { ${name}: { present: true } }, otherArgs: permit }`
    const mandate = compiled(`tools: { v/a: ${open('x')}, v/b: ${open('y')}, v/c: ${open('x')} }`)
    const decided = (name: string, args: JsonObject, schema?: JsonObject): Decision =>
      mandate.tool(tool('v', name, schema)).decide(call(args))
    expect(decided('a', { x: 1, y: 2 }).facts).toEqual({ x: 1 })
    expect(decided('b', { x: 1, y: 2 }).facts).toEqual({ y: 2 })
    expect(decided('a', { x: 1, X: 2 }).effect).toBe('deny')
    expect(decided('c', { x: 1, X: 2 }, { x: {}, X: {} }).effect).toBe('permit')
  })
})
