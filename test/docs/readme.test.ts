/** The README against the code, and the page of reasons: its stages, entries, flags, scripts, dependencies and links, in both directions. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { agentOf } from '../../examples/agent.ts'
import type { CommandRow } from '../../src/cli/io.ts'
import { COMMANDS } from '../../src/cli/main.ts'
import { type Client, clientEntry, type GuardTold } from '../../src/config/client-entry.ts'
import { DENY_REASONS, type DenyReason } from '../../src/model/decision.ts'
import { isObject, type JsonObject } from '../../src/model/json.ts'
import { STAGES } from '../../src/model/verdict.ts'
import { LINE } from '../../src/pipeline/line.ts'
import { told } from '../../src/pipeline/refusal.ts'
import { blocks, codes, flags, localLinks, page, ROOT, table } from './markdown.ts'

const README = page('README.md')
const PAGES = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...markdownIn('docs'),
  ...markdownIn('examples'),
]

function markdownIn(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}

const PACKAGE = JSON.parse(page('package.json')) as {
  readonly name: string
  readonly bin: Readonly<Record<string, string>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, object>>
}

test('the README is a page, not a book, and begins without badges', () => {
  expect(README.trimEnd().split('\n').length).toBeLessThanOrEqual(250)
  expect(README).not.toContain('![')
})

test.each(PAGES)('%s links only to files that are there', (path) => {
  for (const target of localLinks(page(path))) {
    expect(existsSync(join(ROOT, dirname(path), target)), target).toBe(true)
  }
})

test('the picture shows the stages in their order, with reasons that they give', () => {
  const [picture = ''] = blocks(README, '')
  const lines = picture.split('\n').filter((line) => line.includes('──▶'))
  expect(lines.map((line) => /[a-z][a-z-]+/.exec(line)?.[0])).toEqual([...STAGES])
  for (const [index, row] of LINE.rows.entries()) {
    const shown = lines[index]?.split('──▶')[1] ?? ''
    const reasons = shown.match(/[a-z]+(?:_[a-z]+)*/g)?.filter((word) => word !== 'withheld') ?? []
    expect(reasons.length).toBeGreaterThan(0)
    for (const reason of reasons) expect(row.codes).toContain(reason)
  }
})

describe('reasons and codes', () => {
  const rows = table(page('docs/reasons.md'), 'reason').map(([reason = '', stages, code]) => ({
    reason: codes(reason)[0] ?? '',
    stages,
    code,
  }))

  test('every reason that the guard knows stands in the table, once, and no other', () => {
    expect(rows.map(({ reason }) => reason).toSorted()).toEqual([...DENY_REASONS].toSorted())
  })

  test.each(DENY_REASONS)('%s: the stages and the code are those of the code', (reason) => {
    const row = rows.find((one) => one.reason === reason)
    expect(row).toEqual({ reason, stages: stagesOf(reason), code: codeOf(reason) })
  })
})

function stagesOf(reason: DenyReason): string {
  const stages = LINE.rows.filter((row) => row.codes.includes(reason)).map(({ name }) => name)
  return stages.length === 0 ? 'any' : stages.join(', ')
}

function codeOf(reason: DenyReason): string {
  const { code } = JSON.parse(told(reason, 'resources/read', 'modern').text) as { code: number }
  return told(reason, 'tools/call', 'modern').part === 'error' ? `${code} *` : String(code)
}

const TOLD: GuardTold = {
  mandate: '/path/to/guard/mandate.yaml',
  upstreams: '/path/to/guard/mcp.json',
  agent: 'my-agent',
}
const CHECKOUT = { by: 'checkout', folder: '/path/to/chaperone' } as const
const CLIENTS: readonly (readonly [name: string, client: Client])[] = [
  ['Claude Desktop', 'claude-desktop'],
  ['Claude Code', 'claude-code'],
  ['Cursor', 'cursor'],
  ['VS Code', 'vscode'],
]

const entries = blocks(README, 'json')
  .map((text): unknown => JSON.parse(text))
  .filter(isObject)

/** The block that is this client's, and the launch line in it. */
function lineOf(client: Client, by: 'checkout' | 'npx'): { command: string; args: string[] } {
  const wanted = clientEntry(client, by === 'npx' ? { by } : CHECKOUT, TOLD)
  const [member = ''] = Object.keys(wanted)
  const found = entries.filter((entry) => {
    const servers = entry[member]
    const own = isObject(servers) ? servers['chaperone'] : undefined
    return isObject(own) && (own['command'] === 'npx') === (by === 'npx')
  })
  expect(found).toEqual([wanted])
  const servers = found[0]?.[member] as Record<string, { command: string; args: string[] }>
  return servers['chaperone'] ?? { command: '', args: [] }
}

