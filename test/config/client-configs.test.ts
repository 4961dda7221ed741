import { describe, expect, test } from 'vitest'
import { clientFiles, directlyReachable, type Machine } from '../../src/config/client-configs.ts'
import type { Upstream } from '../../src/config/mcp-json.ts'
import { problemText } from '../../src/model/document.ts'

const linux: Machine = { platform: 'linux', env: { HOME: '/home/me' }, projects: ['/desk'] }

const upstream = (server: string, command: string, ...args: string[]): Upstream => ({
  server,
  kind: 'stdio',
  command,
  args,
  env: {},
  cwd: '/guard',
  place: { file: '/guard/mcp.json', line: 1, column: 1 },
})

const filesystem = upstream('files', 'npx', '-y', '@modelcontextprotocol/server-filesystem', '/srv')

function warnings(
  text: string | object,
  guarded: readonly Upstream[] = [filesystem],
  path = '/home/me/.cursor/mcp.json',
  machine = linux,
): readonly string[] {
  const written = typeof text === 'string' ? text : JSON.stringify(text, undefined, 2)
  const read = (file: string): string | undefined => (file === path ? written : undefined)
  const found = directlyReachable(guarded, machine, read, () => undefined)
  for (const problem of found) expect(problem.level).toBe('warning')
  return found.map(problemText)
}

const entry = (command: string, ...args: string[]) => ({ mcpServers: { fs: { command, args } } })

test('warns with client, file, line, entry and remedy', () => {
  const text = entry('npx', '@modelcontextprotocol/server-filesystem@2026.8.31', '/home/me')
  expect(warnings(text)).toEqual([
    '/home/me/.cursor/mcp.json:3:5: Cursor still reaches `files` past the guard: its entry `fs` starts `@modelcontextprotocol/server-filesystem` itself (remove this entry and register chaperone in its place)',
  ])
})

describe('knows the same server again', () => {
  const name = '@modelcontextprotocol/server-filesystem'
  test.each([
    ['npx', ['--yes', `${name}@latest`, '/x']],
    ['npx.cmd', ['-y', name]],
    ['/usr/local/bin/npx', ['-p', name, 'mcp-server-filesystem', '/x']],
    ['bunx', [name]],
    ['pnpm', ['dlx', name]],
    ['npm', ['exec', '--yes', name]],
    ['yarn', ['dlx', '-q', name]],
    ['node', [`/opt/node_modules/${name}/dist/index.js`, '/x']],
    ['node', ['--inspect', '-r', 'dotenv', `node_modules/${name}/dist/index.js`]],
    ['cmd', ['/c', 'npx', '-y', name]],
    ['env', ['A=b', 'npx', name]],
    ['sh', ['-c', `npx -y '${name}' /x`]],
  ])('%s %j', (command, args) => {
    expect(warnings(entry(command, ...args))).toHaveLength(1)
  })

  test.each([
    [upstream('g', 'uvx', 'mcp-server-git'), 'uvx', ['--from', 'MCP_Server.Git==1.2', 'run']],
    [upstream('g', 'uvx', 'mcp-server-git[x]>=1'), 'uv', ['tool', 'run', 'mcp-server-git@2']],
    [upstream('g', 'pipx', 'run', 'mcp-server-git'), 'uvx', ['--python', '3.12', 'mcp-server-git']],
    [upstream('g', 'python3', '-m', 'mcp_git'), 'python', ['-m', 'mcp_git', '--repository', '/x']],
    [
      upstream('g', 'docker', 'run', '-i', '--rm', '-e', 'T', 'ghcr.io/github/github-mcp-server'),
      'docker',
      ['run', '--rm', '-i', '-v', '/a:/b', '-e', 'T=1', 'ghcr.io/github/github-mcp-server:v2'],
    ],
    [
      upstream('g', 'docker', 'run', 'localhost:5000/server@sha256:abc'),
      'podman',
      ['run', 'localhost:5000/server:1'],
    ],
    [upstream('g', 'node', 'server.js'), 'node', ['/guard/server.js', '--flag']],
    [upstream('g', 'java', '-jar', '/opt/s.jar'), 'java', ['-jar', '/opt/s.jar', 'x']],
    [upstream('g', 'my-server', '--a'), '/usr/bin/my-server', ['--b']],
    [upstream('g', 'uv', 'run', '--directory', '/opt/s', 'main.py'), 'python', ['/opt/s/main.py']],
  ])('%j as %s %j', (guarded, command, args) => {
    expect(warnings(entry(command, ...args), [guarded])).toHaveLength(1)
  })

  test.each([
    ['npx', ['-y', '@modelcontextprotocol/server-memory']],
    ['npx', ['-y', 'mcp-chaperone', 'run', '--upstreams', '/guard/mcp.json']],
    ['node', ['/opt/chaperone/dist/bin/chaperone.js', 'run']],
    ['uvx', ['@modelcontextprotocol/server-filesystem']],
    ['node', []],
    ['', []],
  ])('and leaves others alone: %s %j', (command, args) => {
    expect(warnings(entry(command, ...args))).toEqual([])
  })
})

test('an installed program is known through its link', () => {
  const bin = upstream('files', './node_modules/.bin/mcp-server-filesystem', '/srv')
  const real = '/guard/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js'
  const text = JSON.stringify(entry('npx', '@modelcontextprotocol/server-filesystem'))
  const found = directlyReachable(
    [bin],
    linux,
    (path) => (path === '/home/me/.cursor/mcp.json' ? text : undefined),
    (path) => (path === '/guard/node_modules/.bin/mcp-server-filesystem' ? real : undefined),
  )
  expect(found).toHaveLength(1)
})

