import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkCommand } from '../../src/cli/check.ts'
import { main } from '../../src/cli/main.ts'
import {
  type Desk,
  desk,
  fakeProbe,
  MANDATE,
  NOON,
  OFFERED,
  tool,
  UPSTREAMS,
  type Offering,
} from './desk.fake.ts'

let here: Desk
beforeEach(() => {
  here = desk()
  here.write('m.yaml', MANDATE)
  here.write('mcp.json', UPSTREAMS)
})
afterEach(() => here.remove())

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly started: readonly string[]
}

async function check(
  argv: readonly string[],
  offered: Offering = OFFERED,
  now = NOON,
): Promise<Ran> {
  const { probe, started } = fakeProbe(offered)
  const command = checkCommand({
    probe: () => Promise.resolve(probe),
    clock: { now: () => now },
    platform: 'linux',
  })
  const row = { name: 'check', summary: '', load: () => Promise.resolve(command) }
  const code = await main(['check', ...argv], here.io, [row])
  return { code, out: here.io.out(), err: here.io.err(), started }
}

interface Report {
  readonly ok: boolean
  readonly problems: readonly { readonly level: string; readonly id: string }[]
  readonly upstreams: readonly object[]
}

async function checkJson(
  argv: readonly string[] = ['--mandate', 'm.yaml'],
  offered?: Offering,
  now = NOON,
): Promise<Ran & { readonly report: Report; readonly ids: readonly string[] }> {
  const ran = await check([...argv, '--json'], offered, now)
  const report = JSON.parse(ran.out) as Report
  return { ...ran, report, ids: report.problems.map(({ level, id }) => `${level} ${id}`) }
}

test('what would run is told, with what each upstream would offer', async () => {
  const { code, out, err } = await check(['--mandate', 'm.yaml'])
  expect(code).toBe(0)
  expect(out).toBe(`mandate intake (m.yaml) for buyer, until 2026-12-31T18:00:00.000Z
  vendors  2 of 3 tools offered
  mail     0 of 1 tool offered

ok: this would run, with 2 tools offered
`)
  expect(err).toBe('')
})

test('the same as JSON', async () => {
  const { code, report } = await checkJson()
  expect(code).toBe(0)
  expect(report).toEqual({
    ok: true,
    problems: [],
    upstreams: [
      { server: 'vendors', tools: 3, offered: 2 },
      { server: 'mail', tools: 1, offered: 0 },
    ],
  })
})

test('a misspelt tool is found, with its place and a suggestion', async () => {
  here.write('m.yaml', MANDATE.replace('vendors/approve:', 'vendors/aprove:'))
  const { code, out } = await check(['--mandate', 'm.yaml'])
  expect(code).toBe(1)
  expect(out).toContain(
    'error   m.yaml:8:3: no upstream has a tool `vendors/aprove` (did you mean `vendors/approve`?) [unknown_tool]\n',
  )
  expect(out).toMatch(/\nnot ok: 1 error\n$/)
})

test('a misspelt argument and an unknown server are found', async () => {
  here.write(
    'm.yaml',
    MANDATE.replace('vendor_class:', 'vendor_clas:').replace('vendors/brief', 'vendor/brief'),
  )
  const { code, report } = await checkJson()
  expect(code).toBe(1)
  expect(report.problems).toMatchObject([
    { level: 'error', id: 'unknown_argument', line: 11 },
    { level: 'error', id: 'unknown_server', line: 17 },
  ])
})

test('every bad document is reported at once, and nothing is started', async () => {
  here.write('m.yaml', MANDATE.replace('owner', 'ownr').replace('effect: write', 'effect: wrte'))
  here.write('mcp.json', '{"mcpServers": {"vendors": {"command": "${VENDOR_SERVER}"}, "mail": {}}}')
  const { code, ids, started, report } = await checkJson()
  expect(code).toBe(1)
  expect(ids).toContain('error unset_variable')
  expect(ids).toContain('error missing_command')
  expect(ids.length).toBeGreaterThanOrEqual(3)
  expect(report).toMatchObject({ ok: false, upstreams: [] })
  expect(started).toEqual([])
})

describe('whether the mandate fits this guard', () => {
  test('wrong agent', async () => {
    const { code, ids, started } = await checkJson(['--mandate', 'm.yaml', '--agent', 'thief'])
    expect([code, ids, started]).toEqual([1, ['error agent_mismatch'], []])
  })

  test('wrong environment', async () => {
    const { code, ids } = await checkJson(['--mandate', 'm.yaml', '--environment', 'staging'])
    expect([code, ids]).toEqual([1, ['error environment_mismatch']])
  })

  test('expired, to the millisecond', async () => {
    const end = Date.parse('2026-12-31T18:00:00Z')
    const late = await checkJson(undefined, undefined, end as typeof NOON)
    expect([late.code, late.ids]).toEqual([1, ['error mandate_expired']])
  })

  test('the last moment', async () => {
    const end = Date.parse('2026-12-31T18:00:00Z')
    const last = await checkJson(undefined, undefined, (end - 1) as typeof NOON)
    expect([last.code, last.ids]).toEqual([0, []])
  })

  test('not yet valid is only warned of: it will be', async () => {
    const early = Date.parse('2026-11-19T00:00:00Z') as typeof NOON
    const { code, ids } = await checkJson(undefined, undefined, early)
    expect([code, ids]).toEqual([0, ['warning mandate_not_yet_valid']])
  })
})

