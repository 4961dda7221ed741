/** Answers of upstreams: told apart, kept byte for byte, and nothing that is no message gets through. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idOfCutAnswer, readUpstreamLine, type UpstreamLine } from '../../src/proxy/answer.ts'

function read(text: string): UpstreamLine {
  return readUpstreamLine(Buffer.from(text))
}

function attempt(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

describe('an answer', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":5,"result":{"a":1}}', 5, '{"a":1}'],
    ['{"result":{"a":1},"jsonrpc":"2.0","id":5}', 5, '{"a":1}'],
    ['{"jsonrpc":"2.0","result":{},"id":"x-1"}', 'x-1', '{}'],
    [' { "id" : 0 , "result" : { "a" : [ ] } , "jsonrpc" : "2.0" } ', 0, '{ "a" : [ ] }'],
    ['{"jsonrpc":"2.0","id":-1,"\\u0072esult":{"a":"}"}}', -1, '{"a":"}"}'],
  ])('is found wherever its members stand: %s', (line, id, text) => {
    expect(read(line)).toEqual({
      kind: 'answer',
      id,
      part: 'result',
      text,
      value: attempt(text),
    })
  })

  it.each([
    '{"n":9007199254740993,"f":1.0,"e":1E2,"big":123456789012345678901234567890}',
    '{"a":1,"a":2,"__proto__":{"x":1}}',
    '{"unknown":[{"deep":{"type":"hologram"}}],"z":null}',
    '{ "spaced" :\t[ 1 , 2 ] }',
    '{"text":"\\u00e9\\/\\ud83d\\ude00\\ud800 é 😀 \u{2028}"}',
    '{"quote":"\\"","slash":"\\\\","both":"\\\\\\"","brace":"{[}]:,","end":"\\\\"}',
    '{"q":"\\"}"}',
    '{"q":"}\\"{","r":"]"}',
    '{"s":"\\\\","b":"}"}',
    `{"far":"${'x'.repeat(60)}\\"}"}`,
    `{"far":"${'x'.repeat(60)}\\\\","b":"}"}`,
    `{"long":"${'x\\"y\\\\'.repeat(500)}","next":"\\\\"}`,
  ])('keeps its result byte for byte: %s', (result) => {
    for (const line of [
      `{"jsonrpc":"2.0","id":1,"result":${result}}`,
      `{"result":${result},"jsonrpc":"2.0","id":1}`,
      `{"jsonrpc":"2.0","result": ${result}\t ,"id":1}`,
    ]) {
      const answer = read(line)
      expect(answer).toMatchObject({ kind: 'answer', text: result })
      expect('value' in answer ? answer.value : undefined).toEqual(attempt(result))
    }
  })

  it('may be an error', () => {
    const error = '{"code":-32601,"message":"no","data":{"n":1.0}}'
    expect(read(`{"jsonrpc":"2.0","id":2,"error":${error}}`)).toEqual({
      kind: 'answer',
      id: 2,
      part: 'error',
      text: error,
      value: attempt(error),
    })
  })
})

describe('an upstream request or notification', () => {
  it('comes with its params parsed and as written', () => {
    expect(
      read('{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{"n":1.0}}'),
    ).toEqual({
      kind: 'request',
      id: 's1',
      method: 'sampling/createMessage',
      params: { n: 1 },
      text: '{"n":1.0}',
    })
    expect(read('{"method":"roots/list","jsonrpc":"2.0","id":97}')).toEqual({
      kind: 'request',
      id: 97,
      method: 'roots/list',
      params: {},
      text: undefined,
    })
    expect(
      read('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'),
    ).toEqual({
      kind: 'notification',
      method: 'notifications/progress',
      params: { progress: 1 },
    })
  })
})

describe('garbage', () => {
  it.each([
    ['', 'not valid JSON'],
    ['Server listening on stdio', 'not valid JSON'],
    ['{"jsonrpc":"2.0","id":1,"result":{}', 'not valid JSON'],
    ['{"jsonrpc":"2.0","id":1,"result":{}}{"jsonrpc":"2.0","id":2,"result":{}}', 'not valid JSON'],
    ['\u{feff}{"jsonrpc":"2.0","id":1,"result":{}}', 'not valid JSON'],
    ['{"jsonrpc":"2.0","id":1,"result":{"n":NaN}}', 'not valid JSON'],
    ['[{"jsonrpc":"2.0","id":1,"result":{}}]', 'a batch'],
    ['null', 'not an object'],
    ['{}', '`jsonrpc` is not "2.0"'],
    ['{"jsonrpc":"1.0","id":1,"result":{}}', '`jsonrpc` is not "2.0"'],
    ['{"jsonrpc":"2.0","id":1}', 'neither an answer, a request nor a notification'],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"result":{}}',
      'neither an answer, a request nor a notification',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"r\\u0065sult":{}}',
      'neither an answer, a request nor a notification',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"id":2,"result":{}}',
      'neither an answer, a request nor a notification',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}',
      'neither an answer, a request nor a notification',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"method":"x"}',
      'neither an answer, a request nor a notification',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"extra":1}',
      'neither an answer, a request nor a notification',
    ],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"__proto__":1}',
      'neither an answer, a request nor a notification',
    ],
    ['{"jsonrpc":"2.0","params":{}}', 'neither an answer, a request nor a notification'],
    ['{"jsonrpc":"2.0","id":null,"result":{}}', 'an answer without an id'],
    ['{"jsonrpc":"2.0","id":1.5,"result":{}}', 'an answer without an id'],
    ['{"jsonrpc":"2.0","id":9007199254740993,"result":{}}', 'an answer without an id'],
    [
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}',
      'an answer without an id',
    ],
    ['{"jsonrpc":"2.0","id":1,"result":[]}', '`result` is not an object'],
    ['{"jsonrpc":"2.0","id":1,"result":null}', '`result` is not an object'],
    ['{"jsonrpc":"2.0","id":1,"error":"no"}', '`error` is not an object'],
    [
      '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"x"}}',
      'an error without a code or a message',
    ],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":1}}', 'an error without a code or a message'],
    ['{"jsonrpc":"2.0","id":{},"method":"x"}', 'a request without an id'],
    ['{"jsonrpc":"2.0","id":1,"method":1}', '`method` is not a string'],
    ['{"jsonrpc":"2.0","method":null}', '`method` is not a string'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', '`params` is not an object'],
    ['{"jsonrpc":"2.0","method":"x","params":null}', '`params` is not an object'],
  ])('is named for what it is: %s', (line, why) => {
    expect(read(line)).toEqual({ kind: 'garbage', why })
  })

  it('is what is not UTF-8: its text could not be kept byte for byte', () => {
    const line = Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"a":"\u{e9}"}}', 'latin1')
    expect(readUpstreamLine(line)).toEqual({ kind: 'garbage', why: 'not valid UTF-8' })
  })

  it('is what nests too deep for whoever walks it', () => {
    const nested = (levels: number): string =>
      `{"jsonrpc":"2.0","id":1,"result":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`
    expect(read(nested(254))).toMatchObject({ kind: 'answer' })
    expect(read(nested(255))).toEqual({ kind: 'garbage', why: 'nested too deep' })
    // What is long and nested is not even parsed: JSON.parse would say so, and take its time.
    const why = 'no object, or nested too deep'
    expect(read(nested(100_000))).toEqual({ kind: 'garbage', why })
    expect(read(`${nested(100_000)}}`)).toEqual({ kind: 'garbage', why })
    expect(read(nested(200_000))).toMatchObject({ kind: 'garbage' })
  })
})

describe('any result', () => {
  const space = fc.constantFrom('', ' ', '\t', '  ')
  // Texts of what a scanner may trip over, some beyond the length from which on it jumps.
  const tricky = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', ',', ':', 'x'.repeat(20)) })
  const value = fc.oneof(tricky, fc.jsonValue({ stringUnit: 'binary' }))

  it('is kept whatever its content and wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(tricky, fc.string({ unit: 'binary' })), value),
        fc.constantFrom('result', 'jsonrpc', 'id'),
        space,
        fc.boolean(),
        (result, first, gap, indented) => {
          const text = indented
            ? JSON.stringify(result, undefined, ' ').replaceAll('\n', '\t')
            : JSON.stringify(result)
          const parts = [`"result":${gap}${text}${gap}`, '"jsonrpc":"2.0"', '"id":5'].sort((one) =>
            one.startsWith(`"${first}`) ? -1 : 0,
          )
          const line = `{${gap}${parts.join(`${gap},${gap}`)}}`
          expect(read(line)).toEqual({
            kind: 'answer',
            id: 5,
            part: 'result',
            text,
            value: attempt(text),
          })
        },
      ),
      { numRuns: 500 },
    )
  })

  it('never lets anything but one valid value into the text, whatever bytes come', () => {
    const seed = '{"jsonrpc":"2.0","id":1,"result":{"a":["x\\"",{"b":1}],"c":"\\\\"}}'
    const units = '{}[]":,\\ 0a1e'.split('')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(seed.length), fc.constantFrom(...units), fc.boolean()), {
          minLength: 1,
          maxLength: 4,
        }),
        (edits) => {
          const line = edits.reduce(
            (so, [at, unit, insert]) => so.slice(0, at) + unit + so.slice(insert ? at : at + 1),
            seed,
          )
          const answer = read(line)
          const whole = attempt(line)
          const text = answer.kind === 'answer' ? answer.text : JSON.stringify(whole ?? null)
          expect(attempt(text)).toEqual(answer.kind === 'answer' ? answer.value : (whole ?? null))
        },
      ),
      { numRuns: 3000 },
    )
  })
})

describe('the id of an answer that was dropped for its length', () => {
  function cut(line: string): string | number | undefined {
    const bytes = Buffer.from(line)
    return idOfCutAnswer(bytes.subarray(0, 256), bytes.subarray(-256))
  }
  const result = `{"text":"${'x'.repeat(2000)}"}`

  it.each([
    [`{"jsonrpc":"2.0","id":12,"result":${result}}`, 12],
    [`{"id":"a-é","jsonrpc":"2.0","result":${result}}`, 'a-é'],
    [`{"result":${result},"jsonrpc":"2.0","id":12}`, 12],
    [`{"result":${result},"id":"x","jsonrpc":"2.0"}`, 'x'],
    [`{ "jsonrpc" : "2.0" , "id" : 3 , "result" : ${result} }`, 3],
  ])('is told from either end: %#', (line, id) => {
    expect(cut(line)).toBe(id)
  })

  it.each([
    [`{"result":${result},"jsonrpc":"2.0","id":null}`],
    [`{"jsonrpc":"2.0","id":1,"result":${result},"id":2}`],
    [`{"jsonrpc":"2.0","result":{"a":${result},"id":4}}`],
    [`{"jsonrpc":"2.0","result":{"a":"${'x'.repeat(2000)},\\"id\\":4}"}`],
    ['x'.repeat(1000)],
    [''],
  ])('is not guessed: %#', (line) => {
    expect(cut(line)).toBeUndefined()
  })
})
