import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readDocument, readText } from '../../src/document/read.ts'
import { type DocNode, plain } from '../../src/model/document.ts'

function read(text: string, file = 'm.yaml', comments = false) {
  const { node, problems } = readText(text, file, { comments })
  return { value: node && plain(node), problems, node }
}

function at(node: DocNode | undefined, ...keys: readonly string[]): DocNode | undefined {
  let found = node
  for (const key of keys) {
    if (found?.kind === 'map') found = found.entries.find((entry) => entry.key === key)?.value
    else if (found?.kind === 'list') found = found.items[Number(key)]
  }
  return found
}

describe('YAML', () => {
  test('keeps the place and the path of every value, and the spelling of numbers', () => {
    const { node, value } = read('a: 1\nb:\n  - x\n  - { c/d: 20.00 }\n')
    expect(value).toEqual({ a: 1, b: ['x', { 'c/d': 20 }] })
    expect(at(node, 'b', '1', 'c/d')).toEqual({
      kind: 'scalar',
      value: 20,
      source: '20.00',
      path: 'b[1].c/d',
      place: { file: 'm.yaml', line: 4, column: 12 },
    })
  })

  test('reads the core schema of YAML 1.2: yes, no and dates are texts', () => {
    expect(read('a: yes\nb: no\nc: 2026-12-31\nd: true\ne: null\nf: 012').value).toEqual({
      a: 'yes',
      b: 'no',
      c: '2026-12-31',
      d: true,
      e: null,
      f: 12,
    })
  })

  test('takes `*`, `&` and `!` inside block texts, quotes and conditions for what they are', () => {
    expect(read('a: |\n  *x\n  &y !z\nb: "*"\nwhen: a && !b').value).toEqual({
      a: '*x\n&y !z\n',
      b: '*',
      when: 'a && !b',
    })
  })
})

describe.each<[what: string, text: string, id: string, line: number, column: number]>([
  ['a syntax error', 'a: 1\nb: [1, 2', 'syntax', 2, 9],
  ['an unclosed text', 'a: "x', 'syntax', 1, 6],
  ['bad indentation', 'a:\n  b: 1\n c: 2', 'syntax', 3, 1],
  ['a duplicate key', 'a: 1\nb: 2\na: 3', 'duplicate_key', 3, 1],
  ['a duplicate key in another spelling', 'a: 1\n"a": 3', 'duplicate_key', 2, 1],
  ['an anchor', 'a: &x 1', 'anchor', 1, 4],
  ['an alias', 'a: *x', 'alias', 1, 4],
  ['a merge key', 'a:\n  <<: { b: 1 }', 'merge_key', 2, 3],
  ['a tag', 'a: !!binary aGk=', 'tag', 1, 4],
  ['a directive', '%YAML 1.1\n---\na: yes', 'directive', 1, 1],
  ['a second document', 'a: 1\n---\nb: 2', 'several_documents', 2, 1],
  ['an end mark', 'a: 1\n...\n', 'several_documents', 2, 1],
  ['an empty document', '', 'empty_document', 1, 1],
  ['only comments', '# nothing\n', 'empty_document', 1, 1],
  ['null', 'null', 'empty_document', 1, 1],
  ['a tab as indentation', 'a:\n\tb: 1', 'tab', 2, 1],
  ['a tab between key and value', 'a:\tb', 'tab', 1, 3],
  ['a number as a key', 'a: 1\n2: b', 'key_not_text', 2, 1],
  ['a list as a key', '? [a]\n: 1', 'key_not_text', 1, 3],
  ['a dangerous key', 'a:\n  __proto__: 1', 'dangerous_key', 2, 3],
  ['another dangerous key', 'constructor: 1', 'dangerous_key', 1, 1],
  ['an integer that would be rounded', 'a: 9007199254740993', 'number_range', 1, 4],
  ['a number that is not finite', 'a: .inf', 'number_range', 1, 4],
  ['a byte order mark', '\uFEFFa: 1', 'byte_order_mark', 1, 1],
  ['a NUL', 'a: "\u0000"', 'hidden_character', 1, 5],
  ['text that runs backwards', 'a: x\u202Ey', 'hidden_character', 1, 5],
  ['half of a surrogate pair', 'a: "\\ud800"', 'encoding', 1, 4],
  ['deep flow nesting', `a: ${'['.repeat(40)}`, 'too_deep', 1, 35],
  ['deep block nesting', '- '.repeat(40), 'too_deep', 1, 65],
  ['a bomb of brackets', '['.repeat(50_000), 'too_deep', 1, 33],
  ['a large document', `a: "${'x'.repeat(1_048_576)}"`, 'too_large', 1, 1],
])('YAML with %s', (_what, text, id, line, column) => {
  test(`is refused as ${id}, with its place and a remedy`, () => {
    const { value, problems } = read(text)
    expect(value).toBeUndefined()
    expect(problems[0]).toMatchObject({
      id,
      level: 'error',
      place: { file: 'm.yaml', line, column },
    })
    expect(problems.every((problem) => (problem.remedy ?? '') !== '')).toBe(true)
  })
})

