/** Strict parsing: every hostile frame gets its listed verdict, and what passes means one thing only. */
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { lineReader } from '../../src/proxy/frame.ts'
import { parseMessage, REQUEST_LIMITS, type Parsed } from '../../src/proxy/strict.ts'

const FRAMES = new URL(
  '../../../shared/evaluation/guard_attacks/wire_frames.jsonl',
  import.meta.url,
)

function parse(text: string): Parsed {
  return parseMessage(Buffer.from(text))
}

/** A call whose arguments are this JSON text. */
function call(args: string): string {
  return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":${args}}}`
}

function why(text: string): string {
  const parsed = parse(text)
  return parsed.ok ? 'accepted' : parsed.why
}

interface Row {
  readonly id: string
  readonly bytes: Buffer
  readonly expect: string
}

function rows(): readonly Row[] {
  const recipes: Record<string, () => string> = {
    'nest-1': () => call(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    'big-1': () => call(`{"path":"${'A'.repeat(9 * 1024 * 1024)}"}`),
    'big-2': () => call(`{"path":"`).slice(0, -2) + 'B'.repeat(9 * 1024 * 1024),
    'big-3': () =>
      call(`{${Array.from({ length: 200_000 }, (_, index) => `"k${index}":1`).join(',')}}`),
  }
  return readFileSync(FRAMES, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Row => {
      const row = JSON.parse(line) as Readonly<Record<string, string | null | undefined>>
      const [id, encoded, expect] = [row['id'] ?? '', row['raw_b64'], row['expect'] ?? '']
      const bytes = typeof encoded !== 'string' ? recipes[id]?.() : Buffer.from(encoded, 'base64')
      if (bytes === undefined) throw new Error(`no recipe for row ${id}`)
      return { id, bytes: Buffer.from(bytes), expect }
    })
}

/** Well-formed in themselves: what is wrong with them shows only in a session, or they come from an upstream. */
const LATER: ReadonlyMap<string, string> = new Map([
  ['resp-1', 'an answer passes here; the relay drops one that is not due'],
  ['meth-2', 'a well-formed method name; the method table has no row for it'],
])

/** Through the line reader, as on the wire: what of the row's bytes came out as a message. */
function received(bytes: Buffer): readonly Parsed[] {
  const parsed: Parsed[] = []
  const reader = lineReader({
    maxBytes: REQUEST_LIMITS.maxBytes,
    onLine: (line) => parsed.push(parseMessage(line)),
    onTooLong: () => undefined,
  })
  reader.push(Buffer.concat([bytes, Buffer.from('\n')]))
  reader.end()
  return parsed
}

describe.skipIf(!existsSync(FRAMES))('hostile frames (needs ../shared/evaluation)', () => {
  const all = existsSync(FRAMES) ? rows() : []
  const fromClient = all.filter((row) => !row.id.startsWith('srv-'))

  it('are all there', () => {
    expect(fromClient).toHaveLength(59)
  })

  it.each(fromClient.filter((row) => row.expect.startsWith('reject') && !LATER.has(row.id)))(
    '$id is refused',
    ({ bytes }) => {
      expect(parseMessage(bytes).ok).toBe(false)
      expect(received(bytes).filter((parsed) => parsed.ok)).toEqual([])
    },
  )

  it.each(fromClient.filter((row) => !row.expect.startsWith('reject') || LATER.has(row.id)))(
    '$id ($expect) parses',
    ({ bytes }) => {
      const parsed = received(bytes)
      expect(parsed).toEqual([{ ok: true, value: attempt(bytes.toString('utf8')) }])
    },
  )
})

describe('encoding', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'the message is empty'],
    [
      'a byte order mark',
      Buffer.from(`\u{feff}${call('{}')}`),
      'a byte order mark is not accepted',
    ],
    ['UTF-16LE', Buffer.from(call('{}'), 'utf16le'), 'the message is not in UTF-8'],
    [
      'UTF-16LE with a mark',
      Buffer.from(`\u{feff}${call('{}')}`, 'utf16le'),
      'the message is not in UTF-8',
    ],
    ['UTF-16BE', Buffer.from(call('{}'), 'utf16le').swap16(), 'the message is not in UTF-8'],
    [
      'an overlong dot',
      Buffer.from(call('{"a":"\u{c0}\u{ae}"}'), 'latin1'),
      'the message is not valid UTF-8',
    ],
    [
      'a raw surrogate',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
      'the message is not valid UTF-8',
    ],
    ['white space only', Buffer.from('  \t'), 'the message is not valid JSON'],
  ])('%s is refused', (_name, bytes, why) => {
    expect(parseMessage(bytes)).toEqual({ ok: false, code: -32_700, why })
  })

  it('reads a view into a larger buffer, and a plain Uint8Array', () => {
    const large = Buffer.from(`xx${call('{"a":"é"}')}yy`)
    const view = new Uint8Array(large.buffer, large.byteOffset + 2, large.length - 4)
    expect(parseMessage(view)).toMatchObject({ ok: true })
  })

  it.each([
    '"\\ud800"',
    '"\\udc00x"',
    '"\\uDBFF\\uDBFF"',
    '"\\u0000"',
    '"a\\u0000b"',
    '{"\\ud800":1}',
    '{"a\\u0000":1}',
    '[[{"a":"\\ud83d"}]]',
  ])('a lone surrogate or NUL is refused: %s', (value) => {
    expect(why(call(`{"a":${value}}`))).toBe('a text holds a lone surrogate or a NUL')
  })

  it.each(['"\\ud83d\\ude00"', '"😀"', '"\\u0001"', '"\\\\u0000"', '"\\\\ud800"', '"\\u00e9"'])(
    'whole characters pass: %s',
    (value) => {
      expect(why(call(`{"a":${value}}`))).toBe('accepted')
    },
  )

  it.each(['\n', '\r'])('a raw line end within a frame is refused', (end) => {
    expect(why(call(`{${end}"a":1}`))).toBe('the message is not valid JSON')
  })
})

