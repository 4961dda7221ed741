import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { pinCommand } from '../../src/cli/pin.ts'
import type { CliIo } from '../../src/cli/io.ts'
import { readLock } from '../../src/config/lock.ts'
import { digestOf } from '../../src/model/digest.ts'
import { canonical } from '../../src/model/json.ts'
import type { Lock } from '../../src/model/lock.ts'
import {
  type Desk,
  desk,
  fakeProbe,
  MANDATE,
  OFFERED,
  type Offering,
  tool,
  UPSTREAMS,
} from './desk.fake.ts'
import { fakeIo } from './io.fake.ts'

let here: Desk
beforeEach(() => {
  here = desk()
  here.write('mcp.json', UPSTREAMS)
})
afterEach(() => here.remove())

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly started: readonly string[]
}

async function pin(
  argv: readonly string[],
  offered: Offering = OFFERED,
  over: Partial<CliIo> = {},
): Promise<Ran> {
  const { probe, started } = fakeProbe(offered)
  const command = pinCommand({ probe: () => Promise.resolve(probe) })
  const row = { name: 'pin', summary: '', load: () => Promise.resolve(command) }
  const io = fakeIo({ cwd: here.io.cwd, env: here.io.env, ...over })
  const code = await main(['pin', ...argv], io, [row])
  return { code, out: io.out(), err: io.err(), started }
}

function lockFile(): string {
  return join(here.io.cwd, 'chaperone.lock')
}
function lockText(): string {
  return readFileSync(lockFile(), 'utf8')
}
function approved(): Lock['upstreams'] {
  return readLock(lockFile()).lock?.upstreams ?? new Map()
}
function effects(server: string): Readonly<Record<string, string | undefined>> {
  const tools = approved().get(server)?.definitions.tool
  return Object.fromEntries([...(tools ?? [])].map(([name, { effect }]) => [name, effect]))
}
function withTools(...tools: Offering['tools']): Offering {
  return { ...OFFERED, tools }
}
const SEND = tool('mail', 'send')
const SENDS_MORE = tool('mail', 'send', { bcc: { type: 'string' } })
/** What `OFFERED` has, with another `send`. */
const DRIFTED = withTools(...OFFERED.tools.filter(({ name }) => name !== 'send'), SENDS_MORE)

describe('without a lock file', () => {
  test('approves everything that is there, and says what', async () => {
    const { code, out, started } = await pin([])
    expect(code).toBe(0)
    expect(started).toEqual(['vendors', 'mail'])
    expect(out).toContain('+ vendors (how it is started)\n    command: new: "vendor-server"\n')
    expect(out).toContain('+ mail/send (tool)\n')
    expect(out).toContain('+ vendors/brief (prompt)\n')
    expect(out).toMatch(/\nwritten: chaperone\.lock, 7 changes\n$/)
    expect(Object.keys(effects('vendors'))).toEqual(['approve', 'delete_all', 'search_by_name'])
    expect(readdirSync(here.io.cwd).toSorted()).toEqual(['chaperone.lock', 'mcp.json'])
  })

  test('--check says that there is none, starts nothing and writes nothing', async () => {
    const { code, out, started } = await pin(['--check'])
    expect(code).toBe(1)
    expect(out).toContain('there is no lock file yet')
    expect(started).toEqual([])
    expect(existsSync(lockFile())).toBe(false)
  })

  test('writes the same file whatever the order of lists, and again', async () => {
    await pin([])
    const first = lockText()
    const turned = { ...OFFERED, tools: OFFERED.tools.toReversed() }
    const { code, out } = await pin([], turned)
    expect([code, out]).toEqual([0, 'in step: chaperone.lock approves what is there\n'])
    expect(lockText()).toBe(first)
  })

  test('takes the effects from the grants, then from --effect, and keeps what was edited', async () => {
    here.write('m.yaml', MANDATE)
    await pin(['--mandate', 'm.yaml', '--effect', 'send'])
    expect(effects('vendors')).toEqual({
      approve: 'write',
      delete_all: 'send',
      search_by_name: 'read',
    })
    here.write('chaperone.lock', lockText().replace('"effect": "write"', '"effect": "admin"'))
    const approve = tool('vendors', 'approve', { vendor_class: {}, amount: {}, note: {} })
    const others = OFFERED.tools.filter(({ name }) => name !== 'approve')
    await pin(['--mandate', 'm.yaml', '--yes'], withTools(...others, approve))
    expect(effects('vendors')).toMatchObject({ approve: 'admin' })
  })

  test('the file is where --lock says', async () => {
    expect((await pin(['--lock', 'other.lock'])).code).toBe(0)
    expect(existsSync(join(here.io.cwd, 'other.lock'))).toBe(true)
    expect(existsSync(lockFile())).toBe(false)
  })
})