test('an alias bomb is refused without being expanded', () => {
  const names = 'abcdefghij'.split('')
  const bomb = names.map((name, index) => {
    const before = names[index - 1]
    return `${name}: &${name} [${before === undefined ? 'x, x' : `*${before}, *${before}`}]`
  })
  const { value, problems } = read(bomb.join('\n'))
  expect(value).toBeUndefined()
  expect(new Set(problems.map((problem) => problem.id))).toEqual(new Set(['anchor', 'alias']))
})

describe('JSON', () => {
  test('keeps places and the spelling of numbers', () => {
    const { node, value } = read('{\n  "a": [1, 2.50, "x\\u00e9"],\n  "b": {}\n}', 'm.json')
    expect(value).toEqual({ a: [1, 2.5, 'xé'], b: {} })
    expect(at(node, 'a', '1')).toMatchObject({
      source: '2.50',
      path: 'a[1]',
      place: { line: 2, column: 12 },
    })
  })

  /** What a document may be refused for although it is JSON. */
  const STRICTER = ['number_range', 'dangerous_key', 'hidden_character', 'encoding', 'syntax']

  test('any JSON document means what JSON.parse says', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify({ value }, null, indent)
        const { value: found, problems } = read(text, 'm.json')
        expect(problems.filter(({ id }) => !STRICTER.includes(id))).toEqual([])
        expect(found).toEqual(problems.length === 0 ? JSON.parse(text) : undefined)
      }),
    )
  })

  test('YAML reads any JSON document alike', () => {
    const key = fc.stringMatching(/^[a-z ]{0,6}$/)
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue()), (value) => {
        const text = JSON.stringify(value)
        const [json, yaml] = [read(text, 'm.json'), read(text, 'm.yaml')]
        fc.pre(json.problems.length === 0 && yaml.problems.length === 0)
        expect(yaml.value).toEqual(json.value)
      }),
    )
  })

  test.each<[text: string, id: string, column: number]>([
    ['{"a": 1,}', 'syntax', 8],
    ['{a: 1}', 'syntax', 2],
    ["{'a': 1}", 'syntax', 2],
    ['{"a": 1 // x\n}', 'syntax', 9],
    ['{"a": 01}', 'syntax', 7],
    ['{"a": +1}', 'syntax', 7],
    ['{"a": 1.}', 'syntax', 7],
    ['{"a": NaN}', 'syntax', 7],
    ['{"a": truex}', 'syntax', 7],
    ['{"a": "x\ny"}', 'syntax', 7],
    ['{"a": "\\x"}', 'syntax', 7],
    ['{"a": "\\ud800"}', 'syntax', 7],
    ['{"a" 1}', 'syntax', 6],
    ['{"a": 1} {}', 'syntax', 10],
    ['{"a": 1', 'syntax', 8],
    ['{"a": 1e999}', 'number_range', 7],
    ['{"a": 1, "a": 2}', 'duplicate_key', 10],
    ['{"a": 1, "\\u0061": 2}', 'duplicate_key', 10],
    ['{"__proto__": 1}', 'dangerous_key', 2],
    ['['.repeat(40), 'syntax', 33],
  ])('refuses %j as %s at column %i', (text, id, column) => {
    const { value, problems } = read(text, 'm.json')
    expect(value).toBeUndefined()
    expect(problems[0]).toMatchObject({ id, place: { line: 1, column } })
    expect(problems[0]?.remedy).toBeTruthy()
  })

  test('takes comments and trailing commas only where the caller allows them', () => {
    const text = '{ // note\n "a": [1, /* two */ 2,],\n}\n'
    expect(read(text, 'mcp.json', true).value).toEqual({ a: [1, 2] })
    expect(read(text, 'mcp.json').problems[0]).toMatchObject({ id: 'syntax' })
    expect(read('{ /* open', 'mcp.json', true).problems[0]).toMatchObject({ id: 'syntax' })
  })
})