test('an upstream that cannot be asked leaves the check undone, not the mandate wrong', async () => {
  const offered: Offering = {
    tools: OFFERED.tools.filter(({ server }) => server === 'mail'),
    prompts: [],
    failed: [{ server: 'vendors', why: '`vendors` ended with code 1' }],
  }
  const { code, out } = await check(['--mandate', 'm.yaml'], offered)
  expect(code).toBe(3)
  expect(out).toContain('  vendors  could not be asked\n')
  expect(out).toContain(
    'error   mcp.json:1:16: `vendors` could not be asked what it offers: `vendors` ended with code 1 (see that its command works when run by hand) [upstream_failed]\n',
  )
  expect(out).toMatch(/\ncould not check: vendors could not be asked\n$/)
})

test('beside an upstream that cannot be asked, what is wrong elsewhere is still wrong', async () => {
  here.write(
    'm.yaml',
    `${MANDATE.replace('never:', '#')}\n`.replace('tools:', 'tools:\n  mail/sent: {}'),
  )
  const failed = [{ server: 'vendors', why: 'gone' }]
  const { code, ids } = await checkJson(undefined, { ...OFFERED, failed })
  expect(code).toBe(1)
  expect(ids).toEqual(['error unknown_tool', 'error upstream_failed'])
})

test('--offline starts nothing and says what was not checked', async () => {
  here.write('m.yaml', MANDATE.replace('vendors/approve:', 'vendors/aprove:'))
  const { code, out, started } = await check(['--mandate', 'm.yaml', '--offline'])
  expect(code).toBe(0)
  expect(started).toEqual([])
  expect(out).toMatch(/ok: .*tools and arguments were not checked \(--offline\)\n$/)
})

test('G48: a client that still reaches an upstream past the guard is named, but does not fail the check', async () => {
  const entry = JSON.stringify({ mcpServers: { v: { command: 'vendor-server' } } }, undefined, 1)
  here.write('../home/.cursor/mcp.json', entry)
  here.write('.mcp.json', entry.replace('"v"', '"w"'))
  const { code, out } = await check(['--mandate', 'm.yaml'])
  expect(code).toBe(0)
  expect(out).toContain(
    'warning .mcp.json:3:3: Claude Code still reaches `vendors` past the guard: its entry `w`',
  )
  expect(out).toContain(`${here.folder}/home/.cursor/mcp.json:3:3: Cursor still reaches`)
  expect(out).toMatch(/ok: this would run, with 2 tools offered, 2 warnings\n$/)
})

describe("the guard's own files", () => {
  const reading = (mandate: string, root: string): string =>
    mandate.replace('amount: { range', `path: { path: { under: ${root} } }\n      amount: { range`)
  const writing = (root: string): string => reading(MANDATE, root)
  const offered: Offering = {
    ...OFFERED,
    tools: [
      ...OFFERED.tools.filter(({ name }) => name !== 'approve'),
      tool('vendors', 'approve', { vendor_class: {}, amount: {}, path: {} }),
    ],
  }

  test('a mandate through which the agent could write them is refused', async () => {
    here.write('m.yaml', writing(here.io.cwd))
    const { code, ids, started } = await checkJson(undefined, offered)
    expect([code, ids, started]).toEqual([1, ['error own_files_writable'], []])
  })

  test('unless each, or their folder, is permitted by name', async () => {
    here.write('m.yaml', writing(here.io.cwd))
    const one = await checkJson(['--mandate', 'm.yaml', '--allow-writable', 'm.yaml'], offered)
    expect(one.code).toBe(1)
  })

  test('the folder by name', async () => {
    here.write('m.yaml', writing(here.io.cwd))
    const all = await checkJson(['--mandate', 'm.yaml', '--allow-writable', '.'], offered)
    expect([all.code, all.ids]).toEqual([0, []])
  })

  test.each([
    [0, 'nothing is kept', undefined],
    [0, 'only what an upstream wanted is', 'a.challenge'],
    [1, 'a login is', 'a.json'],
  ])('%i for a mandate through which it could read logins while %s', async (exit, _what, kept) => {
    const reads = MANDATE.replace('effect: write', 'effect: read')
    here.write('m.yaml', reading(reads, `${here.folder}/state/credentials`))
    if (kept !== undefined) here.write(`../state/credentials/${kept}`, '{}')
    const { code, ids, started } = await checkJson(undefined, offered)
    expect([code, ids]).toEqual([exit, exit === 0 ? [] : ['error own_secrets_readable']])
    expect(started.length > 0).toBe(exit === 0)
  })

  test('a mandate through which it could read the keys of the record is refused, before there are any', async () => {
    const reads = MANDATE.replace('effect: write', 'effect: read')
    here.write('m.yaml', reading(reads, `${here.folder}/state`))
    const { code, ids, started } = await checkJson(undefined, offered)
    expect([code, ids, started]).toEqual([1, ['error own_secrets_readable'], []])
    const named = ['--mandate', 'm.yaml', '--allow-writable', `${here.folder}/state`]
    expect((await check(named, offered)).code).toBe(0)
  })

  test('the key that the settings name is out of bounds wherever it lies', async () => {
    here.write('chaperone.yaml', 'audit: { key: ../keys/sign.pem }')
    for (const effect of ['read', 'write']) {
      const text = MANDATE.replace('effect: write', `effect: ${effect}`)
      here.write('m.yaml', reading(text, `${here.folder}/keys`))

      const { code, err, out, started } = await check(['--mandate', 'm.yaml'], offered)
      expect([code, started]).toEqual([1, []])
      const said = out + err
      expect(said).toContain('could read what it must never see')
      expect(said.includes('could write the guard')).toBe(effect === 'write')
      expect(said).toContain('/keys/sign.pem')
    }
  })

  test('and the state is one of them', async () => {
    here.write('m.yaml', writing(`${here.folder}/state/log`))
    const { code, ids } = await checkJson(undefined, offered)
    expect([code, ids]).toEqual([1, ['error own_files_writable', 'error own_secrets_readable']])
  })
})

