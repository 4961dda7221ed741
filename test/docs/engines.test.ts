/** The page about engines against the code: its examples work, its tables name what there is. */
import { describe, expect, test } from 'vitest'
import { validateCedar } from '../../src/engine/cedar-check.ts'
import { argumentsType, typeJson } from '../../src/engine/cedar-type.ts'
import { localTimeIn } from '../../src/engine/local-time.ts'
import { ENGINE_PACKAGES } from '../../src/engine/package.ts'
import { evaluationOf } from '../../src/engine/told.ts'
import { problemText, Problems } from '../../src/model/document.ts'
import { TOLD } from '../../src/model/engine.ts'
import { sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { parseEngines } from '../../src/policy/engine-config.ts'
import { APPROVE_SCHEMA, questionOf } from '../fakes/engine.ts'
import { blocks, page, table } from './markdown.ts'

const PAGE = page('docs/engines.md')

test('the engines of the example are read, and each has its default deadline', () => {
  const problems = new Problems()
  const [text = ''] = blocks(PAGE, 'yaml')
  const engines = parseEngines({ text, file: 'engines.yaml' }, problems)
  expect(problems.list.map(problemText)).toEqual([])
  expect(engines.map(({ id, deadlineMs }) => [id, deadlineMs])).toEqual([
    ['cerbos', 200],
    ['opa', 100],
    ['rego', 250],
    ['cedar', 250],
  ])
})

test('every member has its row', () => {
  const rows = table(PAGE, 'member').flatMap(([names = '']) => names.match(/\w+/g) ?? [])
  const problems = new Problems()
  for (const type of ['authzen', 'opa', 'opa_wasm', 'cedar'])
    parseEngines({ text: `engines: [{ type: ${type}, zzzz: 1 }]`, file: 'e.yaml' }, problems)
  const known = problems.list
    .filter(({ message }) => message.includes('zzzz'))
    .flatMap(({ remedy = '' }) => [...remedy.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
  expect(rows.toSorted()).toEqual([...new Set(known)].toSorted())
})

test('what an engine is told is what stands there', () => {
  const [text = ''] = blocks(PAGE, 'json')
  const principal = {
    agent: 'procurement-agent-001',
    assurance: 'bearer_key',
    onBehalfOf: 'dana',
  } as const
  const mandate = {
    name: 'vendor-intake-q4',
    purpose: { text: 'Approve class B vendors', ref: 'PROC-1182' },
  }
  const question = questionOf({ vendor_class: 'B', password: 'x' }, { principal, mandate })
  const told = evaluationOf(question, { send: TOLD, localTime: localTimeIn('Europe/Berlin') })
  const shown = text.replace('(its hash)', '0'.repeat(64))
  expect(told).toEqual(JSON.parse(shown))
})

test('the packages to install are those that are tested', () => {
  for (const [name, version] of Object.entries(ENGINE_PACKAGES))
    expect(PAGE).toContain(`npm install ${name}@${version}`)
})

describe('Cedar', () => {
  test('takes the example', async () => {
    const [text = ''] = blocks(PAGE, 'cedar')
    const raw = { name: 'approve', inputSchema: APPROVE_SCHEMA }
    const tool = { server: 'vendors', name: 'approve', raw, definition: sha256('0'.repeat(64)) }
    const policies = [{ file: 'guard.cedar', text }]
    expect(await validateCedar({ policies, tools: [tool], send: TOLD })).toEqual([])
  })

  test('has the types of the table', () => {
    const examples: Readonly<Record<string, JsonObject>> = {
      '`string`, an `enum` of texts': { enum: ['a', 'b'] },
      '`integer`': { type: 'integer' },
      '`number`': { type: 'number' },
      '`boolean`': { type: 'boolean' },
      '`array` with `items`': { type: 'array', items: { type: 'string' } },
      '`object` with `properties`': { type: 'object', properties: {} },
    }
    const rows = table(PAGE, 'in `inputSchema`')
    for (const [schema = '', type = ''] of rows.slice(0, 6)) {
      const typed = typeJson(argumentsType({ properties: { a: examples[schema] ?? {} } }))
      const { a } = typed['attributes'] as { a?: { type: string; name?: string } }
      expect(`\`${a?.name ?? a?.type}\``, schema).toBe(type)
    }
  })
})