test('any text at all is read or refused, never thrown at', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom(...' \n\t:-[]{}&*!|>"\'#%,?ab01.~'.split('')),
      maxLength: 60,
    }),
  )
  fc.assert(
    fc.property(text, fc.constantFrom('m.yaml', 'm.json', 'm.jsonc'), (source, file) => {
      const { node, problems } = readText(source, file)
      expect(node === undefined).toBe(problems.some((problem) => problem.level === 'error'))
      for (const problem of problems) {
        expect(problem.remedy).toBeTruthy()
        expect(problem.place?.line).toBeGreaterThan(0)
        expect(problem.place?.column).toBeGreaterThan(0)
      }
    }),
    { numRuns: 500 },
  )
})

describe('files', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'chaperone-document-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  test('a file is read with the hash of its exact bytes', () => {
    const path = join(folder, 'm.yaml')
    writeFileSync(path, 'a: 1\n')
    expect(readDocument(path)).toMatchObject({
      digest: '37b128c59f1f5097f73f82691cb519f1f568667faab5ced1b4ab979d36837eae',
      problems: [],
    })
  })

  test.each<[what: string, id: string, make: () => string]>([
    ['missing', 'no_such_file', () => join(folder, 'none.yaml')],
    ['below a file', 'no_such_file', () => join(folder, 'm.yaml', 'x.yaml')],
    ['a directory', 'not_a_file', () => folder],
    ['a device', 'not_a_file', () => '/dev/zero'],
    [
      'not UTF-8',
      'encoding',
      () => {
        const path = join(folder, 'latin.yaml')
        writeFileSync(path, Buffer.from([0x61, 0x3a, 0x20, 0xe9]))
        return path
      },
    ],
    [
      'begun with a byte order mark',
      'byte_order_mark',
      () => {
        const path = join(folder, 'marked.yaml')
        writeFileSync(path, '\uFEFFa: 1')
        return path
      },
    ],
    [
      'too large',
      'too_large',
      () => {
        const path = join(folder, 'large.yaml')
        writeFileSync(path, Buffer.alloc(1_048_577, 0x20))
        return path
      },
    ],
  ])('one that is %s is a problem, not a fault', (_what, id, make) => {
    const path = make()
    const { node, problems } = readDocument(path)
    expect(node).toBeUndefined()
    expect(problems).toMatchObject([{ id, level: 'error' }])
    expect([problems[0]?.message, problems[0]?.place?.file].join(' ')).toContain(path)
    expect(problems[0]?.remedy).toBeTruthy()
  })

  test.skipIf(process.getuid?.() === 0)(
    'one without permission says so (root reads every file)',
    () => {
      const path = join(folder, 'closed.yaml')
      writeFileSync(path, 'a: 1')
      chmodSync(path, 0)
      expect(readDocument(path).problems).toMatchObject([{ id: 'unreadable_file' }])
    },
  )
})
