/** No policy that could decide is left out for a tool, and no arguments break the types. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadLibrary } from '../../src/engine/cedar-library.ts'
import { concerns, policiesOf } from '../../src/engine/cedar-policies.ts'
import { argumentsType, Unfit, valueJson } from '../../src/engine/cedar-type.ts'
import { withoutSecrets } from '../../src/engine/told.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { isSecretName } from '../../src/model/secret-name.ts'

const ACTIONS = [
  'action',
  'action == Action::"mail/send"',
  'action == Action::"vendors/approve"',
  'action in Action::"call_tool"',
  'action in [Action::"mail/send", Action::"read_resource"]',
  'action in [Action::"read_resource"]',
  'action in [Action::"call_tool", Action::"read_resource"]',
]
const RESOURCES = [
  'resource',
  'resource is Tool',
  'resource is Resource',
  'resource == Tool::"mail/send"',
  'resource == Tool::"vendors/approve"',
  'resource in Server::"mail"',
  'resource in Server::"vendors"',
  'resource in Tool::"mail/send"',
  'resource is Tool in Server::"mail"',
  'resource is Tool in Server::"vendors"',
]

test('what Cedar applies to a tool is among the policies that can be about it', async () => {
  const cedar = await loadLibrary()
  const uid = (type: string, id: string): { type: string; id: string } => ({ type, id })
  const parents = [uid('Server', 'mail')]
  const entities = [
    { uid: uid('Tool', 'mail/send'), attrs: {}, parents },
    { uid: uid('Action', 'mail/send'), attrs: {}, parents: [uid('Action', 'call_tool')] },
  ]
  const scope = {
    actions: ['mail/send', 'call_tool'],
    types: ['Tool'],
    tool: { id: 'mail/send', server: 'mail' },
  }
  let left = 0
  for (const action of ACTIONS) {
    for (const resource of RESOURCES) {
      const text = `permit (principal, ${action}, ${resource});`
      const answer = cedar.isAuthorized({
        principal: uid('Agent', 'a'),
        action: uid('Action', 'mail/send'),
        resource: uid('Tool', 'mail/send'),
        context: {},
        policies: { staticPolicies: text },
        entities,
      })
      const applied = answer.type === 'success' && answer.response.decision === 'allow'
      const [policy] = policiesOf([{ file: 'g', text }], cedar)
      const kept = policy !== undefined && concerns(policy, scope)
      expect(applied && !kept, text).toBe(false)
      if (!kept) left += 1
    }
  }
  expect(left).toBeGreaterThan(20)
})

const SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    a: { type: 'string' },
    b: { type: 'integer' },
    c: { type: 'number' },
    d: { type: 'array', items: { type: 'boolean' } },
    e: { type: 'object', properties: { a: { type: 'string' } } },
    __proto__: { type: 'string' },
  },
}

test('arguments of any kind have their types or are said not to', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '__proto__', '__entity', 'constructor')
  const type = argumentsType(SCHEMA)
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), (args) => {
      expect(thrownBy(() => valueJson(type, args as JsonObject, 'arguments'))).toSatisfy(
        (thrown) => thrown === undefined || thrown instanceof Unfit,
      )
    }),
  )
})

function thrownBy(action: () => unknown): unknown {
  try {
    action()
    return undefined
  } catch (error) {
    return error
  }
}

test('a schema of any kind has a type', () => {
  const word = fc.constantFrom(
    'type',
    'properties',
    'items',
    '$ref',
    'required',
    'enum',
    '#/a',
    'array',
    'object',
  )
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(word, fc.jsonValue(), fc.dictionary(word, tie('json')), fc.array(tie('json'))),
  }))
  fc.assert(
    fc.property(fc.dictionary(word, json), (schema) => {
      expect(argumentsType(schema as JsonObject).kind).toBe('Record')
    }),
  )
  const cycle = { type: 'object', properties: { a: { $ref: '#' } } }
  expect(argumentsType(cycle).kind).toBe('Record')
})

test('no member that is named as a secret is ever told', () => {
  const key = fc.oneof(fc.constantFrom('password', 'api_key', 'token', 'note'), fc.string())
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(fc.string(), fc.dictionary(key, tie('json')), fc.array(tie('json'))),
  }))
  fc.assert(
    fc.property(fc.dictionary(key, json), (args) => {
      JSON.stringify(withoutSecrets(args as JsonObject), (name, value: unknown) => {
        expect(name !== '' && isSecretName(name)).toBe(false)
        return value
      })
    }),
  )
})
