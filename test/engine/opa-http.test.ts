/** A running OPA: what it is asked, and which of its answers permit. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openEngine } from '../../src/engine/open.ts'
import type { PolicyEngine } from '../../src/model/port.ts'
import { BASE, engineDeps, questionOf } from '../fakes/engine.ts'
import { startOpa } from '../fakes/opa.ts'
import { type Answering, type FakePdp, json, startPdp } from '../fakes/pdp.ts'

const BUNDLE = join(import.meta.dirname, 'fixtures', 'chaperone.tar.gz')
const APPROVAL = { vendor_id: 'v1', vendor_class: 'B', amount: 100 }

async function opa(url: string, path = 'chaperone/permit'): Promise<PolicyEngine> {
  const headers = new Map<string, string>()
  return openEngine({ ...BASE, type: 'opa', url, path, headers, insecure: false }, engineDeps())
}

test('OPA permits and denies as its Rego says, and is an error where that is undefined', async () => {
  const server = await startOpa(BUNDLE, ['chaperone.rego', 'data.json'])
  const engine = await opa(server.url)
  expect((await engine.ask(questionOf(APPROVAL))).effect).toBe('permit')
  expect((await engine.ask(questionOf({ ...APPROVAL, vendor_class: 'A' }))).effect).toBe('deny')
  expect((await engine.ask(questionOf({}))).effect).toBe('deny')
  await engine.close()
  for (const path of ['chaperone/nothing', 'chaperone/answer']) {
    const undefinedThere = await opa(server.url, path)
    expect((await undefinedThere.ask(questionOf(APPROVAL))).effect).toBe('error')
    await undefinedThere.close()
  }
  await server.close()
})

describe('an answer', () => {
  let pdp: FakePdp
  beforeEach(async () => {
    pdp = await startPdp()
  })
  afterEach(async () => pdp.close())

  test.each<[string, Answering, string]>([
    ['true', json({ result: true }), 'permit'],
    ['false', json({ result: false }), 'deny'],
    ['allow', json({ result: { allow: true, obligations: [] } }), 'permit'],
    ['allow with a duty', json({ result: { allow: true, obligations: ['mask'] } }), 'error'],
    ['allow and denials', json({ result: { allow: true, deny: ['x'] } }), 'error'],
    ['allow and violations', json({ result: { allow: true, violations: [] } }), 'error'],
    ['allow and reasons', json({ result: { allow: true, reasons: ['x'] } }), 'permit'],
    ['no and denials', json({ result: { allow: false, deny: ['x'] } }), 'deny'],
    [
      'a result twice',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end('{"result": false, "result": true}')
      },
      'error',
    ],
    ['a set of denials', json({ result: [] }), 'error'],
    ['undefined', json({}), 'error'],
    ['null', json({ result: null }), 'error'],
    ['no object', json([true]), 'error'],
    ['a fault', json({ code: 'internal_error', result: true }, 500), 'error'],
  ])('%s is taken for what it is', async (_, answer, effect) => {
    pdp.answer = answer
    const engine = await opa(`${pdp.url}/opa/`)
    expect((await engine.ask(questionOf(APPROVAL))).effect).toBe(effect)
    expect(pdp.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /opa/v1/data/chaperone/permit?strict-builtin-errors=true',
    ])
    expect(JSON.parse(pdp.asked[0]?.body ?? '')).toMatchObject({
      input: { action: { name: 'tools/call' }, context: { arguments: APPROVAL } },
    })
    await engine.close()
  })
})
