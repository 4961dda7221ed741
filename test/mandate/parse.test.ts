import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadMandate } from '../../src/mandate/load.ts'
import { HEAD, parse } from './written.ts'

test('the whole form is read, every member in its place', () => {
  const { mandate, problems } = parse(`mandate: vendor-intake-q4
agent: procurement-agent-001
onBehalfOf: none
purpose: { text: Approve class B vendors, ref: PROC-1182 }
owner: dana@acme.example
environment: [prod, staging]
approved: { by: [lee@acme.example], at: 2026-11-20T09:00:00Z }
valid: { from: 2026-11-20T10:00:00+01:00, until: 2026-12-31T18:00:00Z }
context: { contacts: [bob@acme.example] }
tools:
  vendors/approve:
    effect: write
    data: [internal]
    args: { amount: { range: { max: 5000 } } }
    otherArgs: permit
    when: args.amount > 0
    approval: { when: args.amount > 1000, from: [lee@acme.example], expires: 15m }
resources: { "vendors/file:///srv/catalog/**": { effect: read } }
prompts: { vendors/sum*: {} }
requests: { vendors: [elicitation, roots] }
never: ["vendors/delete_*", "*/drop"]
delegation: { depth: 0 }
`)
  expect(problems).toEqual([])
  expect(mandate).toMatchObject({
    name: 'vendor-intake-q4',
    agent: 'procurement-agent-001',
    purpose: { text: 'Approve class B vendors', ref: 'PROC-1182' },
    owner: 'dana@acme.example',
    environment: ['prod', 'staging'],
    approved: { by: ['lee@acme.example'], at: Date.UTC(2026, 10, 20, 9) },
    valid: { from: Date.UTC(2026, 10, 20, 9), until: Date.UTC(2026, 11, 31, 18) },
    context: new Map([['contacts', ['bob@acme.example']]]),
    requests: new Map([['vendors', ['elicitation', 'roots']]]),
    never: [
      { server: 'vendors', name: 'delete_*', place: { line: 21, column: 9 } },
      { server: '*', name: 'drop', place: { line: 21, column: 29 } },
    ],
    roles: [],
    file: 'm.yaml',
    signed: false,
  })
  expect(mandate?.grants).toMatchObject([
    {
      kind: 'tool',
      rule: 'tools.vendors/approve',
      place: { file: 'm.yaml', line: 11, column: 3 },
      server: 'vendors',
      name: 'approve',
      effect: 'write',
      data: ['internal'],
      otherArgs: 'permit',
      when: { value: 'args.amount > 0' },
      approval: {
        from: ['lee@acme.example'],
        expiresInMs: 900_000,
        when: { value: 'args.amount > 1000' },
      },
    },
    { kind: 'resource', server: 'vendors', name: 'file:///srv/catalog/**', data: [] },
    { kind: 'prompt', server: 'vendors', name: 'sum*', otherArgs: 'permit' },
  ])
  expect([...(mandate?.grants[0]?.args.keys() ?? [])]).toEqual(['amount'])
})

test('the least there is: what is left out permits nothing, which a warning says', () => {
  const { mandate, problems } = parse(HEAD)
  expect(mandate).toMatchObject({ grants: [], never: [], environment: [], requests: new Map() })
  expect(problems).toMatchObject([{ id: 'no_grants', level: 'warning', place: { line: 1 } }])
  const { problems: none } = parse(`${HEAD}tools: {}\nroles: []\nnever: []\nprompts: {}\n`)
  expect(none.map(({ id }) => id)).toEqual(['no_grants'])
})

test('the purpose may be a text alone', () => {
  const text = HEAD.replace('{ text: Approve class B vendors, ref: PROC-1182 }', 'Approve vendors')
  expect(parse(text).mandate?.purpose).toEqual({ text: 'Approve vendors' })
})

test('a mandate that has expired is read: whether it is valid is asked of a moment', () => {
  expect(parse(HEAD.replace('2026', '2001')).mandate?.valid.until).toBe(Date.UTC(2001, 11, 31, 18))
})

test('JSON and YAML say the same, and the digest is of the bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-mandate-'))
  try {
    const json = {
      mandate: 'm',
      agent: 'a',
      purpose: 'p',
      valid: { until: '2030-01-01T00:00:00Z' },
      tools: { 'f/read': { effect: 'read' } },
    }
    writeFileSync(join(folder, 'm.json'), JSON.stringify(json))
    const yaml =
      'mandate: m\nagent: a\npurpose: p\nvalid: { until: 2030-01-01T00:00:00Z }\ntools: { f/read: { effect: read } }\n'
    writeFileSync(join(folder, 'm.yaml'), yaml)
    writeFileSync(join(folder, 'n.yaml'), `${yaml}# a comment\n`)
    const [a, b, c] = ['m.json', 'm.yaml', 'n.yaml'].map(
      (name) => loadMandate(join(folder, name)).mandate,
    )
    const bare = (mandate: typeof a): unknown => ({
      ...mandate,
      file: '',
      digest: '',
      grants: mandate?.grants.map((grant) => ({ ...grant, place: undefined })),
    })
    expect(bare(a)).toEqual(bare(b))
    expect(bare(b)).toEqual(bare(c))
    expect(new Set([a?.digest, b?.digest, c?.digest]).size).toBe(3)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