describe('members', () => {
  it.each([
    '{"a":1,"a":1}',
    '{"a":{"b":[{"c":1,"c":2}]}}',
    '{"a":1,"\\u0061":2}',
    '{"":1,"":2}',
    '{"\\"":1,"\\u0022":2}',
    '{"1":1,"1":2}',
    '[{"x":1,"x":1}]',
  ])('given twice are refused: %s', (args) => {
    expect(why(call(`{"z":${args}}`))).toBe('a member is given twice')
  })

  it('with colons and quotes in their texts are not counted twice', () => {
    expect(why(call('{"a:b":"c:\\"d\\":e","f":"\\\\","g\\"":":"}'))).toBe('accepted')
  })

  it('are read as they are written, whatever was read before', () => {
    // V8 remembers the names it saw last, and may take an escape for a backslash.
    for (let round = 0; round < 5; round += 1) {
      parse(call('{"b":1,"\\\\":2,"p\\\\":3,"\\\\u0":4}'))
      for (const name of ['\\u0061', 'p\\u0061', '\\u0061bc', '\\"']) {
        const text = call(`{"b":1,"${name}":2}`)
        const parsed = parse(text)
        const names = parsed.ok ? parsed.value['params'] : { arguments: { b: 1, [named(name)]: 2 } }
        expect(names).toMatchObject({ arguments: { b: 1, [named(name)]: 2 } })
        expect(
          parse(call(`{"b":1,"${name}":2,"${named(name) === '"' ? name : named(name)}":3}`)).ok,
        ).toBe(false)
      }
    }
  })

  it.each(['__proto__', 'constructor', 'prototype', '__pr\\u006fto__'])(
    '%s is refused at any level',
    (key) => {
      const name = 'a member has a name that is not accepted'
      expect(why(call(`{"${key}":1}`))).toBe(name)
      expect(why(call(`{"a":[[{"b":{"${key}":{}}}]]}`))).toBe(name)
      expect(why(`{"jsonrpc":"2.0","id":1,"method":"m","${key}":1}`)).toBe(name)
      expect(why(call(`{"a":"${key}"}`))).toBe('accepted')
    },
  )

  it.each([
    ['Path', 'path'],
    ['PATH', 'paTh'],
    ['\u{e9}', 'e\u{301}'],
    ['\u{c9}', '\u{e9}'],
    ['stra\u{df}e', 'STRASSE'],
    ['\u{212a}ey', 'key'],
    ['pa\u{17f}s', 'pass'],
    ['\u{3c3}', '\u{3c2}'],
    ['\u{1f80}', '\u{1fb3}\u{313}'],
  ])('that look alike are refused in arguments: %s, %s', (one, other) => {
    expect(why(call(`{"${one}":1,"${other}":2}`))).toBe(
      'two members of `arguments` are look-alikes',
    )
    expect(why(call(`{"${one}":1}`))).toBe('accepted')
    expect(why(call(`{"a":{"${one}":1,"${other}":2}}`))).toBe('accepted')
  })

  it('of params that look like one of the protocol are refused even alone', () => {
    for (const key of ['Arguments', 'ARGUMENTS', 'argument\u{17f}', 'Name', 'URI', '_Meta']) {
      expect(
        why(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","${key}":{}}}`),
      ).toBe('a member of `params` is a look-alike of a known one')
    }
    expect(why('{"jsonrpc":"2.0","id":1,"method":"m","params":{"Vendor":1,"vendor":2}}')).toBe(
      'two members of `params` are look-alikes',
    )
    expect(
      why('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}'),
    ).toBe('accepted')
  })
})

describe('numbers', () => {
  it.each([
    '9007199254740992',
    '-9007199254740992',
    '9007199254740993',
    '9007199254740993.0',
    '9007199254740991.5',
    '1e21',
    '1E+16',
    '12345678901234567890123',
    '0.9007199254740993e16',
    '1e400',
    '-1e400',
    '1e308',
  ])('that a double cannot keep are refused: %s', (number) => {
    const fault = 'a number is too large to be kept exactly'
    expect(why(call(`{"a":${number}}`))).toBe(fault)
    expect(why(call(`{"a":[1,{"b":${number}}]}`))).toBe(fault)
    expect(why(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"n":${number}}}}`)).toBe(
      fault,
    )
    expect(why(`{"jsonrpc":"2.0","id":1,"result":{"n":${number}}}`)).toBe(fault)
  })

  it.each([
    ['9007199254740991', '9007199254740991'],
    ['-9007199254740991', '-9007199254740991'],
    ['0.1', '0.1'],
    ['1E2', '100'],
    ['1.0', '1'],
    ['-0', '0'],
    ['0.1000000000000000055511151231257827', '0.1'],
    ['1e-7', '1e-7'],
    ['1e-400', '0'],
  ])('that pass are sent on as they are judged: %s', (number, sent) => {
    const parsed = parse(call(`{"a":${number}}`))
    expect(parsed.ok && JSON.stringify(parsed.value)).toBe(call(`{"a":${sent}}`))
    expect(Number(number) === Number(sent)).toBe(true)
  })
})

describe('size', () => {
  const limits = { maxBytes: 400, maxDepth: 6, maxKeys: 9 }
  function small(args: string): Parsed {
    return parseMessage(Buffer.from(call(args)), limits)
  }

  it('is counted in bytes, before anything is read', () => {
    expect(small(`{"a":"${'x'.repeat(300)}"}`)).toMatchObject({ ok: true })
    expect(small(`{"a":"${'é'.repeat(200)}"}`)).toEqual({
      ok: false,
      code: -32_600,
      why: 'the message is too large',
    })
  })

  it('is counted in levels, lists and objects alike', () => {
    expect(small('{"a":[[1]]}')).toMatchObject({ ok: true })
    expect(small('{"a":[[[[1]]]]}')).toEqual({
      ok: false,
      code: -32_600,
      why: 'the message is nested too deep',
      id: 7,
    })
  })

  it('is counted in members of the whole message', () => {
    expect(small('{"a":1,"b":{"c":1}}')).toMatchObject({ ok: true })
    expect(small('{"a":1,"b":{"c":1,"d":1}}')).toMatchObject({
      ok: false,
      why: 'the message has too many members',
      id: 7,
    })
  })

  it('that is ordinary passes: 20 levels, 5,000 members, a text of a megabyte', () => {
    expect(why(call(`{"a":${'['.repeat(20)}${']'.repeat(20)}}`))).toBe('accepted')
    const members = Array.from({ length: 5000 }, (_, index) => `"k${index}":1`)
    expect(why(call(`{${members.join(',')}}`))).toBe('accepted')
    expect(why(call(`{"a":"${'\\"x:'.repeat(250_000)}"}`))).toBe('accepted')
  })
})

describe('the envelope', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":1,"method":"tools/list"}'],
    ['{"jsonrpc":"2.0","id":"","method":"x/y","params":{}}'],
    ['{"id":-3,"method":"ping","jsonrpc":"2.0"}'],
    ['{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'],
    ['{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"no"}}'],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'],
    [' {"jsonrpc":"2.0","id":1,"method":"ping"}\t'],
  ])('passes: %s', (text) => {
    expect(parse(text)).toEqual({ ok: true, value: attempt(text) })
  })

  it.each([
    ['[]', 'batches are not accepted'],
    ['"x"', 'the message is not an object'],
    ['null', 'the message is not an object'],
    ['{}', '`jsonrpc` is not "2.0"'],
    ['{"id":1,"method":"m"}', '`jsonrpc` is not "2.0"'],
    ['{"jsonrpc":2.0,"id":1,"method":"m"}', '`jsonrpc` is not "2.0"'],
    ['{"jsonrpc":"2.0","id":null,"method":"m"}', '`id` is neither a string nor a safe integer'],
    ['{"jsonrpc":"2.0","id":1.5,"method":"m"}', '`id` is neither a string nor a safe integer'],
    ['{"jsonrpc":"2.0","id":true,"method":"m"}', '`id` is neither a string nor a safe integer'],
    ['{"jsonrpc":"2.0","id":[1],"method":"m"}', '`id` is neither a string nor a safe integer'],
    [
      `{"jsonrpc":"2.0","id":"${'x'.repeat(257)}","method":"m"}`,
      '`id` is neither a string nor a safe integer',
    ],
    ['{"jsonrpc":"2.0","id":1,"method":["m"]}', '`method` is not a method name'],
    ['{"jsonrpc":"2.0","id":1,"method":""}', '`method` is not a method name'],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call\\u00a0"}', '`method` is not a method name'],
    [`{"jsonrpc":"2.0","id":1,"method":"${'m'.repeat(257)}"}`, '`method` is not a method name'],
    ['{"jsonrpc":"2.0","method":"tools/list"}', 'a request has no `id`'],
    ['{"jsonrpc":"2.0","id":1,"method":"m","params":null}', '`params` is not an object'],
    ['{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}', '`params` is not an object'],
    ['{"jsonrpc":"2.0","id":1,"method":"m","meta":1}', 'the message has a member beside its own'],
    [
      '{"jsonrpc":"2.0","id":1,"method":"m","result":{}}',
      'the message has a member beside its own',
    ],
    [
      '{"jsonrpc":"2.0","method":"notifications/x","error":null}',
      'the message has a member beside its own',
    ],
    [
      '{"jsonrpc":"2.0","id":1}',
      'the message has neither a `method` nor one of `result` and `error`',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
      'the message has neither a `method` nor one of `result` and `error`',
    ],
    ['{"jsonrpc":"2.0","result":{}}', 'an answer has no `id`'],
    ['{"jsonrpc":"2.0","id":1,"result":{},"params":{}}', 'the message has a member beside its own'],
    ['{"jsonrpc":"2.0","id":1,"result":[]}', '`result` or `error` is not an object'],
    ['{"jsonrpc":"2.0","id":1,"error":null}', '`result` or `error` is not an object'],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call"}', 'a call has no `params`'],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', '`name` is not a string'],
    [
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":null}}',
      '`arguments` is not an object',
    ],
  ])('is refused: %s', (text, fault) => {
    expect(parse(text)).toMatchObject({ ok: false, code: -32_600, why: fault })
  })
})

