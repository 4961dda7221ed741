/** AuthZEN 1.0: what a decision point is told, and which of its answers permit. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openEngine } from '../../src/engine/open.ts'
import type { AuthzenConfig } from '../../src/model/engine.ts'
import type { PolicyEngine } from '../../src/model/port.ts'
import { BASE, engineDeps, questionOf } from '../fakes/engine.ts'
import { type Answering, type FakePdp, json, startPdp } from '../fakes/pdp.ts'

let pdp: FakePdp
let open: PolicyEngine[] = []
beforeEach(async () => {
  pdp = await startPdp()
})
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close()
  open = []
  await pdp.close()
})

async function authzen(changed: Partial<AuthzenConfig> = {}): Promise<PolicyEngine> {
  const config: AuthzenConfig = {
    ...BASE,
    type: 'authzen',
    url: pdp.url,
    discover: false,
    headers: new Map(),
    insecure: false,
    ...changed,
  }
  const engine = await openEngine(
    config,
    engineDeps({ expand: (text) => text.replace('${T}', 'tok') }),
  )
  open.push(engine)
  return engine
}

const QUESTION = questionOf({
  vendor_class: 'B',
  api_key: 'sk-1',
  nested: [{ password: 'x', a: 1 }],
})

test('it is told who acts on what, with what, and when', async () => {
  const engine = await authzen({ headers: new Map([['Authorization', 'Bearer ${T}']]) })
  expect(await engine.ask(QUESTION)).toMatchObject({ engine: 'pdp', effect: 'permit' })
  const [asked] = pdp.asked
  expect(asked).toMatchObject({
    method: 'POST',
    path: '/access/v1/evaluation',
    headers: {
      authorization: 'Bearer tok',
      accept: 'application/json',
      'content-type': 'application/json',
      'x-request-id': 'call-1',
    },
  })
  const context = {
    agent: 'procurement-agent-001',
    time: '2026-11-24T09:30:00.000Z',
    local: { zone: 'Europe/Berlin', weekday: 'Tue', date: '2026-11-24', hour: 10, minute: 30 },
    environment: 'prod',
    risk: 'normal',
    mandate: 'vendor-intake',
    labels: [],
    purpose: { text: 'Approve vendors', ref: 'PROC-1182' },
    arguments: { vendor_class: 'B', nested: [{ a: 1 }] },
  }
  expect(JSON.parse(asked?.body ?? '')).toEqual({
    subject: {
      type: 'identity',
      id: 'procurement-agent-001',
      properties: { agent: 'procurement-agent-001', assurance: 'bearer_key' },
    },
    action: { name: 'tools/call' },
    resource: {
      type: 'tool',
      id: 'vendors/approve',
      properties: {
        server: 'vendors',
        name: 'approve',
        definition: '0'.repeat(64),
        effects: ['write'],
        data: ['internal'],
        context,
      },
    },
    context,
  })
})

test('it is told no more than the configuration says', async () => {
  const engine = await authzen({ send: [] })
  await engine.ask(QUESTION)
  const { context } = JSON.parse(pdp.asked[0]?.body ?? '') as { context: object }
  for (const name of ['arguments', 'labels', 'purpose']) expect(context).not.toHaveProperty(name)
})

test('whoever stands behind the agent is the subject', async () => {
  const engine = await authzen()
  const principal = { agent: 'a', assurance: 'bearer_key', onBehalfOf: 'dana' } as const
  await engine.ask(questionOf({}, { principal }))
  expect(JSON.parse(pdp.asked[0]?.body ?? '')).toMatchObject({
    subject: { id: 'dana', properties: { agent: 'a', on_behalf_of: 'dana' } },
  })
})

test('resources are told by their URI', async () => {
  const engine = await authzen()
  const resource = { kind: 'resource', server: 'files', uri: 'file:///a' } as const
  await engine.ask(questionOf({}, { action: 'resources/read', resource }))
  expect(JSON.parse(pdp.asked[0]?.body ?? '')).toMatchObject({
    action: { name: 'resources/read' },
    resource: { type: 'resource', id: 'files/file:///a', properties: { uri: 'file:///a' } },
  })
})

const raw =
  (
    body: string | Buffer,
    type = 'application/json',
    more: Record<string, string> = {},
  ): Answering =>
  (_, response) => {
    response.writeHead(200, { 'content-type': type, ...more }).end(body)
  }

describe('its answer', () => {
  test.each<[string, Answering, 'permit' | 'deny' | 'error']>([
    ['true', json({ decision: true }), 'permit'],
    ['false', json({ decision: false }), 'deny'],
    ['true with nothing due', json({ decision: true, context: { obligations: [] } }), 'permit'],
    [
      'true with something due',
      json({ decision: true, context: { obligations: [{ id: '1' }] } }),
      'error',
    ],
    ['true with what may be due', json({ decision: true, context: { obligations: {} } }), 'error'],
    ['true with null due', json({ decision: true, context: { obligations: null } }), 'error'],
    ['true with a list as context', json({ decision: true, context: [] }), 'error'],
    ['true twice, once not', raw('{"decision": false, "decision": true}'), 'error'],
    ['true twice, once escaped', raw('{"decision": false, "d\\u0065cision": true}'), 'error'],
    ['a context twice', raw('{"decision": true, "context": {"a": [{"b": 1, "b": 2}]}}'), 'error'],
    ['true with a name that is escaped', raw('{"d\\u0065cision": true, "context": {}}'), 'permit'],
    [
      'true with something due beside it',
      json({ decision: true, obligations: [{ id: 'x' }] }),
      'error',
    ],
    ['true with one thing due', json({ decision: true, context: { Obligation: {} } }), 'error'],
    [
      'true with advice, deeper',
      json({ decision: true, context: { response: [{ AssociatedAdvice: ['log'] }] } }),
      'error',
    ],
    ['true with something unknown', json({ decision: true, conditions: ['mfa'] }), 'error'],
    ['true with a context', json({ decision: true, context: { id: 'x', a: { b: 1 } } }), 'permit'],
    ['false with something unknown', json({ decision: false, conditions: ['mfa'] }), 'deny'],
    ['false with something due', json({ decision: false, context: { obligations: [1] } }), 'deny'],
    ['a text', json({ decision: 'true' }), 'error'],
    ['a number', json({ decision: 1 }), 'error'],
    ['nothing', json({}), 'error'],
    ['null', json(null), 'error'],
    ['a list', json([{ decision: true }]), 'error'],
    ['a prototype', raw('{"__proto__": {"decision": true}}'), 'error'],
    ['created', json({ decision: true }, 201), 'error'],
    ['unauthorized', json({ decision: true }, 401), 'error'],
    ['broken', json({ decision: true }, 500), 'error'],
    ['text', raw('{"decision": true}', 'text/plain'), 'error'],
    ['half', raw('{"decision": tr'), 'error'],
    ['not UTF-8', raw(Buffer.from('{"decision": true, "a": "\xff"}', 'latin1')), 'error'],
    [
      'packed',
      raw('{"decision": true}', 'application/json', { 'content-encoding': 'gzip' }),
      'error',
    ],
    ['large', raw(`{"decision": true, "a": "${'x'.repeat(65_536)}"}`), 'error'],
    ['deep', raw(`{"decision": true, "a": ${'['.repeat(30_000)}`), 'error'],
    [
      'broken off',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
        response.write('{"decision": true}', () => response.destroy())
      },
      'error',
    ],
  ])('%s is taken for what it is', async (_, answer, effect) => {
    pdp.answer = answer
    const engine = await authzen()
    expect((await engine.ask(QUESTION)).effect).toBe(effect)
    expect(pdp.asked).toHaveLength(1)
  })

  test('is no redirect: nobody else is asked', async () => {
    const other = await startPdp()
    pdp.answer = (_, response) => {
      response.writeHead(307, { location: `${other.url}/access/v1/evaluation` }).end()
    }
    const engine = await authzen()
    expect(await engine.ask(QUESTION)).toMatchObject({
      effect: 'error',
      detail: 'it redirects (HTTP 307)',
    })
    expect(other.asked).toEqual([])
    await other.close()
  })

  test('has a reason for operators', async () => {
    pdp.answer = json({ decision: false, context: { reason_admin: { en: 'no class B' } } })
    const engine = await authzen()
    expect(await engine.ask(QUESTION)).toMatchObject({ effect: 'deny', detail: 'no class B' })
  })
})

test('a connection that was let go of in the meantime is no error', async () => {
  const engine = await authzen()
  await engine.ask(QUESTION)
  pdp.letGo()
  expect((await engine.ask(QUESTION)).effect).toBe('permit')
})

test('one that is not there is an error, and keeps nothing from starting', async () => {
  const engine = await authzen()
  await pdp.close()
  expect((await engine.ask(QUESTION)).effect).toBe('error')
})

test('a question of more than 256 KiB is not asked', async () => {
  const engine = await authzen()
  expect((await engine.ask(questionOf({ text: 'x'.repeat(200_000) }))).effect).toBe('error')
  expect(pdp.asked).toEqual([])
})

test('after the deadline the question is withdrawn', async () => {
  const deps = engineDeps()
  let asked: () => void = () => {}
  const arrived = new Promise<void>((resolve) => {
    asked = resolve
  })
  const gone = new Promise<void>((resolve) => {
    pdp.answer = (_, response) => {
      response.on('close', resolve)
      asked()
    }
  })
  const config = {
    ...BASE,
    type: 'authzen',
    url: pdp.url,
    discover: false,
    headers: new Map(),
    insecure: false,
  } as const
  const engine = await openEngine(config, deps)
  open.push(engine)
  const answer = engine.ask(QUESTION)
  await arrived
  deps.clock.advance(5_000)
  expect((await answer).effect).toBe('error')
  await gone
})

describe('its configuration document', () => {
  const document = (changed: object = {}): Answering => {
    const configuration = {
      policy_decision_point: `${pdp.url}/tenant`,
      access_evaluation_endpoint: `${pdp.url}/elsewhere`,
      ...changed,
    }
    return (asked, response) =>
      json(asked.method === 'GET' ? configuration : { decision: true })(asked, response)
  }
  const ask = async (): Promise<string> => {
    const engine = await authzen({ url: `${pdp.url}/tenant/`, discover: true })
    await engine.ask(QUESTION)
    return (await engine.ask(QUESTION)).effect
  }

  test('says where it evaluates, and is read once', async () => {
    pdp.answer = document()
    expect(await ask()).toBe('permit')
    expect(pdp.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /.well-known/authzen-configuration/tenant',
      'POST /elsewhere',
      'POST /elsewhere',
    ])
  })

  test.each([
    ['of another decision point', { policy_decision_point: 'https://other.example' }],
    ['that leads to another origin', { access_evaluation_endpoint: 'http://127.0.0.1:9/x' }],
    ['without an endpoint', { access_evaluation_endpoint: 7 }],
  ])('%s is an error, and nothing is told', async (_, changed) => {
    pdp.answer = document(changed)
    expect(await ask()).toBe('error')
    expect(pdp.asked.filter(({ method }) => method === 'POST')).toEqual([])
  })
})

describe('it is not opened', () => {
  test.each([
    ['over plain HTTP to another machine', { url: 'http://pdp.example' }, 'plain HTTP'],
    ['with a password in its URL', { url: 'https://a:secret@pdp.example' }, 'password'],
    ['with a query', { url: 'https://pdp.example?a=b' }, 'query'],
    ['without a URL', { url: 'pdp.example' }, 'URL'],
    ['with a header of two lines', { headers: new Map([['A', 'b\r\nc: d']]) }, 'header `A`'],
  ])('%s', async (_, changed, why) => {
    await expect(authzen(changed)).rejects.toThrow(why)
    await expect(authzen(changed)).rejects.not.toThrow('secret@')
  })

  test('but over plain HTTP where that is meant', async () => {
    const engine = await authzen({ url: 'http://pdp.example', insecure: true })
    expect(engine.id).toBe('pdp')
  })
})
