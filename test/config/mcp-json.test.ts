import { mkdtempSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadUpstreams, type Upstreams } from '../../src/config/mcp-json.ts'
import { problemText } from '../../src/model/document.ts'

const folder = mkdtempSync(join(tmpdir(), 'chaperone-mcp-json-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'mcp.json')

function load(document: unknown, env: Record<string, string> = {}): Upstreams {
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  writeFileSync(file, text)
  return loadUpstreams(file, env, () => undefined)
}

const one = (entry: unknown, env?: Record<string, string>) =>
  load({ mcpServers: { files: entry } }, env)
const found = (read: Upstreams) =>
  read.problems.map((problem) => `${problem.level} ${problem.id}: ${problem.message}`)
const ids = (read: Upstreams) => read.problems.map((problem) => `${problem.level} ${problem.id}`)

test('reads an entry, its variables expanded and its paths relative to the file', () => {
  const read = one(
    {
      command: 'npx',
      args: ['-y', '${PACKAGE}', '${env:ROOT}/in', '${UNSET:-/srv}', 'costs $5'],
      env: { TOKEN: '${TOKEN}', EMPTY: '${NONE}' },
      cwd: 'work',
      timeout: 90,
      type: 'stdio',
    },
    { PACKAGE: 'server', ROOT: '/data', TOKEN: 't', NONE: '' },
  )
  expect(read.problems).toEqual([])
  expect(read.upstreams).toEqual([
    {
      server: 'files',
      kind: 'stdio',
      command: 'npx',
      args: ['-y', 'server', '/data/in', '/srv', 'costs $5'],
      env: { TOKEN: 't', EMPTY: '' },
      cwd: join(folder, 'work'),
      timeoutMs: 90_000,
      place: { file, line: 1, column: 16 },
    },
  ])
})

test("reads VS Code's spelling, with comments and trailing commas", () => {
  const read = load(`{
    // from the editor
    "inputs": [{ "id": "key", "type": "promptString" }],
    "servers": {
      "memory": { "type": "stdio", "command": "node", "args": ["memory.js",], },
    },
  }`)
  expect(read.problems).toEqual([])
  expect(read.upstreams).toMatchObject([{ server: 'memory', cwd: folder }])
})

test('a default is taken for a variable that is unset or empty, and may itself be empty', () => {
  const read = one({ command: 'x', args: ['a${A:-}b', '${B:-c}'] }, { B: '' })
  expect(read.upstreams).toMatchObject([{ args: ['ab', 'c'] }])
})

test('an unset variable is named with its file, line and column', () => {
  const read = load(
    '{\n  "mcpServers": {\n    "files": {\n      "command": "${NODE}"\n    }\n  }\n}',
  )
  expect(read.problems.map(problemText)).toEqual([
    `${file}:4:18: the variable \`NODE\` is not set (set it where the guard is started, or write \`\${NODE:-default}\`)`,
  ])
  expect(read.upstreams).toEqual([])
})

test.each([
  ['${input:key}', 'input_variable'],
  ['${workspaceFolder}/x', 'unknown_variable'],
  ['${A', 'variable_syntax'],
  ['${}', 'unknown_variable'],
])('refuses the variable %s in every member', (text, id) => {
  for (const entry of [
    { command: text },
    { command: 'x', args: [text] },
    { command: 'x', env: { A: text } },
    { command: 'x', cwd: text },
  ]) {
    const read = one(entry)
    expect(ids(read)).toEqual([`error ${id}`])
    expect(read.upstreams).toEqual([])
  }
})

test.each([
  [{}, 'missing_command'],
  [{ command: ' ' }, 'missing_command'],
  [{ command: 3 }, 'wrong_type'],
  [{ command: 'x', args: 'y' }, 'wrong_type'],
  [{ command: 'x', args: ['y', 3] }, 'wrong_type'],
  [{ command: 'x', args: ['a\0b'] }, 'hidden_character'],
  [{ command: 'x', env: ['A=b'] }, 'wrong_type'],
  [{ command: 'x', env: { A: 1 } }, 'wrong_type'],
  [{ command: 'x', env: { 'A=B': 'c' } }, 'variable_name'],
  [{ command: 'x', cwd: 7 }, 'wrong_type'],
  [{ command: 'x', timeout: 0 }, 'timeout'],
  [{ command: 'x', timeout: 60_000 }, 'timeout'],
  [{ command: 'x', timeout: 'soon' }, 'timeout'],
  [{ command: 'x', envFile: '.env' }, 'env_file'],
  [{ command: 'x', disabled: 'yes' }, 'wrong_type'],
  [{ command: 'x', type: 'pipe' }, 'unknown_type'],
  [{ command: 'x', url: 'https://a.example' }, 'two_transports'],
  [{ type: 'stdio', url: 'https://a.example' }, 'two_transports'],
  [{ type: 'ws', url: 'wss://a.example' }, 'unknown_type'],
  ['npx', 'not_a_map'],
])('refuses the entry %j', (entry, id) => {
  const read = one(entry)
  expect(ids(read)).toEqual([`error ${id}`])
  expect(read.problems[0]).toMatchObject({ place: { file, line: 1 } })
  expect(read.problems[0]?.remedy).toBeTruthy()
  const fine = id === 'env_file' ? 1 : 0
  expect(read.upstreams).toHaveLength(fine)
})

test('all entries are read, so that all of their problems are seen at once', () => {
  const read = load({ mcpServers: { a: {}, b: { command: 'x' }, c: { command: '${NO}' } } })
  expect(ids(read)).toEqual(['error missing_command', 'error unset_variable'])
  expect(read.upstreams.map((upstream) => upstream.server)).toEqual(['b'])
})

test('what clients add is ignored aloud, and never approves anything', () => {
  const read = one({
    command: 'x',
    autoApprove: ['write_file'],
    enabledTools: ['a'],
    comand: 'y',
    description: 'mine',
  })
  expect(found(read)).toEqual([
    'warning client_approval: `autoApprove` of `files` is ignored: the mandate says what needs an approval',
    'warning client_selection: `enabledTools` of `files` is ignored: the mandate says which tools there are',
    'warning unknown_member: `comand` is no member of a server that is known here, and is ignored',
  ])
  expect(read.problems.at(-1)?.remedy).toBe('did you mean `command`?')
  expect(read.upstreams).toHaveLength(1)
})

test('a server that is switched off is left out, whatever else is wrong with it', () => {
  const read = load({
    mcpServers: {
      off: { disabled: true, url: 'x' },
      out: { enabled: false },
      on: { command: 'x' },
    },
  })
  expect(ids(read)).toEqual(['warning upstream_disabled', 'warning upstream_disabled'])
  expect(read.upstreams.map((upstream) => upstream.server)).toEqual(['on'])
  expect(ids(one({ command: 'x', disabled: true }))).toContain('error no_upstreams')
})

describe('server names', () => {
  test.each(['', 'a__b', 'a_', 'a/b', '-a', '.a', 'a b', 'ä', 'a'.repeat(65)])(
    'refuses %j',
    (name) => {
      const read = load({ mcpServers: { [name]: { command: 'x' } } })
      expect(ids(read)).toEqual(['error server_name'])
      expect(read.upstreams).toEqual([])
    },
  )

  test('accepts what clients usually write', () => {
    const names = ['a', 'A9', 'brave-search', 'my_server', 'v1.2', 'a'.repeat(64)]
    const read = load({
      mcpServers: Object.fromEntries(names.map((name) => [name, { command: 'x' }])),
    })
    expect(read.problems).toEqual([])
    expect(read.upstreams).toHaveLength(names.length)
  })

  test('refuses two servers of one name, and of names that differ in case', () => {
    const twice = load('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}')
    expect(ids(twice)).toEqual(['error duplicate_key'])
    expect(twice.upstreams).toEqual([])
    const cased = load({ mcpServers: { Files: { command: 'x' }, files: { command: 'y' } } })
    expect(ids(cased)).toEqual(['error server_name'])
  })
})

test.each([
  ['[]', 'error not_a_map'],
  ['{}', 'error no_servers'],
  ['{"mcpServers": []}', 'error not_a_map'],
  ['{"mcpServers": {}}', 'error no_upstreams'],
  ['{"servers": {}}', 'error no_upstreams'],
  ['{"mcpServers": {"a": {"command": "x"}}, "servers": {}}', 'error two_spellings'],
  ['', 'error empty_document'],
  ['{"mcpServers":', 'error syntax'],
])('refuses the document %j', (text, expected) => {
  const read = load(text)
  expect(ids(read)).toEqual([expected])
  expect(read.upstreams).toEqual([])
})

test('a file that is not there is a problem, not a fault', () => {
  const read = loadUpstreams(join(folder, 'none.json'), {}, () => undefined)
  expect(ids(read)).toEqual(['error no_such_file'])
})

test.each([
  ['chaperone', ['run']],
  ['npx', ['-y', 'mcp-chaperone@0.1.0', 'run']],
  ['npx', ['-y', '--package', 'mcp-chaperone', 'chaperone', 'run']],
  ['node', ['--no-warnings', '/opt/chaperone/dist/bin/chaperone.js', 'run']],
  ['/opt/guard/node_modules/.bin/node', ['../dist/bin/chaperone.js', 'run']],
  ['cmd', ['/c', 'npx', 'mcp-chaperone', 'run']],
  ['sh', ['-c', 'exec chaperone run']],
  ['env', ['A=b', 'chaperone', 'run']],
])('refuses a server that starts chaperone itself: %s %j', (command, args) => {
  const read = one({ command, args })
  expect(ids(read)).toEqual(['error guard_behind_guard'])
  expect(read.upstreams).toEqual([])
})

test('finds a guard behind a symbolic link', () => {
  const installed = join(folder, 'node_modules/mcp-chaperone/dist/bin')
  mkdirSync(installed, { recursive: true })
  writeFileSync(join(installed, 'chaperone.js'), '')
  symlinkSync(join(installed, 'chaperone.js'), join(folder, 'guard'))
  writeFileSync(file, JSON.stringify({ mcpServers: { g: { command: './guard' } } }))
  const read = loadUpstreams(file, {}, (path) =>
    path === join(folder, 'guard') ? join(installed, 'chaperone.js') : undefined,
  )
  expect(ids(read)).toEqual(['error guard_behind_guard'])
})

test.each([
  'sk-proj-0123456789abcdef0123',
  'ghp_0123456789abcdefghijABCDEFGHIJ012345',
  'AKIAIOSFODNN7EXAMPLE',
  'xoxb-123456789012-abcdefghij',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl',
  'postgres://app:hunter22@db.example/app',
])('warns of a secret in clear without repeating it: %s', (secret) => {
  const read = one({ command: 'x', args: [secret], env: { API_KEY: secret } })
  expect(ids(read)).toEqual(['warning secret_in_clear', 'warning secret_in_clear'])
  expect(JSON.stringify(read.problems)).not.toContain(secret)
  expect(read.problems[1]?.remedy).toContain('${API_KEY}')
  const referenced = one({ command: 'x', env: { API_KEY: '${API_KEY}' } }, { API_KEY: secret })
  expect(referenced.problems).toEqual([])
})

test('warns when a whole command line stands in `command`', () => {
  expect(ids(one({ command: 'npx -y server' }))).toEqual(['warning command_line'])
  expect(ids(one({ command: '/Applications/My App/server' }))).toEqual([])
})
