/** Cedar's own library: typed by the tool's schema, and an error where Cedar would decide without a policy that failed. */
import { afterEach, describe, expect, test } from 'vitest'
import { loadCedar } from '../../src/engine/cedar-evaluate.ts'
import { localTimeIn } from '../../src/engine/local-time.ts'
import { openEngine } from '../../src/engine/open.ts'
import { failed, reasonOf, type Said } from '../../src/engine/said.ts'
import { evaluationOf } from '../../src/engine/told.ts'
import type { CedarConfig } from '../../src/model/engine.ts'
import { sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { PolicyEngine } from '../../src/model/port.ts'
import { BASE, engineDeps, questionOf } from '../fakes/engine.ts'

const APPROVAL = { vendor_id: 'v1', vendor_class: 'B', amount: 100 }

const open: PolicyEngine[] = []
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.close()
})

async function cedar(text: string, changed: Partial<CedarConfig> = {}): Promise<PolicyEngine> {
  const config: CedarConfig = { ...BASE, type: 'cedar', policies: ['guard.cedar'], ...changed }
  const engine = await openEngine(config, engineDeps({ read: () => Buffer.from(text) }))
  open.push(engine)
  return engine
}

/** As its thread does it, without the thread. */
async function evaluator(text: string): Promise<(...about: Parameters<typeof questionOf>) => Said> {
  const { send, timezone } = BASE
  const evaluate = await loadCedar({
    kind: 'cedar',
    policies: [{ file: 'guard.cedar', text }],
    send,
  })
  const telling = { send, localTime: localTimeIn(timezone) }
  return (...about) => {
    const question = questionOf(...about)
    const input = JSON.stringify(evaluationOf(question, telling))
    try {
      return evaluate({ input, schema: JSON.stringify(question.inputSchema) })
    } catch (error) {
      return failed(reasonOf(error))
    }
  }
}

/** What one policy text makes of one call. */
async function asked(text: string, args: JsonObject = APPROVAL, ...rest: Rest): Promise<Said> {
  return (await evaluator(text))(args, ...rest)
}
type Rest = [changed?: Parameters<typeof questionOf>[1], about?: Parameters<typeof questionOf>[2]]

