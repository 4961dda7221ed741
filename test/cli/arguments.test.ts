import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { LAUNCH_OPTIONS, launchFiles, parseFlags } from '../../src/cli/arguments.ts'
import { GuardError } from '../../src/model/error.ts'

const options = { ...LAUNCH_OPTIONS, json: { type: 'boolean' } } as const

function refused(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof GuardError && error.code === 'ERR_USAGE') return error.message
    throw error
  }
  return ''
}

test('reads flags, and those that may be repeated', () => {
  const { values } = parseFlags({
    args: ['--mandate', 'm.yaml', '--json', '--allow-writable=a', '--allow-writable', 'b'],
    options,
    strict: true,
  })
  expect({ ...values }).toEqual({ mandate: 'm.yaml', json: true, 'allow-writable': ['a', 'b'] })
})

test.each([
  [['--mandat', 'x'], 'unknown option `--mandat` (did you mean `--mandate`?)'],
  [['--zzzzzzzz'], 'unknown option `--zzzzzzzz` (see --help)'],
  [['-x'], 'unknown option `-x` (see --help)'],
  [['--mandate'], '`--mandate` needs a value (see --help)'],
  [['--mandate', '--json'], '`--mandate` needs a value (see --help)'],
  [['--json=yes'], '`--json` takes no value (see --help)'],
  [['m.yaml'], 'unexpected argument `m.yaml` (see --help)'],
  [['--agent', 'a', '--agent', 'b'], '`--agent` is given twice (keep one of the two)'],
  [['--json', '--json'], '`--json` is given twice (keep one of the two)'],
])('refuses %j', (args, message) => {
  expect(refused(() => parseFlags({ args, options, strict: true }))).toBe(message)
})

describe('which files are meant', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-files-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const mandates = join(folder, 'mandates')
  mkdirSync(mandates)
  writeFileSync(join(folder, 'mcp.json'), '{}')
  const io = { cwd: folder, env: {} }

  test('relative paths are taken from the working folder', () => {
    expect(launchFiles({ mandate: 'm.yaml', upstreams: '../u.json' }, io)).toEqual({
      mandate: join(folder, 'm.yaml'),
      upstreams: join(folder, '../u.json'),
    })
  })

  test('the environment names them where no flag does', () => {
    const env = { CHAPERONE_MANDATE: '/m.yaml', CHAPERONE_UPSTREAMS: '/u.json' }
    expect(launchFiles({}, { cwd: folder, env })).toEqual({
      mandate: '/m.yaml',
      upstreams: '/u.json',
    })
    expect(launchFiles({ mandate: 'x.yaml' }, { cwd: folder, env }).mandate).toBe(
      join(folder, 'x.yaml'),
    )
  })

  test('the mcp.json beside the mandate comes before the one in the working folder', () => {
    expect(launchFiles({ mandate: 'mandates/m.yaml' }, io).upstreams).toBe(join(folder, 'mcp.json'))
    writeFileSync(join(mandates, 'mcp.json'), '{}')
    expect(launchFiles({ mandate: 'mandates/m.yaml' }, io).upstreams).toBe(
      join(mandates, 'mcp.json'),
    )
    const nowhere = { cwd: mandates, env: {} }
    expect(launchFiles({ mandate: '/none/m.yaml' }, { ...nowhere, cwd: '/none' }).upstreams).toBe(
      '/none/mcp.json',
    )
  })

  test('without a mandate, or with an empty name, nothing is meant', () => {
    expect(refused(() => launchFiles({}, io))).toBe('no mandate is named (give `--mandate m.yaml`)')
    expect(refused(() => launchFiles({ mandate: '' }, io))).toMatch('no mandate is named')
    expect(refused(() => launchFiles({ mandate: 'm', upstreams: '' }, io))).toBe(
      '`--upstreams` has no value',
    )
  })
})
