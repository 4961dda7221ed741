import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { blocks, codes, page } from '../docs/markdown.ts'
import { HELP, readOptions, REVISIONS } from './options.ts'
import { readRequirements, SUITE } from './requirements.ts'
import { MODES } from './results.ts'

describe('the command line of the comparison', () => {
  it('needs no more than a revision', () => {
    expect(readOptions(['--requirements', '2025-11-25'])).toEqual({
      revision: '2025-11-25',
      modes: ['server', 'client'],
      only: [],
      json: false,
    })
  })

  it('picks modes and scenarios', () => {
    const argv = ['--requirements', '2026-07-28', '--mode', 'client', '--only', 'a, b', '--json']
    expect(readOptions(argv)).toMatchObject({ modes: ['client'], only: ['a', 'b'], json: true })
  })

  it('is as the pages write it', () => {
    const written = [
      ...blocks(page('docs/protocol.md'), 'sh').flatMap((block) => block.split('\n')),
      ...codes(page('CONTRIBUTING.md')),
    ]
    const start = /^npm run (?:--silent )?conformance -- /
    const commands = written.filter((line) => start.test(line))
    expect(commands).toHaveLength(4)
    for (const command of commands) {
      // Without it npm's own lines stand before the document.
      expect(command.includes('--silent')).toBe(command.includes('--json'))
      const options = readOptions(command.replace(start, '').split(' '))
      const { revision, modes, only } = options ?? {}
      const known = modes?.flatMap(
        (mode) => readRequirements(revision ?? '2026-07-28', mode).scenarios,
      )
      expect(known).toEqual(expect.arrayContaining([...(only ?? [])]))
    }
  })

  it('asks for nothing but help', () => {
    expect(readOptions(['--help'])).toBeUndefined()
    for (const [option] of HELP.matchAll(/--[a-z]+/g)) {
      expect(() => readOptions([option, 'x', '--help'])).not.toThrow('Unknown option')
    }
  })

  it.each([
    ['no revision', [], '--requirements is missing'],
    ['a revision without requirements', ['--requirements', '2025-06-18'], '2025-06-18'],
    ['another mode', ['--requirements', '2026-07-28', '--mode', 'both'], '--mode both'],
    ['an option that is none', ['--requirements', '2026-07-28', '--all'], '--all'],
  ])('is refused with %s', (_what, argv, why) => {
    expect(() => readOptions(argv)).toThrow(why)
  })
})

describe('the requirements that come with the suite', () => {
  it('lie beside its command', () => {
    expect(existsSync(SUITE)).toBe(true)
  })

  it.each(REVISIONS.flatMap((revision) => MODES.map((mode) => [revision, mode] as const)))(
    'for %s of a %s',
    (revision, mode) => {
      const { scenarios, required } = readRequirements(revision, mode)
      expect(required.has(mode === 'server' ? 'tools-list' : 'tools_call')).toBe(true)
      expect(scenarios.length).toBeGreaterThan(required.size)
      expect(new Set(scenarios).size).toBe(scenarios.length)
    },
  )
})
