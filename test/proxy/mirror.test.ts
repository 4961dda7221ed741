import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../src/model/id.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import {
  checkMirror,
  decodedHeader,
  encodedHeader,
  mirrored,
  mirrorOf,
  type MirroredArgument,
} from '../../src/proxy/mirror.ts'

function tool(inputSchema: Json): ToolDefinition {
  return {
    server: 's',
    name: 't',
    raw: { name: 't', inputSchema },
    definition: sha256('0'.repeat(64)),
  }
}
const properties = (of: JsonObject): JsonObject => ({ type: 'object', properties: of })
const marked = (header: Json, type: Json = 'string'): JsonObject => ({
  type,
  'x-mcp-header': header,
})

function argsOf(schema: Json): readonly MirroredArgument[] {
  const mirror = mirrorOf(tool(schema))
  if (mirror.kind === 'invalid') throw new Error(mirror.why)
  return mirror.args
}

describe('annotations', () => {
  test('are found where a chain of properties leads to them, however deep', () => {
    const schema = properties({
      region: marked('Region'),
      where: properties({ id: marked('Where-Id', 'integer'), dry: marked('Dry', 'boolean') }),
      free: { type: 'string' },
    })
    expect(argsOf(schema)).toEqual([
      { header: 'Mcp-Param-Region', path: ['region'] },
      { header: 'Mcp-Param-Where-Id', path: ['where', 'id'] },
      { header: 'Mcp-Param-Dry', path: ['where', 'dry'] },
    ])
  })

  test('are none where a property is merely called so, or data holds the word', () => {
    const schema = properties({
      'x-mcp-header': { type: 'string' },
      a: { type: 'object', default: { 'x-mcp-header': 'A' }, examples: [marked('B')] },
      b: { enum: [{ 'x-mcp-header': 'C' }], const: { 'x-mcp-header': 'D' } },
    })
    expect(argsOf(schema)).toEqual([])
    expect(argsOf(properties({ 'x-mcp-header': marked('Odd') }))).toEqual([
      { header: 'Mcp-Param-Odd', path: ['x-mcp-header'] },
    ])
    for (const none of [{}, { type: 'object' }, 'nonsense', null]) expect(argsOf(none)).toEqual([])
  })

  test.each([
    '',
    ' ',
    'My Region',
    'Region:Primary',
    'Région',
    'Region\t1',
    'a\r\nb',
    'a\0',
    7,
    null,
    ['A'],
  ])('with the name %j make a tool unusable', (name) => {
    expect(mirrorOf(tool(properties({ a: marked(name) })))).toEqual({
      kind: 'invalid',
      why: 'an `x-mcp-header` is no name for a header',
    })
  })

  test.each(['number', 'object', 'array', 'null', ['string', 'null'], undefined])(
    'of the type %j make a tool unusable',
    (type) => {
      const property = type === undefined ? { 'x-mcp-header': 'A' } : marked('A', type)
      expect(mirrorOf(tool(properties({ a: property })))).toMatchObject({ kind: 'invalid' })
    },
  )

  test('with one name for two arguments, whatever the case, make a tool unusable', () => {
    for (const other of ['Region', 'region', 'REGION']) {
      const schema = properties({ a: marked('Region'), b: properties({ c: marked(other) }) })
      expect(mirrorOf(tool(schema))).toEqual({
        kind: 'invalid',
        why: 'two `x-mcp-header` have the same name',
      })
    }
  })

  const inner = properties({ a: marked('A') })
  test.each<[string, JsonObject]>([
    ['the root', { type: 'string', 'x-mcp-header': 'A' }],
    ['items', properties({ list: { type: 'array', items: marked('A') } })],
    ['prefixItems', properties({ list: { prefixItems: [marked('A')] } })],
    ['oneOf', { oneOf: [inner] }],
    ['anyOf', { anyOf: [{}, inner] }],
    ['allOf', properties({ a: { allOf: [marked('A')] } })],
    ['not', { not: inner }],
    ['if', { if: inner }],
    ['then', JSON.parse(`{"then":${JSON.stringify(inner)}}`) as JsonObject],
    ['else', { else: inner }],
    ['$defs', { $defs: { a: marked('A') }, ...properties({ a: { $ref: '#/$defs/a' } }) }],
    ['definitions', { definitions: { a: inner } }],
    ['additionalProperties', { additionalProperties: marked('A') }],
    ['patternProperties', { patternProperties: { '^a': marked('A') } }],
    ['dependentSchemas', { dependentSchemas: { a: inner } }],
    ['a keyword of its own', { 'x-vendor': { deep: [marked('A')] } }],
  ])('under %s make a tool unusable', (_where, schema) => {
    expect(mirrorOf(tool(schema))).toEqual({
      kind: 'invalid',
      why: 'an `x-mcp-header` stands where no argument is certain to be',
    })
  })

  test('are looked for once in a definition', () => {
    const one = tool(properties({ a: marked('A') }))
    expect(mirrorOf(one)).toBe(mirrorOf({ ...one, name: 'same definition' }))
  })
})

