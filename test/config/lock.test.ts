import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { lockLines, printLock, readLock } from '../../src/config/lock.ts'
import { approvedAs } from '../../src/config/written-launch.ts'
import { digestOf } from '../../src/model/digest.ts'
import { canonicalExact, parseExact } from '../../src/model/exact.ts'
import type { ApprovedDefinition, ApprovedUpstream, Lock } from '../../src/model/lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'chaperone-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

function read(text: string): ReturnType<typeof readLock> {
  count += 1
  const file = join(folder, `${count}.lock`)
  writeFileSync(file, text)
  return readLock(file)
}

function definition(json: string, effect?: 'read' | 'write'): ApprovedDefinition {
  const value = parseExact(canonicalExact(parseExact(json)))
  const { name, uriTemplate } = value as { readonly name: string; readonly uriTemplate?: string }
  const digest = digestOf(canonicalExact(value))
  return { name: uriTemplate ?? name, digest, value, ...(effect && { effect }) }
}
function byName(...list: readonly ApprovedDefinition[]): ReadonlyMap<string, ApprovedDefinition> {
  return new Map(list.map((one) => [one.name, one]))
}
const FILES: ApprovedUpstream = {
  launch: approvedAs({ command: 'node', args: ['server.js'], env: { TOKEN: '${TOKEN}' } }),
  definitions: {
    tool: byName(
      definition('{"name":"write","inputSchema":{"maximum":9007199254740993,"constructor":1}}'),
      definition('{"name":"read","description":"Reads\\u200B \\u202Eit"}', 'read'),
    ),
    prompt: byName(definition('{"name":"ask"}')),
    template: byName(definition('{"name":"t","uriTemplate":"file:///{path}"}')),
  },
}
const UPSTREAMS: Lock['upstreams'] = new Map([['files', FILES]])
const TEXT = printLock(UPSTREAMS)

test('what was written is read back, numbers and all', () => {
  const { lock, problems } = read(TEXT)
  expect(problems).toEqual([])
  expect(lock?.digest).toBe(digestOf(TEXT))
  expect(printLock(lock?.upstreams ?? new Map())).toBe(TEXT)
  const tools = lock?.upstreams.get('files')?.definitions.tool
  expect(tools?.get('read')?.effect).toBe('read')
  expect(tools?.get('write')).not.toHaveProperty('effect')
  expect(TEXT).toContain('"maximum": 9007199254740993')
})

test('the order in which things come makes no difference, and what cannot be seen is escaped', () => {
  const { definitions } = FILES
  const turned = {
    ...FILES,
    definitions: { ...definitions, tool: new Map([...definitions.tool].toReversed()) },
  }
  expect(printLock(new Map([['files', turned]]))).toBe(TEXT)
  expect(TEXT).toContain('"Reads\\u200b \\u202eit"')
  expect(TEXT).toMatch(/^[\n -~]*$/)
})

test('any definition survives', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (members, name) => {
      const one = definition(JSON.stringify({ ...members, uriTemplate: undefined, name }))
      const upstream = {
        launch: FILES.launch,
        definitions: { tool: byName(one), prompt: new Map(), template: new Map() },
      }
      const found = read(printLock(new Map([['a', upstream]])))
      expect(found.problems).toEqual([])
      expect(found.lock?.upstreams.get('a')?.definitions.tool.get(name)?.digest).toBe(one.digest)
    }),
    { numRuns: 50 },
  )
})

test('an effect may be edited by hand, and a checkout may turn the line ends', () => {
  const edited = TEXT.replace('"effect": "unclassified"', '"effect": "delete"')
  expect(read(edited).lock?.upstreams.get('files')?.definitions.tool.get('write')?.effect).toBe(
    'delete',
  )
  expect(read(TEXT.replaceAll('\n', '\r\n')).problems).toEqual([])
})

describe('a file in any other form is refused, with the line', () => {
  const at = (text: string, part: string): number =>
    text.slice(0, text.indexOf(part)).split('\n').length

  test.each([
    ['nothing', '', 1, 'not what `chaperone pin` writes'],
    ['no JSON', '{', 1, 'it is no JSON: '],
    [
      'half a file',
      TEXT.slice(0, TEXT.indexOf('"ask": {') + 5),
      0,
      'found the end of the document',
    ],
    ['a comma less', TEXT.replace('"lock": 1,', '"lock": 1'), 3, 'it is no JSON: '],
    ['a conflict', TEXT.replace('\n', '\n<<<<<<< HEAD\n'), 2, 'a merge left a conflict in it'],
    ['a list', '[]', 1, 'not what `chaperone pin` writes'],
    ['a newer format', TEXT.replace('"lock": 1', '"lock": 2'), 2, 'its format is 2'],
    ['a member more', TEXT.replace('"lock": 1,', '"lock": 1,\n  "x": 1,'), 3, 'this line'],
    ['a member twice', TEXT.replace('"lock": 1,', '"lock": 1,\n  "lock": 1,'), 3, 'this line'],
    ['white space', TEXT.replace('"upstreams"', ' "upstreams"'), 3, 'this line'],
    ['something unseen', TEXT.replace('\\u200b', '\u200B'), 0, 'this line'],
    ['a rest', `${TEXT}\n`, 0, 'this line'],
    ['an edited text', TEXT.replace('"Reads', '"Sends'), 0, 'do not agree'],
    ['an edited launch', TEXT.replace('"server.js"', '"other.js"'), 0, 'do not agree'],
    ['another effect', TEXT.replace('"effect": "read"', '"effect": "raed"'), 0, 'is none of read'],
    ['another name', TEXT.replace('"ask": {', '"asks": {'), 0, 'is of another name'],
  ])('%s', (_what, text, line, message) => {
    const { lock, problems } = read(text)
    expect(lock).toBeUndefined()
    expect(problems).toHaveLength(1)
    const [problem] = problems
    expect(problem).toMatchObject({ level: 'error', id: 'bad_lock' })
    expect(problem?.message).toContain(message)
    const found = problem?.place?.line ?? 0
    expect(line > 0 ? found === line : found > 3).toBe(true)
  })

  test('an entry whose text and hash do not agree is named', () => {
    const text = TEXT.replace('"Reads', '"Sends')
    const [problem] = read(text).problems
    expect(problem?.place?.line).toBe(at(text, '"read": {'))
    expect(problem?.message).toContain('`read`')
  })

  test('what to do about it can be done', () => {
    const [problem] = read('{').problems
    expect(problem?.place).toMatchObject({ line: 1, column: 2 })
    expect(problem?.remedy).toContain('or remove it and run `chaperone pin`')
  })

  test('a hash alone is edited', () => {
    const { digest } = FILES.definitions.tool.get('read') ?? { digest: '' }
    expect(read(TEXT.replace(digest, digestOf('x'))).problems[0]?.message).toContain('`read`')
  })

  test('a file that is not there, and one that is none', () => {
    expect(readLock(join(folder, 'none')).problems[0]?.message).toMatch(/no such file/)
    expect(readLock(folder).problems[0]?.message).toMatch(/not a regular file/)
  })
})

test('the line of an upstream is that on which its entry begins', () => {
  const lines = TEXT.split('\n')
  const lineOf = lockLines({ upstreams: UPSTREAMS })
  expect(lines[lineOf('files') - 1]).toBe('    "files": {')
  expect(lineOf('none')).toBe(1)
})
