/** `engines.yaml`: what it says, and what is wrong with it. */
import { describe, expect, test } from 'vitest'
import { problemText, Problems } from '../../src/model/document.ts'
import { type EngineConfig, engineFiles } from '../../src/model/engine.ts'
import { parseEngines } from '../../src/policy/engine-config.ts'

function parsed(text: string): {
  readonly engines: readonly EngineConfig[]
  readonly problems: readonly string[]
} {
  const problems = new Problems()
  const engines = parseEngines({ text, file: 'engines.yaml' }, problems)
  return {
    engines,
    problems: problems.list.map((problem) => `${problem.id} ${problemText(problem)}`),
  }
}

const at = (line: number, column: number): object => ({ file: 'engines.yaml', line, column })
const NAMED = {
  mode: 'enforce',
  effects: [],
  send: ['arguments', 'labels', 'purpose'],
  timezone: 'UTC',
}

test('it says of each engine where it is, what it is asked and what it is told', () => {
  const { engines, problems } = parsed(`engines:
  - { id: cerbos, type: authzen, url: "http://127.0.0.1:3592", discover: true, deadline: 200ms, mode: shadow,
      headers: { Authorization: "Bearer \${PDP_TOKEN}" }, tools: ["vendors/*", "**"], effects: [write], send: [arguments] }
  - { id: opa, type: opa, url: "\${OPA_URL}", path: chaperone/permit, description: the house rules, insecure: true }
  - { id: rego, type: opa_wasm, bundle: rego/policy.wasm, entrypoint: chaperone/permit, send: [] }
  - { id: cedar, type: cedar, policies: [guard.cedar, more/mail.cedar], timezone: Europe/Berlin }
`)
  expect(problems).toEqual([])
  expect(engines).toEqual([
    {
      ...NAMED,
      id: 'cerbos',
      type: 'authzen',
      place: at(2, 5),
      url: 'http://127.0.0.1:3592',
      discover: true,
      insecure: false,
      deadlineMs: 200,
      mode: 'shadow',
      headers: new Map([['authorization', 'Bearer ${PDP_TOKEN}']]),
      targets: [
        { kind: 'tool', server: 'vendors', name: '*', place: expect.anything() as object },
        { kind: 'tool', server: '*', name: '**', place: expect.anything() as object },
      ],
      effects: ['write'],
      send: ['arguments'],
    },
    {
      ...NAMED,
      id: 'opa',
      type: 'opa',
      place: at(4, 5),
      url: '${OPA_URL}',
      path: 'chaperone/permit',
      headers: new Map(),
      insecure: true,
      deadlineMs: 100,
    },
    {
      ...NAMED,
      id: 'rego',
      type: 'opa_wasm',
      place: at(5, 5),
      bundle: 'rego/policy.wasm',
      entrypoint: 'chaperone/permit',
      send: [],
      deadlineMs: 250,
    },
    {
      ...NAMED,
      id: 'cedar',
      type: 'cedar',
      place: at(6, 5),
      policies: ['guard.cedar', 'more/mail.cedar'],
      timezone: 'Europe/Berlin',
      deadlineMs: 250,
    },
  ])
  expect(engines.map(engineFiles)).toEqual([
    [],
    [],
    ['rego/policy.wasm'],
    ['guard.cedar', 'more/mail.cedar'],
  ])
})

describe('what is wrong is said with its place, and leaves the engine out', () => {
  const OPA = 'id: opa, type: opa, url: "http://127.0.0.1", path: a/b'
  test.each([
    ['type: opa, url: "http://127.0.0.1", path: a', 'missing_member', '`engines[0].id` is missing'],
    ['id: opa', 'missing_member', '`engines[0].type` is missing'],
    ['id: opa, type: opaque', 'unknown_word', 'use one of `authzen`, `opa`'],
    ['id: opa, type: opa, path: a', 'missing_member', '`engines[0].url` is missing'],
    [
      'id: opa, type: opa, url: "http://127.0.0.1"',
      'missing_member',
      '`engines[0].path` is missing',
    ],
    [`${OPA}, bundle: x`, 'unknown_member', '`bundle`'],
    [`${OPA}, discover: true`, 'unknown_member', '`discover`'],
    [`${OPA}, mode: off`, 'unknown_word', '`off`'],
    [`${OPA}, send: [everything]`, 'unknown_word', '`everything`'],
    [`${OPA}, effects: []`, 'empty_list', 'effects'],
    [`${OPA}, tools: ["ven[d]ors/*"]`, '', '['],
    [`${OPA}, deadline: 31s`, 'invalid_duration', '30 s'],
    [`${OPA}, deadline: 0ms`, 'invalid_duration', ''],
    [`${OPA}, timezone: Mars/Base`, 'invalid_zone', 'Mars/Base'],
    [`${OPA}, insecure: "yes"`, 'wrong_type', '`true` or `false`'],
    [`${OPA}, headers: { Host: x }`, 'header_name', '`Host`'],
    [`${OPA}, headers: { "a b": x }`, 'header_name', '`a b`'],
    [`${OPA}, headers: { A: x, a: y }`, 'duplicate_key', '`a`'],
    [`${OPA}, headers: { Authorization: Bearer x }`, 'secret_in_clear', '`Authorization`'],
    ['id: o, type: opa, url: "http://opa.example", path: a', 'engine_url', 'plain HTTP'],
    ['id: o, type: opa, url: "opa.example", path: a', 'engine_url', 'over HTTP'],
    ['id: o, type: opa, url: "http://127.0.0.1", path: a//b', 'invalid_rule', 'a//b'],
    ['id: o, type: opa, url: "http://127.0.0.1", path: ../a', 'invalid_rule', '../a'],
    ['id: w, type: opa_wasm, bundle: ../p.wasm, entrypoint: a', 'outside_folder', '../p.wasm'],
    ['id: w, type: opa_wasm, bundle: /p.wasm, entrypoint: a', 'outside_folder', '/p.wasm'],
    ['id: c, type: cedar, policies: [a/../../b.cedar]', 'outside_folder', 'b.cedar'],
    ['id: c, type: cedar, policies: []', 'empty_list', 'policies'],
    ['id: c, type: cedar', 'missing_member', 'policies'],
  ])('{ %s }', (members, id, why) => {
    const { engines, problems } = parsed(`engines:\n  - { ${members} }\n`)
    expect(engines).toEqual([])
    expect(problems[0]).toMatch(new RegExp(`^${id}.* ?engines\\.yaml:2:\\d+: `))
    expect(problems.join('\n')).toContain(why)
  })

  test('two of one name, too many, and what is no list', () => {
    const one = '{ id: c, type: cedar, policies: [a.cedar] }'
    expect(parsed(`engines: [${one}, ${one}]`).problems).toEqual([
      'duplicate_engine engines.yaml:1:56: the engine `c` stands in line 1 already (rename one of the two)',
    ])
    const many = Array.from({ length: 17 }, (_, index) => one.replace('id: c', `id: c${index}`))
    expect(parsed(`engines: [${many.join(', ')}]`).problems[0]).toContain('more than 16')
    for (const text of ['engines: 7', '{}', 'engine: []', '- a', ''])
      expect(parsed(text).problems.length, text).toBeGreaterThan(0)
  })
})