describe('the id of a refused message', () => {
  it.each<[string, string | number | undefined]>([
    ['{"jsonrpc":"1.0","id":3,"method":"m"}', 3],
    ['{"method":"m","id":"x","params":[]}', 'x'],
    [call('{"a":1,"a":2}'), 7],
    [call('{"id":1,"a":2,"a":3}'), 7],
    [call(`{"a":${'['.repeat(100)}${']'.repeat(100)}}`), 7],
    ['{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}', undefined],
    ['{"jsonrpc":"2.0","id":1,"\\u0069d":1,"method":"m"}', undefined],
    ['{"jsonrpc":"2.0","id":1,"ID":2,"method":"m"}', undefined],
    ['{"jsonrpc":"2.0","ID":2,"method":"m"}', undefined],
    ['{"jsonrpc":"2.0","id":null,"method":"m"}', undefined],
    ['{"jsonrpc":"2.0","id":1.5,"method":"m"}', undefined],
    ['{"jsonrpc":"2.0","id":9007199254740993,"method":"m"}', undefined],
    ['{"jsonrpc":"2.0","id":"\\ud800","method":"m"}', undefined],
    ['{"jsonrpc":"2.0","id":1,"method":"m","result":{}}', undefined],
    ['{"jsonrpc":"2.0","id":1,"result":5}', undefined],
    ['{"jsonrpc":"2.0","id":1,"method":"m"', undefined],
    ['[{"jsonrpc":"2.0","id":1,"method":"m"}]', undefined],
  ])('of %s', (text, id) => {
    const parsed = parse(text)
    expect(parsed.ok).toBe(false)
    expect('id' in parsed ? parsed.id : undefined).toBe(id)
  })
})

