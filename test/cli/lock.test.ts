/** What `check` and `explain` say where there is a lock file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkCommand } from '../../src/cli/check.ts'
import { explainCommand } from '../../src/cli/explain.ts'
import { main } from '../../src/cli/main.ts'
import { pinCommand } from '../../src/cli/pin.ts'
import {
  type Desk,
  desk,
  fakeProbe,
  MANDATE,
  NOON,
  OFFERED,
  type Offering,
  tool,
  UPSTREAMS,
} from './desk.fake.ts'
import { fakeIo } from './io.fake.ts'

let here: Desk
beforeEach(async () => {
  here = desk()
  here.write('m.yaml', MANDATE)
  here.write('mcp.json', UPSTREAMS)
  await command('pin', ['--mandate', 'm.yaml'])
})
afterEach(() => here.remove())

interface Ran {
  readonly code: number
  readonly out: string
  readonly started: readonly string[]
}

async function command(
  name: 'check' | 'explain' | 'pin',
  argv: readonly string[],
  offered: Offering = OFFERED,
): Promise<Ran> {
  const { probe, started } = fakeProbe(offered)
  const parts = {
    probe: () => Promise.resolve(probe),
    clock: { now: () => NOON },
    platform: 'linux' as const,
  }
  const made = { check: checkCommand, explain: explainCommand, pin: pinCommand }[name](parts)
  const io = fakeIo({ cwd: here.io.cwd, env: here.io.env })
  const row = { name, summary: '', load: () => Promise.resolve(made) }
  return { code: await main([name, ...argv], io, [row]), out: io.out(), started }
}

const check = (offered?: Offering, argv: readonly string[] = []): Promise<Ran> =>
  command('check', ['--mandate', 'm.yaml', ...argv], offered)
const explain = (target: string, offered?: Offering): Promise<Ran> =>
  command('explain', ['--mandate', 'm.yaml', target], offered)

function but(name: string, ...others: Offering['tools']): Offering {
  return { ...OFFERED, tools: [...OFFERED.tools.filter((one) => one.name !== name), ...others] }
}
const CHANGED = but(
  'approve',
  tool('vendors', 'approve', { vendor_class: {}, amount: { type: 'number' }, llm: {} }),
)

test('what is as it was approved is in order', async () => {
  const { code, out } = await check()
  expect(code).toBe(0)
  expect(out).toContain('vendors  2 of 3 tools offered\n')
})

describe('check', () => {
  test('names what changed, with what differs, and does not count it as offered', async () => {
    const { code, out } = await check(CHANGED)
    expect(code).toBe(1)
    expect(out).toContain('vendors  1 of 3 tools offered\n')
    expect(out).toContain(
      'chaperone.lock:25:1: the tool `vendors/approve` is not as it was approved, and hidden: inputSchema.properties.llm: new: {} (see that it is meant, then approve it: chaperone pin --mandate m.yaml --only vendors/approve)',
    )
  })

  test('names what is new and what is gone, where a grant covers it', async () => {
    const { code, out } = await check(but('search_by_name', tool('vendors', 'search_all')))
    expect(code).toBe(1)
    expect(out).toContain('the tool `vendors/search_all` is not approved, and hidden')
    expect(out).toContain('`vendors/search_by_name` is approved, and its upstream no longer has it')
  })

  test.each([
    ['beside it', OFFERED.tools],
    ['in its place', OFFERED.tools.filter(({ name }) => name !== 'search_by_name')],
  ])(
    'a name that looks like an approved one, %s, is warned of once, as `pin` does',
    async (_, tools) => {
      const forged = { ...OFFERED, tools: [...tools, tool('vendors', 'search_by_n4me')] }
      const { out } = await check(forged)
      const about = out.split('\n').filter((line) => line.includes('n4me'))
      expect(about).toHaveLength(1)
      expect(about[0]).toMatch(
        /^warning .*`vendors\/search_by_n4me` is hidden: it can be taken for `vendors\/search_by_name`: U\+0034 \(see docs/,
      )
      const pinned = await command('pin', ['--mandate', 'm.yaml', '--check'], forged)
      expect(pinned.out).toContain(
        '! vendors/search_by_n4me (tool) is left out: it can be taken for',
      )
      expect((await check(forged)).code).toBe(pinned.code)
    },
  )

  test('only counts what no grant covers', async () => {
    const { code, out } = await check(but('send', tool('mail', 'send', { bcc: {} })))
    expect(code).toBe(0)
    expect(out).toContain('warning')
    expect(out).toContain('what no grant covers differs from the lock, too: 1 definition')
    expect(out).toContain('(see chaperone pin --mandate m.yaml --check)')
  })

  test('a launch line that is not the approved one starts nothing, and is named with its line', async () => {
    here.write('mcp.json', UPSTREAMS.replace('mail-server', 'evil-server'))
    const { code, out, started } = await check()
    expect([code, started]).toEqual([1, []])
    expect(out).toMatch(
      /mcp\.json:1:\d+: the launch line of `mail` is not the one that `.*chaperone\.lock` \(line 4\) approves: command: "mail-server" → "evil-server" \(see that it is meant, then approve it: chaperone pin --mandate m.yaml --only mail\)/,
    )
  })

  test('an upstream that the lock file does not have starts nothing', async () => {
    const servers = JSON.parse(UPSTREAMS) as { readonly mcpServers: object }
    const more = { mcpServers: { ...servers.mcpServers, fresh: { command: 'x' } } }
    here.write('mcp.json', JSON.stringify(more))
    const { code, out, started } = await check()
    expect([code, started]).toEqual([1, []])
    expect(out).toContain('nobody approved the upstream `fresh`')
  })

  test('a lock file that was tampered with is refused', async () => {
    const text = readFileSync(join(here.io.cwd, 'chaperone.lock'), 'utf8')
    here.write('chaperone.lock', text.replace('"name": "approve"', '"name": "approve "'))
    const { code, out, started } = await check()
    expect([code, started]).toEqual([1, []])
    expect(out).toContain('the definition of the tool `approve` and its hash do not agree')
  })

  test('one that is named has to be there, and of two none is taken', async () => {
    const none = await check(undefined, ['--lock', 'none.lock'])
    expect([none.code, none.started]).toEqual([1, []])
    here.write('other/mcp.json', UPSTREAMS)
    here.write('other/chaperone.lock', '{}')
    const two = await check(undefined, ['--upstreams', 'other/mcp.json'])
    expect([two.code, two.started]).toEqual([1, []])
    expect(two.out).toContain('there are two lock files')
  })
})

describe('explain', () => {
  test('what is not as it was approved is refused as the guard does, and no other name is suggested', async () => {
    const changed = await explain('vendors/approve', CHANGED)
    expect(changed.code).toBe(1)
    expect(changed.out).toContain('denied: tool_changed')
    const fresh = but('search_by_name', tool('vendors', 'search_by_names'))
    const added = await explain('vendors/search_by_names', fresh)
    expect(added.out).toContain('denied: tool_changed')
    expect(added.out).toContain('it were approved (chaperone pin)')
    const gone = await explain('vendors/search_by_name', fresh)
    expect(gone.code).toBe(1)
    expect(gone.out).toContain('denied: tool_changed')
    expect(gone.out).toContain('its upstream does not have it any more')
    expect(gone.out).not.toContain('could be permitted')
    const bare = await explain('search_by_name', fresh)
    expect(bare.out).toContain('denied: tool_changed')
  })

  test('a name that nobody approved is not suggested, and neither is one that looks like another', async () => {
    const more = [tool('vendors', 'search_by_nam'), tool('vendors', 'search_by_n4me')]
    const offered = { ...OFFERED, tools: [...OFFERED.tools, ...more] }
    const { out } = await explain('vendors/search_by_na', offered)
    expect(out).toContain('denied: unknown_tool')
    expect(out).toContain('could be permitted if it were called `search_by_name`')
    const twin = await explain('vendors/search_by_n4me', offered)
    expect(twin.out).toContain('denied: tool_changed')
    expect(twin.out).toContain('it can be taken for `vendors/search_by_name`: U+0034')
    expect(twin.out).not.toContain('could be permitted')
  })

  test('of what no grant covers it is not said that it changed', async () => {
    const { out } = await explain('mail/send', but('send', tool('mail', 'send', { bcc: {} })))
    expect(out).not.toContain('tool_changed')
    expect(out).toContain('denied: ')
  })

  test('the effect is the strictest of grant and lock file', async () => {
    const file = join(here.io.cwd, 'chaperone.lock')
    const text = readFileSync(file, 'utf8')
    here.write('chaperone.lock', text.replace('"effect": "read"', '"effect": "delete"'))
    expect((await explain('vendors/search_by_name')).out).toContain('effect delete')
  })
})

test('a mandate through which the agent could write is judged by the effects of the lock file, too', async () => {
  const reads = `${MANDATE.split('tools:')[0]}tools: { files/write: { effect: read } }\n`
  here.write('m.yaml', reads)
  const folder = here.io.cwd
  here.write(
    'mcp.json',
    JSON.stringify({ mcpServers: { files: { command: 'x', args: [folder] } } }),
  )
  const offered = { ...OFFERED, tools: [tool('files', 'write')], prompts: [] }
  await command('pin', ['--yes'], offered)
  expect((await check(offered)).code).toBe(0)
  await command('pin', ['--only', 'files/write', '--effect', 'write'], offered)
  const { code, out } = await check(offered)
  expect(code).toBe(1)
  expect(out).toContain("the agent could write the guard's own files by `files/write`")
})