test.each([
  [[], 'no mandate is named'],
  [['--mandate', 'm.yaml', 'extra'], 'unexpected argument `extra`'],
  [['--mandate', 'm.yaml', '--ofline'], 'did you mean `--offline`?'],
  [['--mandate', 'm.yaml', '--environment', 'live'], '--environment is `live`'],
])('usage: %j', async (argv, message) => {
  const { code, out, err, started } = await check(argv)
  expect(code).toBe(2)
  expect(err).toContain(message)
  expect(out).toBe('')
  expect(started).toEqual([])
})

test('files that are not there are problems with a remedy', async () => {
  const { code, out } = await check(['--mandate', 'none.yaml', '--upstreams', 'none.json'])
  expect(code).toBe(1)
  expect(out).toMatch(/cannot read `[^`]*none\.yaml`: no such file \(check the path\)/)
  expect(out).toMatch(/cannot read `[^`]*none\.json`: no such file \(check the path\)/)
})

test('what an upstream calls its tools cannot draw on the terminal', async () => {
  here.write('m.yaml', MANDATE.replace('vendors/approve:', 'vendors/send_x:'))
  const offered = { ...OFFERED, tools: [tool('vendors', 'send_\u001B[2J')] }
  const { out } = await check(['--mandate', 'm.yaml'], offered)
  expect(out).not.toContain('\u001B')
})

describe('names that cannot be told from others', () => {
  const forged: Offering = {
    ...OFFERED,
    tools: [
      ...OFFERED.tools,
      tool('vendors', 'search_by_nam\u0435'),
      tool('vendors', 'search-by-name'),
      tool('vendors', 'Search_By_Name_2'),
      tool('mail', 's\u0435nd'),
    ],
  }

  test('are warned of with their code points where a wildcard covers them, and not offered', async () => {
    here.write('m.yaml', MANDATE.replace('vendors/search_*', '"vendors/*earch*"'))
    const { code, out } = await check(['--mandate', 'm.yaml'], forged)
    expect(code).toBe(0)
    expect(out).toContain('vendors  2 of 6 tools offered')
    expect(out).toMatch(/warning .*`vendors\/search_by_nam\u0435` is hidden: .*U\+0435/)
    expect(out).toMatch(/`vendors\/search-by-name` is hidden: it can be taken for .*U\+002D/)
    expect(out).toMatch(
      /`vendors\/Search_By_Name_2` is hidden: it passes for `vendors\/search_by_name`/,
    )
    expect(out).not.toContain('mail/s\u0435nd')
  })

  test('are an error where a grant names one of them', async () => {
    here.write('m.yaml', MANDATE.replace('vendors/search_*', 'vendors/search_by_nam\u0435'))
    const { code, out } = await check(['--mandate', 'm.yaml'], forged)
    expect(code).toBe(1)
    expect(out).toMatch(/error .*`vendors\/search_by_nam\u0435` is hidden: .*U\+0435/)
  })
})

test('progress is for people: it is on stderr, and not with --json', async () => {
  here = { ...here, io: { ...here.io, watched: true } }
  const watched = await check(['--mandate', 'm.yaml'])
  expect(watched.err).toBe('starting vendors, mail …\n')
  const json = await check(['--mandate', 'm.yaml', '--json'])
  expect(json.err).toBe(watched.err)
})