describe('values', () => {
  const args = argsOf(
    properties({
      s: marked('S'),
      n: marked('N', 'integer'),
      b: marked('B', 'boolean'),
      in: properties({ s: marked('In-S') }),
    }),
  )

  test('are those of the call, and what is absent, null or no primitive is left out', () => {
    expect(mirrored(args, { s: 'x', n: 42, b: false, in: { s: 'y' }, other: 'z' })).toEqual([
      ['Mcp-Param-S', 'x'],
      ['Mcp-Param-N', '42'],
      ['Mcp-Param-B', 'false'],
      ['Mcp-Param-In-S', 'y'],
    ])
    expect(mirrored(args, { s: null, n: [1], b: {}, in: 'no object' })).toEqual([])
    expect(mirrored(args, {})).toEqual([])
    const inherited: unknown = Object.create({ s: 'inherited' })
    expect(mirrored(args, inherited as JsonObject)).toEqual([])
  })

  // The encoding examples of the specification, and what could end a header or be read as an encoding.
  test.each([
    ['us-west1', 'us-west1'],
    ['us west 1', 'us west 1'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['a\r\nEvil: 1', `=?base64?${Buffer.from('a\r\nEvil: 1').toString('base64')}?=`],
    ['a\tb', '=?base64?YQli?='],
    ['a\0b', '=?base64?YQBi?='],
    ['\u007f', '=?base64?fw==?='],
    ['', '=?base64??='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['=?BASE64?literal?=', '=?BASE64?literal?='],
  ])('%j is written %j', (text, header) => {
    expect(encodedHeader(text)).toBe(header)
    expect(decodedHeader(header)).toBe(text)
  })

  test.each([
    '=?base64?SGVsbG8?=',
    '=?base64?SGVsbG8===?=',
    '=?base64?SGVs bG8=?=',
    '=?base64?SGVsbG8-?=',
    '=?base64?SGVsbG9=?=',
    '=?base64?/w==?=',
    'é',
    'a\nb',
    'a\0',
  ])('%j is no value of a header', (header) => {
    expect(decodedHeader(header)).toBeUndefined()
  })

  test('any text comes back from its header, and no header can hold a line break', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const header = encodedHeader(text)
        expect(header).toMatch(/^[!-~](?:[ -~]*[!-~])?$/)
        expect(decodedHeader(header)).toBe(text)
      }),
    )
  })
})

describe('headers that came with a call', () => {
  const args = argsOf(
    properties({ s: marked('Name'), n: marked('N', 'integer'), b: marked('B', 'boolean') }),
  )

  test('agree with what the body says, whatever the case of their names', () => {
    const body = { s: 'Hello, 世界', n: 42, b: true }
    const headers = {
      'mcp-param-name': '=?base64?SGVsbG8sIOS4lueVjA==?=',
      'MCP-PARAM-N': '42.0',
      'Mcp-Param-B': 'true',
      'mcp-param-unknown': 'passed on',
    }
    expect(checkMirror(headers, args, body)).toBeUndefined()
    expect(checkMirror({}, args, {})).toBeUndefined()
    expect(checkMirror({}, args, { s: null })).toBeUndefined()
    expect(checkMirror({ 'mcp-param-name': 'x' }, [], { s: 'y' })).toBeUndefined()
  })

  test.each<[string, Record<string, string | string[]>, JsonObject]>([
    ['missing', {}, { s: 'a' }],
    ['not what the body says', { 'mcp-param-name': 'A' }, { s: 'a' }],
    ['not what the body says', { 'mcp-param-name': 'a' }, { s: ['a'] }],
    ['not what the body says', { 'mcp-param-name': '=?base64?YQ=?=' }, { s: 'a' }],
    ['not what the body says', { 'mcp-param-name': ['a', 'a'] }, { s: 'a' }],
    ['not what the body says', { 'mcp-param-name': 'a, a' }, { s: 'a' }],
    ['not what the body says', { 'mcp-param-n': '43' }, { n: 42 }],
    ['not what the body says', { 'mcp-param-n': '0x2a' }, { n: 42 }],
    ['not what the body says', { 'mcp-param-n': '4.2e1' }, { n: 42 }],
    ['not what the body says', { 'mcp-param-n': ' 42' }, { n: 42 }],
    ['not what the body says', { 'mcp-param-n': '' }, { n: 0 }],
    ['not what the body says', { 'mcp-param-b': 'TRUE' }, { b: true }],
    ['no argument in the body', { 'mcp-param-name': 'a' }, {}],
    ['no argument in the body', { 'mcp-param-name': '' }, { s: null }],
  ])('%s: %j beside %j', (why, headers, body) => {
    expect(checkMirror(headers, args, body)).toContain(why)
  })

  test('what one end mirrors, the other accepts, and nothing else', () => {
    const value = fc.record({
      s: fc.oneof(fc.string({ unit: 'binary' }), fc.constant(null)),
      n: fc.maxSafeInteger(),
      b: fc.boolean(),
    })
    fc.assert(
      fc.property(value, value, (sent, claimed) => {
        const headers = Object.fromEntries(
          mirrored(args, sent).map(([name, text]) => [name, encodedHeader(text)]),
        )
        expect(checkMirror(headers, args, sent)).toBeUndefined()
        const same = sent.s === claimed.s && sent.n === claimed.n && sent.b === claimed.b
        expect(checkMirror(headers, args, claimed) === undefined).toBe(same)
      }),
    )
  })
})
