import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadMandate } from '../../src/mandate/load.ts'
import { call, compiled, DIGEST, HEAD, parse, tool } from './written.ts'

const ROLE = `role: reader
description: Reads what is there
tools:
  vendors/search: { effect: read }
never: [vendors/delete_*]
`

test('a role adds grants and what is never permitted, and is recorded by its hash', () => {
  const { mandate, problems } = parse(`${HEAD}roles: [reader]\n`, {
    'policies/roles/reader.yaml': ROLE,
  })
  expect(problems).toEqual([])
  expect(mandate?.roles).toEqual([
    { name: 'reader', file: 'policies/roles/reader.yaml', digest: DIGEST },
  ])
  expect(mandate?.grants).toMatchObject([
    {
      rule: 'role reader: tools.vendors/search',
      server: 'vendors',
      name: 'search',
      effect: 'read',
    },
  ])
  expect(mandate?.never).toMatchObject([{ server: 'vendors', name: 'delete_*' }])
})

test('the duties of a role and of the mandate add up', () => {
  const mandate = compiled('roles: [r]\ntools:\n  v/a: { effect: read }\n', {
    'roles/r.yaml': 'role: r\ntools: { v/a: { effect: pay, approval: { from: [lee, kim] } } }\n',
  })
  const authority = mandate.tool(tool('v', 'a'))
  expect(authority.effects).toEqual(['pay'])
  expect(authority.decide(call({}))).toMatchObject({
    reason: 'approval_required',
    remedy: { approvers: ['lee', 'kim'], askedBy: ['role r: tools.v/a'], expiresInMs: 900_000 },
  })
})

describe.each<
  [what: string, roles: Record<string, string>, id: string, file: string, line: number]
>([
  [
    'an unknown member',
    { 'roles/r.yaml': 'role: r\nvalid: {}\n' },
    'unknown_member',
    'roles/r.yaml',
    2,
  ],
  ['another name', { 'roles/r.yaml': 'role: s\n' }, 'role_name', 'roles/r.yaml', 1],
  ['no name', { 'roles/r.yaml': 'tools: {}\n' }, 'missing_member', 'roles/r.yaml', 1],
  ['a syntax error', { 'roles/r.yaml': 'role: r\n\ttools: {}' }, 'tab', 'roles/r.yaml', 2],
  [
    'a member that is not enforced',
    { 'roles/r.yaml': 'role: r\ntools: { a/b: { credential: x } }' },
    'not_enforced',
    'roles/r.yaml',
    2,
  ],
  [
    'two files',
    { 'roles/r.yaml': 'role: r\n', 'policies/roles/r.yaml': 'role: r\n' },
    'ambiguous_role',
    'm.yaml',
    5,
  ],
])('a role with %s', (_what, roles, id, file, line) => {
  test(`fails the mandate: ${id}, with its place`, () => {
    const { mandate, problems } = parse(`${HEAD}roles: [r]\n`, roles)
    expect(mandate).toBeUndefined()
    expect(problems).toMatchObject([{ id, place: { file, line } }])
    expect(problems[0]?.remedy).toBeTruthy()
  })
})

describe('on disk', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'chaperone-role-'))
    mkdirSync(join(folder, 'policies', 'roles'), { recursive: true })
    writeFileSync(join(folder, 'policies', 'roles', 'reader.yaml'), ROLE)
    writeFileSync(join(folder, 'm.yaml'), `${HEAD}roles: [reader]\n`)
    writeFileSync(join(folder, 'n.yaml'), `${HEAD}roles: [writer]\n`)
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  test('roles are found beside the mandate', () => {
    const { mandate, problems } = loadMandate(join(folder, 'm.yaml'))
    expect(problems).toEqual([])
    expect(mandate?.roles[0]?.file).toBe(join(folder, 'policies', 'roles', 'reader.yaml'))
    expect(mandate?.signed).toBe(false)
    expect(loadMandate(join(folder, 'n.yaml')).problems).toMatchObject([{ id: 'missing_role' }])
    expect(loadMandate(join(folder, 'none.yaml')).problems).toMatchObject([{ id: 'no_such_file' }])
  })
})