describe('where a definition changed', () => {
  beforeEach(async () => {
    await pin([])
  })

  test('shows what differs, and writes nothing by itself', async () => {
    const before = lockText()
    const { code, out } = await pin([], DRIFTED)
    expect(code).toBe(1)
    expect(out).toBe(`~ mail/send (tool)
    inputSchema.properties.bcc: new: {"type":"string"}
not in step: chaperone.lock, 1 change (--yes approves all of it, --only what it names)
`)
    expect(lockText()).toBe(before)
  })

  test('--check says the same with the same code', async () => {
    expect((await pin(['--check'], DRIFTED)).code).toBe(1)
    expect((await pin(['--check'])).code).toBe(0)
  })

  test('--yes approves all of it', async () => {
    const { code, out } = await pin(['--yes'], DRIFTED)
    expect(code).toBe(0)
    expect(out).toContain('written: chaperone.lock, 1 change\n')
    expect((await pin(['--check'], DRIFTED)).code).toBe(0)
  })

  test('a person at the terminal is shown what a new one says, cut and safe to show', async () => {
    const properties = { path: { type: 'string', description: 'Where\u202E' } }
    const raw = {
      name: 'list',
      title: 'List',
      description: `Lists ${'x'.repeat(9000)}`,
      inputSchema: { type: 'object', properties },
      annotations: { readOnlyHint: true },
    }
    const list = { server: 'mail', name: 'list', raw, definition: digestOf(canonical(raw)) }
    const confirm = (): Promise<boolean> => Promise.resolve(false)
    const { code, err } = await pin([], withTools(...OFFERED.tools, list), { confirm })
    expect(code).toBe(1)
    expect(err).toContain(
      '+ mail/list (tool)\n    title: new: "List"\n    description: new: "Lists xxx',
    )
    expect(err).toContain(
      '    inputSchema.properties.path: new: {"description":"Where[U+202E]","type":"string"}\n',
    )
    expect(err).toContain('    annotations.readOnlyHint: new: true\n')
    expect(err.length).toBeLessThan(3000)
  })

  test('a person at the terminal is shown it and asked', async () => {
    const asked: string[] = []
    const says = (answer: boolean) => (question: string) => {
      asked.push(question)
      return Promise.resolve(answer)
    }
    const no = await pin([], DRIFTED, { confirm: says(false) })
    expect([no.code, asked]).toEqual([1, ['approve this?']])
    expect(no.err).toContain('~ mail/send (tool)\n    inputSchema.properties.bcc: new:')
    expect((await pin(['--check'], DRIFTED, { confirm: says(true) })).code).toBe(1)
    const yes = await pin([], DRIFTED, { confirm: says(true) })
    expect(yes.code).toBe(0)
    expect(asked).toHaveLength(2)
  })

  test('--only writes what it names and nothing else', async () => {
    const more = withTools(...DRIFTED.tools, tool('mail', 'list'), tool('vendors', 'fresh'))
    const { code, out, started } = await pin(['--only', 'mail/list'], more)
    expect(code).toBe(0)
    expect(started).toEqual(['mail'])
    expect(out).toBe(`+ mail/list (tool)
    inputSchema.type: new: "object"
    inputSchema.properties: new: {}
written: chaperone.lock, 1 change; 1 more differ
`)
    expect(Object.keys(effects('mail'))).toEqual(['list', 'send'])
    const whole = await pin(['--only', 'mail'], more)
    expect(whole.out).toContain('~ mail/send (tool)')
    expect((await pin(['--check'], more)).out).toMatch(
      /\+ vendors\/fresh \(tool\)\n[^+~]*not in step/,
    )
  })

  test('--only with a name that nobody has is a mistake, and nothing is written', async () => {
    const before = lockText()
    const { code, err } = await pin(['--only', 'mail/sent'], DRIFTED)
    expect(code).toBe(2)
    expect(err).toContain('`mail` has nothing called `sent`, and nothing of it is approved')
    expect(err).toContain('(did you mean `send`?)')
    expect(lockText()).toBe(before)
    // What is approved may be gone, and is then taken out.
    const gone = await pin(['--only', 'mail/send'], withTools())
    expect(gone.out).toContain('- mail/send (tool)\nwritten')
  })

  test('--only with nothing to write does not say that all is in step', async () => {
    const more = withTools(...DRIFTED.tools, tool('mail', 'list'))
    await pin(['--only', 'mail/list'], more)
    const { code, out } = await pin(['--only', 'mail/list'], more)
    expect(code).toBe(0)
    expect(out).toBe('nothing to write: chaperone.lock approves what --only names; 1 more differ\n')
    const json = await pin(['--only', 'mail/list', '--json'], more)
    expect(JSON.parse(json.out)).toMatchObject({ inStep: false, others: 1, changes: [] })
  })

  test('--only with --effect classifies what is approved already', async () => {
    const { out } = await pin(['--only', 'mail/send', '--effect', 'send'])
    expect(out).toContain('~ mail/send (effect)\n    effect: unclassified → send\n')
    expect(effects('mail')).toEqual({ send: 'send' })
  })

  test('what is gone is taken out', async () => {
    const { out } = await pin(['--yes'], withTools(SEND))
    expect(out).toContain('- vendors/approve (tool)\n')
    expect(effects('vendors')).toEqual({})
  })
})