describe('whatever passes', () => {
  // Names and numbers near the edges, so that refusals and acceptances both come up.
  const key = fc.oneof(
    fc.constantFrom('a', 'b', 'A', 'path', 'Path', '__proto__', 'é', 'e\u{301}', '"', '\\', ':'),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  const leaf = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.double(),
    fc.maxSafeInteger(),
    fc.constantFrom(null, true, false, 2 ** 53, -0, '\ud800', '\0', 'x'.repeat(60)),
  )
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }))

  it('is what JSON.parse says, and is sent on as it was judged', () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.dictionary(key, tree, { maxKeys: 5 }), fc.boolean(), (args, spaced) => {
        const text = JSON.stringify(
          { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 't', arguments: args } },
          undefined,
          spaced ? '\t' : undefined,
        ).replaceAll('\n', ' ')
        const parsed = parse(text)
        if (!parsed.ok) return
        accepted += 1
        expect(parsed.value).toEqual(JSON.parse(text))
        const sent = JSON.stringify(parsed.value)
        expect(parse(sent).ok).toBe(true)
        expect(JSON.stringify(JSON.parse(sent))).toBe(sent)
        expect(sent.isWellFormed()).toBe(true)
        expect(allNumbers(parsed.value).every((n) => Math.abs(n) <= Number.MAX_SAFE_INTEGER)).toBe(
          true,
        )
      }),
      { numRuns: 1000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  it('is JSON, whatever bytes are thrown at it', () => {
    const seed = call('{"a":[1,{"b":"c\\u0041"}],"é":"\\"x\\\\"}')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...'{}[]":,\\ \0a1u\u{e9}\n'.split(''))), {
          maxLength: 4,
        }),
        (edits) => {
          const text = edits.reduce(
            (so, [at, unit]) => so.slice(0, at % so.length) + unit + so.slice((at % so.length) + 1),
            seed,
          )
          const parsed = parse(text)
          expect(parsed.ok ? parsed.value : attempt(text)).toEqual(attempt(text))
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('has no member twice: the count by hand agrees with a reader that keeps duplicates', () => {
    const pair = fc.tuple(
      fc.constantFrom('a', 'b', 'c', '\\u0061', 'd'),
      fc.constantFrom('1', '{}', '[]'),
    )
    fc.assert(
      fc.property(
        fc.array(pair, { maxLength: 5 }),
        fc.array(pair, { maxLength: 4 }),
        (outer, inner) => {
          const object = (pairs: readonly (readonly [string, string])[]): string =>
            `{${pairs.map(([name, value]) => `"${name}":${value}`).join(',')}}`
          const text = call(object([...outer, ['n', object(inner)]]))
          const twice = (pairs: readonly (readonly [string, string])[]): boolean =>
            new Set(pairs.map(([name]) => attempt(`"${name}"`))).size < pairs.length
          expect(parse(text).ok).toBe(!twice(outer) && !twice(inner))
        },
      ),
    )
  })
})

function attempt(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A name as a string literal of its own says it. */
function named(escaped: string): string {
  return String(attempt(`"${escaped}"`))
}

function allNumbers(value: Json): readonly number[] {
  if (typeof value === 'number') return [value]
  if (typeof value !== 'object' || value === null) return []
  const items: readonly Json[] = Array.isArray(value) ? value : Object.values(value as JsonObject)
  return items.flatMap(allNumbers)
}