test("reads Claude Code's entries of every project, and entries that are switched off not", () => {
  const server = { command: 'npx', args: ['@modelcontextprotocol/server-filesystem'] }
  const text = {
    numStartups: 2 ** 60,
    mcpServers: { a: server, off: { ...server, disabled: true } },
    projects: { '/desk': { mcpServers: { b: server } }, '/other': { history: [] } },
  }
  const found = warnings(text, [filesystem], '/home/me/.claude.json')
  expect(found.map((line) => /entry `(\w+)`/.exec(line)?.[1])).toEqual(['a', 'b'])
})

test("reads VS Code's spelling with comments, its settings, and Zed's", () => {
  const inner =
    '{ "fs": { "command": "npx", "args": ["@modelcontextprotocol/server-filesystem"], }, }'
  const commented = `{ // mine\n "servers": ${inner} }`
  expect(warnings(commented, [filesystem], '/desk/.vscode/mcp.json')).toHaveLength(1)
  const settings = `{ "mcp": { "servers": ${inner} } }`
  expect(warnings(settings, [filesystem], '/home/me/.config/Code/User/settings.json')).toHaveLength(
    1,
  )
  const zed =
    '{ "context_servers": { "fs": { "command": { "path": "npx", "args": ["@modelcontextprotocol/server-filesystem"] } } } }'
  expect(warnings(zed, [filesystem], '/home/me/.config/zed/settings.json')).toHaveLength(1)
})

test('a file that cannot be read, or is something else, warns of nothing and breaks nothing', () => {
  for (const text of ['', 'no json', '[]', '{"mcpServers": 3}', '{"mcpServers": {"a": null}}']) {
    expect(warnings(text)).toEqual([])
  }
})

describe('where clients keep their entries', () => {
  const paths = (machine: Machine) =>
    clientFiles(machine).map(({ client, path }) => `${client}: ${path}`)

  test('on Linux', () => {
    const found = paths(linux)
    expect(found).toContain('Claude Desktop: /home/me/.config/Claude/claude_desktop_config.json')
    expect(found).toContain('Claude Code: /home/me/.claude.json')
    expect(found).toContain('Claude Code: /desk/.mcp.json')
    expect(found).toContain('Cursor: /desk/.cursor/mcp.json')
    expect(found).toContain('VS Code: /home/me/.config/Code/User/mcp.json')
    expect(found).toContain('Windsurf: /home/me/.codeium/windsurf/mcp_config.json')
  })

  test('on macOS', () => {
    const found = paths({ platform: 'darwin', env: { HOME: '/Users/me' }, projects: [] })
    const support = '/Users/me/Library/Application Support'
    expect(found).toContain(`Claude Desktop: ${support}/Claude/claude_desktop_config.json`)
    expect(found).toContain(`VS Code: ${support}/Code/User/mcp.json`)
    expect(found).toContain('Zed: /Users/me/.config/zed/settings.json')
  })

  test('on Windows', () => {
    const env = { USERPROFILE: 'C:\\Users\\me', APPDATA: 'C:\\Users\\me\\AppData\\Roaming' }
    const found = paths({ platform: 'win32', env, projects: ['D:\\work'] })
    expect(found).toContain(
      'Claude Desktop: C:\\Users\\me\\AppData\\Roaming\\Claude\\claude_desktop_config.json',
    )
    expect(found).toContain('Cursor: C:\\Users\\me\\.cursor\\mcp.json')
    expect(found).toContain('VS Code: D:\\work\\.vscode\\mcp.json')
  })

  test('without a home there are only the project files', () => {
    const found = paths({ platform: 'linux', env: {}, projects: ['/desk'] })
    expect(found.every((line) => line.includes(': /desk/'))).toBe(true)
  })
})

describe('an address that is guarded', () => {
  const far: Upstream = {
    server: 'far',
    kind: 'http',
    url: 'https://api.example/mcp?team=1',
    headers: { authorization: 'Bearer secret' },
    transport: 'auto',
    place: { file: '/guard/mcp.json', line: 1, column: 1 },
  }
  const named = (member: string, url: string) => ({ mcpServers: { remote: { [member]: url } } })

  test.each([
    ['url', 'https://api.example/mcp'],
    ['serverUrl', 'https://API.example:443/mcp/'],
    ['httpUrl', 'https://api.example/mcp?team=2#x'],
  ])('is known again under `%s` as %s', (member, url) => {
    expect(warnings(named(member, url), [far])).toEqual([
      '/home/me/.cursor/mcp.json:3:5: Cursor still reaches `far` past the guard: its entry `remote` names the same address (remove this entry and register chaperone in its place)',
    ])
  })

  test('is known again behind a bridge', () => {
    const line = entry('npx', '-y', 'mcp-remote', 'https://api.example/mcp', '--header', 'a:b')
    expect(warnings(line, [filesystem, far])).toHaveLength(1)
  })

  test.each([
    'https://api.example/',
    'https://api.example/mcp/other',
    'http://api.example/mcp',
    'https://api.example:8443/mcp',
    'https://api.example.evil/mcp',
    '${URL}',
    'not a url',
  ])('is not %s', (url) => {
    expect(warnings(named('url', url), [far])).toEqual([])
    expect(warnings(entry('npx', 'mcp-remote', url), [far])).toEqual([])
  })

  test('counts only where the entry is switched on', () => {
    const off = { mcpServers: { remote: { url: 'https://api.example/mcp', disabled: true } } }
    expect(warnings(off, [far])).toEqual([])
  })
})