describe('where a launch line changed', () => {
  beforeEach(async () => {
    await pin([])
    here.write('mcp.json', UPSTREAMS.replace('mail-server', 'other-server'))
  })

  test('it is not started before somebody says so', async () => {
    const before = lockText()
    const { code, out, started } = await pin([])
    expect(code).toBe(1)
    expect(started).toEqual(['vendors'])
    expect(out).toContain(
      '~ mail (how it is started)\n    command: "mail-server" → "other-server"\nnot in step',
    )
    expect((await pin(['--check', '--yes'])).started).toEqual(['vendors'])
    expect(lockText()).toBe(before)
  })

  test.each([[['--yes']], [['--only', 'mail']]])('%j approves and starts it', async (argv) => {
    const { code, started } = await pin(argv)
    expect(code).toBe(0)
    expect(started).toContain('mail')
    expect((await pin(['--check'])).code).toBe(0)
  })

  test('a tool of it cannot be approved alone', async () => {
    const { code, err, started } = await pin(['--only', 'mail/send'])
    expect([code, started]).toEqual([2, []])
    expect(err).toContain('how `mail` is started is not approved (approve that first: --only mail)')
  })

  test('a person is asked whether it may be started, and then whether what it offers is approved', async () => {
    const asked: string[] = []
    const confirm = (question: string): Promise<boolean> => {
      asked.push(question)
      return Promise.resolve(asked.length === 1)
    }
    const { code, started } = await pin([], DRIFTED, { confirm })
    expect([code, started]).toEqual([1, ['vendors', 'mail']])
    expect(asked).toEqual(['start this?', 'approve this?'])
  })

  test('a new upstream is held the same way, and one that is gone is taken out', async () => {
    here.write('mcp.json', JSON.stringify({ mcpServers: { fresh: { command: 'x' } } }))
    const held = await pin([])
    expect([held.code, held.started]).toEqual([1, []])
    expect(held.out).toContain('+ fresh (how it is started)')
    expect(held.out).toContain('- vendors (how it is started)')
    await pin(['--yes'])
    expect([...approved().keys()]).toEqual(['fresh'])
  })
})

