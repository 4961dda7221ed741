import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Command, CommandRow } from '../../src/cli/io.ts'
import { COMMANDS, main } from '../../src/cli/main.ts'
import { type FaultCode, GuardError } from '../../src/model/error.ts'
import { fakeIo } from './io.fake.ts'

/** Commands that note what was loaded and run. */
function rows(run: Command['run'] = () => Promise.resolve(0)): {
  readonly table: readonly CommandRow[]
  readonly loaded: string[]
} {
  const loaded: string[] = []
  const row = (name: string): CommandRow => ({
    name,
    summary: `does ${name}`,
    load: () => {
      loaded.push(name)
      return Promise.resolve({ name, summary: '', help: `usage: ${name}\n`, run })
    },
  })
  return { table: [row('check'), row('run')], loaded }
}

test('runs the named command with its arguments, and loads no other', async () => {
  const seen: string[][] = []
  const { table, loaded } = rows((argv) => {
    seen.push([...argv])
    return Promise.resolve(7)
  })
  expect(await main(['run', '--mandate', 'm.yaml'], fakeIo(), table)).toBe(7)
  expect(seen).toEqual([['--mandate', 'm.yaml']])
  expect(loaded).toEqual(['run'])
})

test.each([['--version'], ['-v'], ['version']])('%s says the version', async (word) => {
  const io = fakeIo()
  expect(await main([word], io)).toBe(0)
  const document = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(io.out()).toBe(`${document.version}\n`)
})

test.each([[['--help']], [['-h']], [['help']], [['help', '--help']]])(
  '%j lists every command on stdout',
  async (argv) => {
    const io = fakeIo()
    expect(await main(argv, io)).toBe(0)
    for (const { name, summary } of COMMANDS) {
      expect(io.out()).toContain(name)
      expect(io.out()).toContain(summary)
    }
    expect(io.err()).toBe('')
  },
)

test('without a command it is told what there is, on stderr', async () => {
  const io = fakeIo()
  expect(await main([], io)).toBe(2)
  expect(io.err()).toContain('usage: chaperone <command>')
  expect(io.out()).toBe('')
})

test.each([
  [['run', '--help']],
  [['run', '--mandate', 'x', '-h']],
  [['help', 'run']],
  [['--help', 'run']],
])("%j shows the command's help and runs nothing", async (argv) => {
  const { table } = rows(() => Promise.reject(new Error('it ran')))
  const io = fakeIo()
  expect(await main(argv, io, table)).toBe(0)
  expect(io.out()).toBe('usage: run\n')
})

test('behind -- a flag is an argument', async () => {
  const { table } = rows()
  const io = fakeIo()
  expect(await main(['run', '--', '--help'], io, table)).toBe(0)
  expect(io.out()).toBe('')
})

test.each([
  ['chekc', 'unknown command `chekc` (did you mean `check`?)'],
  ['frobnicate', 'unknown command `frobnicate` (see `chaperone --help`)'],
  ['--mandate', 'unknown option `--mandate` (see `chaperone --help`)'],
])('%s is refused', async (word, message) => {
  const { table, loaded } = rows()
  const io = fakeIo()
  expect(await main([word], io, table)).toBe(2)
  expect(io.err()).toBe(`chaperone: ${message}\n`)
  expect(loaded).toEqual([])
})

test.each([
  ['ERR_USAGE', 2],
  ['ERR_CONFIG_INVALID', 1],
  ['ERR_MANDATE_INVALID', 1],
  ['ERR_LOGIN_REFUSED', 1],
  ['ERR_LOGIN_FAILED', 3],
  ['ERR_AUDIT_READ', 3],
  ['ERR_UPSTREAM_DOWN', 3],
] as const)('%s ends with exit code %i and one sentence', async (code: FaultCode, exit) => {
  const { table } = rows(() => Promise.reject(new GuardError(code, 'this went wrong')))
  const io = fakeIo()
  expect(await main(['run'], io, table)).toBe(exit)
  expect(io.err()).toBe('chaperone: this went wrong\n')
})

test('whatever else is thrown is a fault, with its stack only where it is asked for', async () => {
  const { table } = rows(() => Promise.reject(new RangeError('odd')))
  const io = fakeIo()
  expect(await main(['run'], io, table)).toBe(3)
  expect(io.err()).toBe('chaperone: fault: odd\n')
  const debugging = fakeIo({ env: { CHAPERONE_DEBUG: '1' } })
  await main(['run'], debugging, table)
  expect(debugging.err()).toContain('main.test.ts')
})

test('every command has help that names its usage and its exit codes', async () => {
  for (const row of COMMANDS) {
    const { name, help } = await row.load()
    expect(name).toBe(row.name)
    expect(help).toContain(`usage: chaperone ${row.name}`)
    expect(help).toMatch(/exit codes/i)
  }
})