describe('Cedar', () => {
  test('permits with the policies that did, and denies with those or none', async () => {
    const engine = await cedar(`
      @id("class-b") permit (principal == Agent::"procurement-agent-001", action == Action::"vendors/approve",
        resource in Server::"vendors") when { context.arguments.vendor_class == "B" };
      forbid (principal, action in Action::"call_tool", resource) when { context.labels.contains("untrusted") };
    `)
    expect(await engine.ask(questionOf(APPROVAL))).toMatchObject({
      effect: 'permit',
      detail: 'class-b',
    })
    expect(await engine.ask(questionOf({ ...APPROVAL, vendor_class: 'A' }))).toMatchObject({
      effect: 'deny',
      detail: 'no policy permits it',
    })
    const tainted = questionOf(APPROVAL, { session: { id: 't', labels: ['untrusted'] } })
    expect(await engine.ask(tainted)).toMatchObject({ effect: 'deny', detail: 'guard.cedar#2' })
  })

  test('denies by default', async () => {
    expect(await asked('')).toMatchObject({ effect: 'deny' })
  })

  test('that a policy failed in is an error, though Cedar says allow', async () => {
    const overflow = `permit (principal, action, resource);
      @id("sum") forbid (principal, action == Action::"vendors/approve", resource)
        when { context.arguments.amount + 9223372036854775807 > 0 };`
    expect(await asked(overflow)).toMatchObject({
      effect: 'error',
      detail: expect.stringContaining('`sum`') as string,
    })
  })

  test('knows the time, here and there', async () => {
    const hours = `permit (principal, action, resource) when {
      context.local.weekday == "Tue" && context.local.hour == 10 && context.local.minute == 30 &&
      context.local.zone == "Europe/Berlin" && context.local.date == "2026-11-24" &&
      context.time == datetime("2026-11-24T09:30:00.000Z") };`
    expect(await asked(hours)).toMatchObject({ effect: 'permit' })
  })

  test('knows the tool, the agent and what stands behind it', async () => {
    const all = `permit (principal is Agent, action, resource is Tool) when {
      principal.assurance == "bearer_key" && principal has on_behalf_of && principal.on_behalf_of == "dana" &&
      resource.server == "vendors" && resource.name == "approve" && resource.definition like "000*" &&
      resource.effects == ["write"] && resource.data.contains("internal") &&
      context.environment == "prod" && context.risk == "normal" && context has mandate &&
      context.mandate == "vendor-intake" && context has purpose && context.purpose has ref &&
      context.purpose.ref == "PROC-1182" };`
    const principal = {
      agent: 'procurement-agent-001',
      assurance: 'bearer_key',
      onBehalfOf: 'dana',
    } as const
    expect(await asked(all, APPROVAL, { principal })).toMatchObject({ effect: 'permit' })
  })

  test('takes a tool that nobody classified for every class', async () => {
    const sends = `permit (principal, action, resource) unless { resource.effects.contains("send") };`
    expect(await asked(sends)).toMatchObject({ effect: 'permit' })
    expect(await asked(sends, APPROVAL, {}, { effects: [] })).toMatchObject({ effect: 'deny' })
  })

  test.each([
    [
      'a text for an integer',
      { ...APPROVAL, amount: '100' },
      '`arguments.amount` is not an integer',
    ],
    [
      'a fraction for an integer',
      { ...APPROVAL, amount: 1.5 },
      '`arguments.amount` is not an integer',
    ],
    ['null', { ...APPROVAL, vendor_class: null }, '`arguments.vendor_class` is not a text'],
    ['a list', { ...APPROVAL, vendor_class: ['B'] }, '`arguments.vendor_class` is not a text'],
    [
      'an entity in disguise',
      { ...APPROVAL, vendor_id: { __entity: { type: 'Tool', id: 'x' } } },
      'not a text',
    ],
    [
      'half a character',
      { ...APPROVAL, vendor_id: '\uD800' },
      '`arguments.vendor_id` is not a text',
    ],
    ['a member that no schema names', { ...APPROVAL, note: 'x' }, 'does not name'],
    ['a required one missing', { vendor_id: 'v1', vendor_class: 'B' }, 'amount'],
  ])('takes %s for an error, whatever the policies', async (_, args, why) => {
    expect(await asked('permit (principal, action, resource);', args)).toMatchObject({
      effect: 'error',
      detail: expect.stringContaining(why) as string,
    })
  })

  test.each([
    ['an optional argument read without `has`', 'context.arguments.note == "x"'],
    ['a misspelt argument', 'context.arguments.vendorclass == "B"'],
    ['an integer compared with a text', 'context.arguments.amount == "100"'],
    ['an argument that is never told', 'context.arguments.token == "x"'],
  ])('does not judge by %s: it is an error', async (_, when) => {
    const inputSchema = {
      type: 'object',
      properties: {
        vendor_class: { type: 'string' },
        amount: { type: 'integer' },
        note: { type: 'string' },
        token: { type: 'string' },
      },
      required: ['vendor_class', 'amount'],
    }
    const text = `permit (principal, action, resource); forbid (principal, action, resource) when { ${when} };`
    const args = { vendor_class: 'A', amount: 1, token: 'x' }
    const said = await asked(text, args, {}, { inputSchema })
    expect(said).toMatchObject({ effect: 'error' })
  })

  test('has a type for every argument that it can have one for', async () => {
    const inputSchema = {
      type: 'object',
      $defs: {
        person: { type: 'object', properties: { mail: { type: 'string' } }, required: ['mail'] },
      },
      properties: {
        price: { type: 'number' },
        to: { type: 'array', items: { $ref: '#/$defs/person' } },
        tags: { type: 'array', items: { type: 'string' } },
        urgent: { type: ['boolean', 'null'] },
        kind: { enum: ['a', 'b'] },
        free: {},
        either: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      },
      required: ['price', 'to', 'tags', 'kind', 'free'],
    }
    const text = `permit (principal, action, resource) when {
      context.arguments.price.lessThan(decimal("10.5")) && context.arguments.tags.contains("new") &&
      context.arguments.to.contains({ "mail": "bob@acme.example" }) && context.arguments.kind == "a" &&
      !(context.arguments has urgent && context.arguments.urgent) };`
    const args = {
      price: 10.25,
      to: [{ mail: 'bob@acme.example' }],
      tags: ['new'],
      kind: 'a',
      free: { anything: null },
      either: 1,
    }
    const about = { inputSchema }
    expect(await asked(text, args, {}, about)).toMatchObject({ effect: 'permit' })
    expect(await asked(text, { ...args, urgent: true }, {}, about)).toMatchObject({
      effect: 'deny',
    })
    for (const bad of [
      { price: 0.00001 },
      { price: 1e15 },
      { urgent: null },
      { to: [{ mail: 1 }] },
    ])
      expect(await asked(text, { ...args, ...bad }, {}, about)).toMatchObject({ effect: 'error' })
  })

  test('looks only at policies that can be about the tool, and at every one that can', async () => {
    const ask = await evaluator(`
      permit (principal, action, resource);
      forbid (principal, action == Action::"mail/send", resource) when { context.arguments.subject like "*" };
      forbid (principal, action, resource == Tool::"mail/send") when { context.arguments.subject like "*" };
      forbid (principal, action, resource in Server::"mail");
      forbid (principal, action in [Action::"mail/send", Action::"vendors/approve"], resource)
        when { context.risk == "high" };
      forbid (principal, action == Action::"get_prompt", resource) when { resource.name == "x" };
      forbid (principal, action == Action::"read_resource", resource) when { resource.uri like "*secret*" };
    `)
    expect(ask(APPROVAL)).toMatchObject({ effect: 'permit' })
    expect(ask(APPROVAL, { risk: 'high' })).toMatchObject({
      effect: 'deny',
      detail: 'guard.cedar#5',
    })
    const mail = {
      resource: { kind: 'tool', server: 'mail', name: 'send', definition: sha256('1'.repeat(64)) },
    } as const
    const inputSchema = {
      type: 'object',
      properties: { subject: { type: 'string' } },
      required: ['subject'],
    }
    expect(ask({ subject: 's' }, mail, { inputSchema })).toMatchObject({
      effect: 'deny',
      detail: 'guard.cedar#2, guard.cedar#3, guard.cedar#4',
    })
    const read = (uri: string): Said =>
      ask({}, { action: 'resources/read', resource: { kind: 'resource', server: 'files', uri } })
    expect(read('file:///a')).toMatchObject({ effect: 'permit' })
    expect(read('file:///secret')).toMatchObject({ effect: 'deny' })
    const prompt = { kind: 'prompt', server: 'files', name: 'x' } as const
    expect(ask({ any: 'thing' }, { action: 'prompts/get', resource: prompt })).toMatchObject({
      effect: 'deny',
      detail: 'guard.cedar#6',
    })
  })

  test('judges by the definition it was asked with', async () => {
    const ask = await evaluator(
      'permit (principal, action, resource) when { context.arguments has note };',
    )
    const note = { type: 'object', properties: { note: { type: 'string' } } }
    expect(ask({ note: 'x' }, {}, { inputSchema: note })).toMatchObject({ effect: 'permit' })
    expect(ask({}, {}, { inputSchema: { type: 'object' } })).toMatchObject({ effect: 'deny' })
    expect(ask({ note: 'x' }, {}, { inputSchema: note })).toMatchObject({ effect: 'permit' })
  })

  test('keeps the policies of many tools apart', async () => {
    const ask = await evaluator(
      'permit (principal, action, resource) when { context.arguments has a7 || context.arguments has a299 };',
    )
    const effect = (index: number): string => {
      const inputSchema = { type: 'object', properties: { [`a${index}`]: { type: 'string' } } }
      const name = `t${index}`
      const definition = sha256('0'.repeat(64))
      const resource = { kind: 'tool', server: 's', name, definition } as const
      return ask({ [`a${index}`]: 'x' }, { resource }, { inputSchema }).effect
    }
    for (const index of [...Array(300).keys(), 299, 0, 7, 298])
      expect(effect(index), `t${index}`).toBe(index === 7 || index === 299 ? 'permit' : 'deny')
  })

  test('that is not told something has no name for it', async () => {
    const engine = await cedar(
      'permit (principal, action, resource) when { context.arguments.amount > 0 };',
      { send: ['labels'] },
    )
    expect(await engine.ask(questionOf(APPROVAL))).toMatchObject({ effect: 'error' })
  })

  test.each([
    ['does not parse', 'permit (principal', '`guard.cedar`: '],
    ['holds a template', 'permit (principal == ?principal, action, resource);', 'template'],
    [
      'has one id twice',
      '@id("a") permit (principal, action, resource); @id("a") forbid (principal, action, resource);',
      'two policies',
    ],
  ])('whose text %s is not opened', async (_, text, why) => {
    await expect(cedar(text)).rejects.toThrow(why)
  })
})