describe('names', () => {
  const FORGED = [tool('mail', 's\u0435nd'), tool('mail', 'sen\u200Bd'), tool('mail', 'SEND')]

  test('that cannot be shown, or look like others, are left out with their code points', async () => {
    const { code, out } = await pin([], withTools(...OFFERED.tools, ...FORGED))
    expect(code).toBe(0)
    expect(out).toContain('! mail/s\u0435nd (tool) is left out: ')
    expect(out).toContain('U+0435')
    expect(out).toContain(
      '! mail/sen[U+200B]d (tool) is left out: it holds what cannot be seen: U+200B',
    )
    expect(out).toContain('! mail/SEND (tool) is left out: it can be taken for `mail/send`: U+0053')
    expect(Object.keys(effects('mail'))).toEqual(['send'])
  })

  test('one that looks like an approved one is left out where that one is gone, too', async () => {
    const before = withTools(tool('mail', 'list'))
    const after = withTools(tool('mail', '1ist'))
    await pin([], { ...before, prompts: [] })
    const checked = await pin(['--check'], { ...after, prompts: [] })
    const left = '! mail/1ist (tool) is left out: it can be taken for `mail/list`: U+0031'
    expect(checked.out).toContain(left)
    const only = await pin(['--only', 'vendors'], { ...after, prompts: [] })
    expect(only.out).not.toContain('1ist')
    const { out } = await pin(['--yes'], { ...after, prompts: [] })
    expect(out).toContain(left)
    expect(effects('mail')).toEqual({})
    await pin(['--lock', 'other.lock'], { ...before, prompts: [] })
    await pin(['--lock', 'other.lock', '--only', 'mail/1ist'], { ...after, prompts: [] })
    const other = readLock(join(here.io.cwd, 'other.lock')).lock?.upstreams.get('mail')
    expect([...(other?.definitions.tool.keys() ?? [])]).toEqual(['1ist', 'list'])
  })

  test('the approved one of two definitions under one name stays', async () => {
    await pin([])
    const { code, out } = await pin(['--check'], withTools(...OFFERED.tools, SENDS_MORE))
    expect(code).toBe(0)
    expect(out).toContain('! mail/send (tool) is left out: its name is given to two definitions')
  })

  test('one that only looks like another is approved by its full name', async () => {
    await pin([])
    const { code } = await pin(['--only', 'mail/SEND'], withTools(...OFFERED.tools, ...FORGED))
    expect(code).toBe(0)
    expect(Object.keys(effects('mail'))).toEqual(['SEND', 'send'])
    const barred = await pin(['--only', 'mail/s\u0435nd'], withTools(...OFFERED.tools, ...FORGED))
    expect(barred.code).toBe(1)
    expect(barred.out).toContain('nothing to write: what --only names is left out')
    expect(Object.keys(effects('mail'))).toEqual(['SEND', 'send'])
  })
})

test('an upstream that cannot be asked: nothing is written, unless the others are named', async () => {
  const failed = [{ server: 'mail', why: 'it ended' }]
  const broken = {
    ...OFFERED,
    failed,
    tools: OFFERED.tools.filter(({ server }) => server !== 'mail'),
  }
  const { code, out } = await pin([], broken)
  expect(code).toBe(3)
  expect(out).toContain('mail could not be asked: it ended\n')
  expect(existsSync(lockFile())).toBe(false)
  expect((await pin(['--only', 'vendors'], broken)).code).toBe(0)
  expect([...approved().keys()]).toEqual(['vendors'])
})