describe('the entries for clients', () => {
  let folder = ''
  const program = join(ROOT, 'dist', 'bin', 'chaperone.js')

  beforeAll(() => {
    // `npm test` builds first; a single file that is run by hand may find nothing built.
    if (!existsSync(program)) spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.ts')])
    folder = mkdtempSync(join(realpathSync(tmpdir()), 'chaperone-readme-'))
    mkdirSync(join(folder, 'project', 'docs'), { recursive: true })
    mkdirSync(join(folder, 'guard'))
    writeFileSync(join(folder, 'project', 'plan.md'), 'The plan.')
    writeFileSync(join(folder, 'secrets.md'), 'The secret.')
    const mandate = blocks(README, 'yaml')[0] ?? ''
    writeFileSync(join(folder, 'guard', 'mandate.yaml'), placed(mandate))
    writeFileSync(join(folder, 'guard', 'mcp.json'), JSON.stringify(upstreams()))
  }, 60_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function placed(text: string): string {
    return text
      .replaceAll('/path/to/chaperone', ROOT)
      .replaceAll('/path/to/guard', join(folder, 'guard'))
      .replaceAll('/srv/project', join(folder, 'project'))
  }

  /** The README's entry before the guard, with the package that is installed here in place of a download. */
  function upstreams(): JsonObject {
    const [before] = entries
    const servers = before?.['mcpServers'] as Record<string, { command: string; args: string[] }>
    const [runner, npxArgs] = [servers['files']?.command, servers['files']?.args ?? []]
    expect([runner, ...npxArgs.slice(0, 2)]).toEqual([
      'npx',
      '-y',
      '@modelcontextprotocol/server-filesystem',
    ])
    const script = join(ROOT, 'node_modules', npxArgs[1] ?? '', 'dist', 'index.js')
    const args = [script, ...npxArgs.slice(2).map(placed)]
    return { mcpServers: { files: { command: process.execPath, args } } }
  }

  /** What an agent finds behind that launch line: the tools, a file it may read, and one that it may not. */
  async function found(command: string, args: readonly string[]): Promise<readonly string[]> {
    // As a client on a desktop has it: no Node to speak of, and somebody's home.
    const env = { PATH: '/usr/bin:/bin', HOME: folder, CHAPERONE_STATE_DIR: join(folder, 'state') }
    const agent = await agentOf({ command, args, env, cwd: '/' })
    try {
      const plan = await agent.call('read_text_file', { path: `${folder}/project/plan.md` })
      const escape = { path: `${folder}/project/../secrets.md` }
      const refused = await agent.call('read_text_file', escape)
      return [...(await agent.listTools()), plan.text, refused.outcome]
    } finally {
      await agent.close()
    }
  }

  const GUARDED = ['read_text_file', 'write_file', 'list_directory', 'The plan.', 'outside_mandate']

  test.each(CLIENTS)('%s: the entry of a checkout starts a guard', async (_name, client) => {
    const { command, args } = lineOf(client, 'checkout')
    expect(await found(placed(command), args.map(placed))).toEqual(GUARDED)
  })

  test.each(CLIENTS)('%s: the entry by npx names the published command', async (_name, client) => {
    const { command, args } = lineOf(client, 'npx')
    const [yes, name, ...rest] = args
    expect([command, yes, name]).toEqual(['npx', '-y', PACKAGE.name])
    // npx runs the only command of a package, whatever its name.
    const bins = Object.values(PACKAGE.bin)
    expect(bins).toEqual(['dist/bin/chaperone.js'])
    const program = join(ROOT, bins[0] ?? '')
    expect(await found(process.execPath, [program, ...rest.map(placed)])).toEqual(GUARDED)
  })

  test('`claude mcp add` says the same lines', () => {
    const added = blocks(README, 'sh')
      .flatMap((text) => text.split('\n'))
      .filter((line) => line.startsWith('claude mcp add'))
      .map((line) => line.split(' -- ')[1]?.split(' '))
    const lines = (['checkout', 'npx'] as const).map((by) => {
      const { command, args } = lineOf('claude-code', by)
      return [command, ...args]
    })
    expect(added).toEqual(lines)
  })

  test('every client of the table has its file and its spelling', () => {
    const rows = table(README, 'client').map(([client, , entry = '']) => [client, codes(entry)[0]])
    const wanted = CLIENTS.map(([name, client]) => [
      name,
      Object.keys(clientEntry(client, CHECKOUT, TOLD))[0],
    ])
    expect(rows).toEqual(wanted)
  })
})

describe('commands', () => {
  const rows = table(README, 'command').map((cells) => ({
    name: codes(cells[0] ?? '')[0]?.replace('chaperone ', '') ?? '',
    text: cells[1] ?? '',
    exits: cells[2] ?? '',
  }))

  test('every command stands in the table, and no other', () => {
    expect(rows.map(({ name }) => name).toSorted()).toEqual(
      COMMANDS.map(({ name }) => name).toSorted(),
    )
  })

  test.each(COMMANDS)('$name: its flags and exit codes are those of its help', async (row) => {
    const { help } = await row.load()
    const own = rows.find(({ name }) => name === row.name)
    for (const flag of flags(own?.text ?? '')) expect(flags(help)).toContain(flag)
    const numbers = (text: string): readonly string[] =>
      [...text.matchAll(/(?:^|[,:]\s)(\d) /g)].map(([, code = '']) => code)
    expect(numbers(own?.exits ?? '')).toEqual(numbers(help.split('Exit codes')[1] ?? ''))
  })

  test('every flag that a page names is in the help of a command', async () => {
    const known = new Set([...(await helpsOf(COMMANDS)).flatMap(flags), '--help', '--version'])
    // These name flags of scripts, too.
    const others = ['CONTRIBUTING.md', 'docs/protocol.md', ...markdownIn('examples')]
    for (const path of PAGES.filter((one) => !others.includes(one)))
      for (const flag of flags(page(path))) expect(known, `${path}: ${flag}`).toContain(flag)
  })

  test('every flag of `run` stands in the README', async () => {
    const run = await COMMANDS.find(({ name }) => name === 'run')?.load()
    expect(flags(README)).toEqual(expect.arrayContaining([...flags(run?.help ?? '')]))
  })
})

/** Of these commands, and of those in them. */
async function helpsOf(rows: readonly CommandRow[]): Promise<readonly string[]> {
  const loaded = await Promise.all(rows.map(({ load }) => load()))
  const inner = await Promise.all(loaded.map(({ commands = [] }) => helpsOf(commands)))
  return [...loaded.map(({ help }) => help), ...inner.flat()]
}

test('every script that a page names is there', () => {
  for (const path of PAGES) {
    const named = page(path).matchAll(/npm run (?:-s |--silent )?([a-z][a-z:]*)/g)
    for (const [, name = ''] of named) expect(PACKAGE.scripts, path).toHaveProperty([name])
  }
})

test('the runtime dependencies are those of package.json, and each is imported', () => {
  const named = table(README, 'package').map(([name = '']) => codes(name)[0] ?? '')
  expect(named.toSorted()).toEqual(Object.keys(PACKAGE.dependencies).toSorted())
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => page(join('src', name)))
    .join('\n')
  for (const name of named) expect(sources).toContain(`from '${name}`)
})

test('the packages that engines and OpenTelemetry need are optional, and named', () => {
  const peers = Object.keys(PACKAGE.peerDependencies)
  expect(peers.length).toBeGreaterThan(0)
  expect(Object.keys(PACKAGE.peerDependenciesMeta).toSorted()).toEqual(peers.toSorted())
  for (const name of peers) expect(README).toContain(`\`${name}\``)
})

test('every page of docs/ is linked from the README or the operator’s page', () => {
  const linked = new Set([
    ...localLinks(README),
    ...localLinks(page('docs/operations.md')).map((target) => join('docs', target)),
  ])
  for (const path of markdownIn('docs')) expect(linked, path).toContain(path)
})

test('every heading that is linked to is there', () => {
  for (const path of PAGES) {
    for (const [, target = '', heading = ''] of page(path).matchAll(
      /\]\(([^)\s#]*)#([^)\s]+)\)/g,
    )) {
      if (/^[a-z]+:/.test(target)) continue
      const file = target === '' ? path : join(dirname(path), target)
      expect(headings(page(file)), `${path}: ${target}#${heading}`).toContain(heading)
    }
  }
})

/** As they are linked to. */
function headings(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
