/** The page from which a stranger writes a mandate: whatever it shows does what it says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { problemText } from '../../src/model/document.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { call, compiledText, HEAD, parse, tool } from './written.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'mandate.md'), 'utf8')

interface Block {
  readonly line: number
  readonly bad?: string
  readonly text: string
}

/** Fenced YAML: whole mandates as they stand, parts of one with what every mandate needs before them. */
const BLOCKS: readonly Block[] = [...PAGE.matchAll(/^```yaml(?: bad=(\w+))?\n([^]*?)^```$/gm)].map(
  (match) => {
    const [, bad, body = ''] = match
    const line = PAGE.slice(0, match.index).split('\n').length
    const text = body.startsWith('mandate:') ? body : HEAD + body
    return bad === undefined ? { line, text } : { line, bad, text }
  },
)

describe.each(BLOCKS.filter(({ bad }) => bad === undefined))(
  'the example at line $line',
  ({ text }) => {
    test('loads and compiles without a problem', () => {
      expect(parse(text).problems.map(problemText)).toEqual([])
      expect(compiledText(text).mandate.grants.length).toBeGreaterThan(0)
    })
  },
)

describe.each(BLOCKS.filter(({ bad }) => bad !== undefined))(
  'the bad example at line $line',
  ({ bad, text }) => {
    test(`fails as ${bad}, with a place and a remedy`, () => {
      const { mandate, problems } = parse(text)
      expect(mandate).toBeUndefined()
      expect(problems.map(({ id }) => id)).toEqual([bad])
      expect(problems[0]?.place).toBeDefined()
      expect(problems[0]?.remedy).toBeTruthy()
    })
  },
)

test('the page has both kinds of example', () => {
  expect(BLOCKS.filter(({ bad }) => bad === undefined).length).toBeGreaterThanOrEqual(4)
  expect(BLOCKS.filter(({ bad }) => bad !== undefined).length).toBeGreaterThanOrEqual(8)
})

test.each(
  `equals one_of not_one_of range int length size each any subset_of present absent prefix suffix glob path url host email cidr date uuid pattern bytes fields named_in optional`.split(
    ' ',
  ),
)('the constraint %s has an example that loads', (name) => {
  const good = BLOCKS.filter(({ bad }) => bad === undefined).map(({ text }) => text)
  expect(good.join('\n')).toMatch(new RegExp(`\\b${name}: `))
})

test('the first example permits what its text says, and nothing else', () => {
  const mandate = compiledText(BLOCKS[0]?.text ?? '')
  const reason = (name: string, args: JsonObject): string =>
    mandate.tool(tool('files', name)).decide(call(args)).reason
  expect(reason('read_text_file', { path: '/srv/project/src/a.ts', head: 5 })).toBe('permitted')
  expect(reason('list_allowed_directories', {})).toBe('permitted')
  expect(reason('write_file', { path: '/srv/project/docs/a.md', content: '# A' })).toBe('permitted')
  for (const [name, args] of [
    ['read_text_file', { path: '/srv/project/../secret' }],
    ['read_text_file', { path: '/srv/project-old/a' }],
    ['read_text_file', { path: '/srv/project/a', tail: 5 }],
    ['read_text_file', { path: '/srv/project/a', head: 0 }],
    ['write_file', { path: '/srv/project/a.md', content: '' }],
    ['write_file', { path: '/srv/project/docs/a.sh', content: '' }],
    ['write_file', { path: '/srv/project/docs/a.md', content: 'x'.repeat(65_537) }],
    ['move_file', { source: '/srv/project/a', destination: '/srv/project/b' }],
  ] as const) {
    expect(reason(name, args)).toBe('outside_mandate')
  }
})