test('a secret in a definition is told, a secret in a launch line never gets in', async () => {
  const secret = `ghp_${'a1B2'.repeat(9)}`
  const entry = {
    command: 'mail-server',
    args: ['--token', 'hunter2'],
    env: { API_KEY: 'hunter2' },
  }
  here.write('mcp.json', JSON.stringify({ mcpServers: { mail: entry } }))
  const leaky = { ...SEND, raw: { ...SEND.raw, description: `use ${secret}` } }
  const { out } = await pin([], { ...withTools(leaky), prompts: [] })
  expect(out).toContain('! mail/send (tool) holds what looks like a secret')
  expect(lockText()).not.toContain('hunter2')
})

test('what a reader would not see in a definition is told, and so is one that nobody would read to its end', async () => {
  const describe = (name: string, description: string): Offering['tools'][number] => {
    const raw = { name, description }
    return { server: 'mail', name, raw, definition: digestOf(canonical(raw)) }
  }
  const tags = String.fromCodePoint(0xe0041, 0xe0042)
  const offered = withTools(
    describe('hidden', `Reads\u200B${tags}\u001B[8m`),
    describe('usual', 'Reads \u26A0\uFE0F\n\tand \u{1F469}\u200D\u{1F4BB} more'),
    describe('long', 'x'.repeat(17_000)),
  )
  const { out } = await pin([], { ...offered, prompts: [] })
  expect(out).toContain(
    '! mail/hidden (tool) holds what cannot be seen: U+200B U+E0041 U+E0042 U+001B\n',
  )
  expect(out).toMatch(/! mail\/long \(tool\) is 17\d{3} characters long\n/)
  expect(out).not.toContain('! mail/usual')
  expect(lockText()).toContain('Reads\\u200b\\udb40\\udc41\\udb40\\udc42\\u001b[8m')
})

test('--json is one document for programs', async () => {
  await pin([])
  const { code, out } = await pin(['--json', '--check'], DRIFTED)
  expect(code).toBe(1)
  expect(JSON.parse(out)).toEqual({
    file: lockFile(),
    inStep: false,
    written: false,
    changes: [
      {
        server: 'mail',
        kind: 'tool',
        name: 'send',
        change: 'changed',
        diff: ['inputSchema.properties.bcc: new: {"type":"string"}'],
        doubts: [],
      },
    ],
    others: 0,
    leftOut: [],
    failed: [],
  })
})

test('a lock file that is not as it was written is not written over', async () => {
  await pin([])
  here.write('chaperone.lock', lockText().replace('"vendor-server"', '"other"'))
  const { code, err, started } = await pin(['--yes'])
  expect([code, started]).toEqual([1, []])
  expect(err).toMatch(
    /chaperone\.lock:\d+:1: the launch line of `vendors` and its hash do not agree/,
  )
})

test('what an upstream calls its tools cannot draw on the terminal', async () => {
  const { out } = await pin([], withTools(tool('mail', 'x\u001B[2J\u202E')))
  expect(out).not.toMatch(/[^\n -~→\u2026]/)
})

test.each([
  [['--only', 'male'], 'did you mean `mail`?'],
  [['--effect', 'raed'], '--effect is `raed`'],
  [['--onyl', 'mail'], 'did you mean `--only`?'],
  [['extra'], 'unexpected argument `extra`'],
])('usage: %j', async (argv, message) => {
  const { code, err, started } = await pin(argv)
  expect([code, started]).toEqual([2, []])
  expect(err).toContain(message)
})

test('documents that are bad start nothing', async () => {
  here.write('mcp.json', '{"mcpServers": {"mail": {"command": "${NOT_SET}"}}}')
  const { code, err, started } = await pin([])
  expect([code, started]).toEqual([1, []])
  expect(err).toContain('`NOT_SET` is not set')
})
