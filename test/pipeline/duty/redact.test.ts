import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical, type Json } from '../../../src/model/json.ts'
import { DETECTORS } from '../../../src/model/policy.ts'
import { edited } from '../../../src/pipeline/duty/literals.ts'
import { MOST_SEARCHED, redacted, type Redaction } from '../../../src/pipeline/duty/redact.ts'

const KEY = `AKIA${'ABCDEFGH'.repeat(2)}`
const SECRETS: Redaction = { detectors: ['secrets'], paths: [] }
const ALL: Redaction = { detectors: DETECTORS, paths: [] }

function text(value: string): string {
  return JSON.stringify({ content: [{ type: 'text', text: value }] })
}

describe('what is left alone', () => {
  const plain =
    '{ "a" : [1.0, 1e2, 12345678901234567890, null, true],\r\n "b":{},"c":[],"d":"\\u00e9" }'

  test('is the same text, whatever stands in it', () => {
    expect(redacted(plain, [ALL])).toBe(plain)
    expect(redacted(plain, [])).toBe(plain)
    const paths = ['x', 'a.9', 'b.*', 'c.*', 'a.0.*', '*.x']
    expect(redacted(plain, [{ detectors: [], paths }])).toBe(plain)
  })

  test('is everything around what is taken out', () => {
    const shown = redacted(`{ "n": 1.0,  "t": "x ${KEY}", "m":1E2 ,"t":"${KEY}" }`, [SECRETS])
    expect(shown).toBe(
      '{ "n": 1.0,  "t": "x [redacted:secrets]", "m":1E2 ,"t":"[redacted:secrets]" }',
    )
  })

  test('is nothing that cannot be read', () => {
    for (const broken of ['', '{', '{"a":1}}', '{"a":\u0001}', '[1,]', "{'a':1}", 'undefined'])
      expect(redacted(broken, [SECRETS])).toBeUndefined()
  })
})

describe('a secret is found', () => {
  const places: readonly (readonly [string, string])[] = [
    ['in a text', text(`the key is ${KEY}.`)],
    ['in structured content', JSON.stringify({ structuredContent: { a: [{ b: KEY }] } })],
    ['in the name of a member', JSON.stringify({ structuredContent: { [KEY]: 1 } })],
    ['in `_meta`', JSON.stringify({ _meta: { 'x/y': KEY } })],
    ['in an error', JSON.stringify({ code: -1, message: `no ${KEY}`, data: { KEY: [KEY] } })],
    ['in a resource', JSON.stringify({ contents: [{ uri: 'file:///x', text: KEY }] })],
    ['behind escapes', text(KEY).replace('AKIA', '\\u0041KI\\u0041')],
    ['behind a line break', text(`\n${KEY}\n`)],
    ['in JSON in a text', text(JSON.stringify({ a: { b: [KEY] } }))],
    ['behind escapes in JSON in a text', text(`{"a":"\\u0041${KEY.slice(1)}"}`)],
    ['in JSON in JSON in a text', text(JSON.stringify({ a: JSON.stringify([`\n${KEY}`]) }))],
    ['twice in JSON in a text, under one name', text(`{"a":"\\u0041${KEY.slice(1)}","a":"x"}`)],
    ['behind escapes in what is no JSON', text(`x = "\\x41${KEY.slice(1)}"`)],
    ['behind escapes of escapes', text(`x = "\\\\u0041${KEY.slice(1)}"`)],
    ['behind escapes beside one that is plain', text(`${KEY} \\u{41}${KEY.slice(1)}`)],
    ['in a line of JSON among others', text(`{"a":1}\n{"b":"\\u0041${KEY.slice(1)}"}`)],
    ['in a blob', JSON.stringify({ contents: [{ blob: base64(`key=${KEY}`) }] })],
    ['in JSON in a blob', JSON.stringify({ contents: [{ blob: base64(`{"k":"${KEY}"}`) }] })],
    ['in data', JSON.stringify({ content: [{ type: 'image', data: base64(KEY) }] })],
    ['below a thousand lists', `${'['.repeat(1000)}"${KEY}"${']'.repeat(1000)}`],
  ]
  test.each(places)('%s', (_name, json) => {
    const shown = redacted(json, [SECRETS]) ?? ''
    expect(shown).not.toBe(json)
    const found = JSON.stringify(JSON.parse(shown))
    expect(everyReading(found)).not.toContain(KEY)
    expect(everyReading(found)).toContain('[redacted:secrets]')
  })

  test('by the name before it, where it has no shape', () => {
    const json = JSON.stringify({ SecretAccessKey: 'x'.repeat(40), note: 'x'.repeat(40) })
    const shown = { SecretAccessKey: '[redacted:secrets]', note: 'x'.repeat(40) }
    expect(redacted(json, [SECRETS])).toBe(JSON.stringify(shown))
    expect(redacted(json, [{ detectors: ['emails'], paths: [] }])).toBe(json)
  })

  test('in names that would be the same then, and stay two', () => {
    const json = JSON.stringify({ [KEY]: 1, [`AKIA${'B'.repeat(16)}`]: 2 })
    expect(JSON.parse(redacted(json, [SECRETS]) ?? '')).toEqual({
      '[redacted:secrets]': 1,
      '[redacted:secrets] 2': 2,
    })
  })

  test('and a text of texts of texts without end is taken out', () => {
    let nested = `${KEY}\n`
    for (let depth = 0; depth < 12; depth += 1) nested = JSON.stringify([nested])
    expect(everyReading(redacted(text(nested), [SECRETS]) ?? '')).not.toContain(KEY)
  })
})

test('other things are found, in numbers, too', () => {
  const json = '{"a":"ann@acme.example","b":"DE89370400440532013000","c":4111111111111111,"d":41}'
  expect(redacted(json, [ALL])).toBe(
    '{"a":"[redacted:emails]","b":"[redacted:ibans]","c":"[redacted:card_numbers]","d":41}',
  )
  expect(redacted(json, [SECRETS])).toBe(json)
  const long = '{"c":6011000990139424001}'
  expect(redacted(long, [{ detectors: ['card_numbers'], paths: [] }])).toBe(long)
})

test('duties of several rules add up', () => {
  const json = JSON.stringify({ a: 'ann@acme.example', b: KEY, c: 1 })
  const duties = [SECRETS, { detectors: ['emails'], paths: ['c'] }] satisfies Redaction[]
  const shown = { a: '[redacted:emails]', b: '[redacted:secrets]', c: '[redacted]' }
  expect(redacted(json, duties)).toBe(JSON.stringify(shown))
  expect(redacted(json, duties.toReversed())).toBe(JSON.stringify(shown))
})

test('what is kept is not looked at', () => {
  const json = JSON.stringify({ requestState: KEY, a: { requestState: KEY } })
  const shown = { requestState: KEY, a: { requestState: '[redacted:secrets]' } }
  expect(redacted(json, [SECRETS], 'requestState')).toBe(JSON.stringify(shown))
})

describe('what stands under a path is taken out', () => {
  const paths = (...all: string[]): readonly Redaction[] => [{ detectors: [], paths: all }]
  const MARK = '[redacted]'

  test('whatever it is', () => {
    const json = '{"a":{"b":[1,{"c":2}]},"d":null,"e":1.0,"f":"x"}'
    expect(redacted(json, paths('a.b'))).toBe(`{"a":{"b":"${MARK}"},"d":null,"e":1.0,"f":"x"}`)
    expect(redacted(json, paths('a', 'd', 'e', 'f'))).toBe(
      `{"a":"${MARK}","d":"${MARK}","e":"${MARK}","f":"${MARK}"}`,
    )
  })

  test('in every element or member, or in one of them', () => {
    const json = '{"a":[{"t":1,"u":2},{"t":3}],"b":{"x":{"t":4},"y":{"t":5}}}'
    expect(redacted(json, paths('a.*.t', 'b.*.t'))).toBe(
      json.replaceAll(/"t":\d/g, `"t":"${MARK}"`),
    )
    expect(redacted(json, paths('a.1.t'))).toBe(json.replace('"t":3', `"t":"${MARK}"`))
  })

  test('under a name that stands twice, is escaped, or is __proto__', () => {
    expect(redacted('{"a":1,"a":2}', paths('a'))).toBe(`{"a":"${MARK}","a":"${MARK}"}`)
    expect(redacted('{"\\u0061":1}', paths('a'))).toBe(`{"\\u0061":"${MARK}"}`)
    expect(redacted('{"__proto__":1}', paths('__proto__'))).toBe(`{"__proto__":"${MARK}"}`)
  })

  test('and in the text that repeats what is structured', () => {
    const value = { user: { name: 'ann', token: 'tk-1' } }
    const json = JSON.stringify({
      content: [
        { type: 'text', text: JSON.stringify(value) },
        { type: 'text', text: 'no JSON' },
      ],
      structuredContent: value,
    })
    const shown = redacted(json, paths('structuredContent.user.token')) ?? ''
    expect(shown).not.toContain('tk-1')
    expect(shown).toContain('ann')
    const whole = redacted(json, paths('structuredContent')) ?? ''
    expect(whole).not.toContain('ann')
    expect(whole).toContain('no JSON')
  })
})

describe('a secret is told by the name of its member', () => {
  const MARK = '[redacted:secrets]'

  test('in what is structured, and in everything below it', () => {
    const value = { password: 'hunter2', dbPin: 1234, auth: { user: 'ann', ok: true, on: null } }
    const shown = { password: MARK, dbPin: MARK, auth: { user: MARK, ok: true, on: null }, a: 'b' }
    expect(redacted(JSON.stringify({ ...value, a: 'b' }), [SECRETS])).toBe(JSON.stringify(shown))
  })

  test.each([
    ['JSON in a text', '{"api_key":"abcdef"}', `{"api_key":"${MARK}"}`],
    ['JSON behind a word', 'It is {"api_key":"abcdef"}.', `It is {"api_key":"${MARK}"}.`],
    ['a line of settings', 'a: 1\npassword: hunter2\n', `a: 1\npassword: ${MARK}\n`],
    ['an element of settings', '- api_key: "ab cd" # x', `- api_key: "${MARK}" # x`],
    ['what is nearly JSON', `{'password': 'hunter2',}`, `{'password': '${MARK}',}`],
  ])('in %s', (_name, given, shown) => {
    expect(redacted(text(given), [SECRETS])).toBe(text(shown))
  })

  test.each([
    'password: string',
    '  token: string,',
    'password: the one that you were sent',
    'secret: config.secret',
    'password: ${PASSWORD}',
    'token: null',
    'tokens: { max: 3 }',
    '{"max_tokens":100,"prompt_tokens":12,"password":"","token":null,"secret":false}',
    '{"nextPageToken":"abc","progressToken":7}',
    '{"properties":{"password":{"type":"string"}}}',
  ])('and %s is none', (given) => {
    expect(redacted(text(given), [SECRETS])).toBe(text(given))
  })
})

describe('what stands under a path is taken out of JSON in texts', () => {
  const duty: Redaction = {
    detectors: [],
    paths: ['structuredContent.user', 'structuredContent.rows.*.n'],
  }
  const user = '{"user":"ann"}'
  test.each([
    ['behind a word', `Result: ${user}`],
    ['in a fence', `\`\`\`json\n${user}\n\`\`\``],
    ['behind a byte order mark', `\uFEFF${user}`],
    ['line by line', `{"n":"ann"}\n{"n":"ann"}`],
    ['one list of many', `rows: [{"n":"ann"}]`],
    ['in what is not closed', `[{"x":[1, ${user}`],
    ['behind a text that is not closed', `["x ${user}`],
  ])('%s', (_name, given) => {
    const shown = redacted(text(given), [duty]) ?? ''
    expect(shown).not.toContain('ann')
    expect(shown).toContain('[redacted]')
  })

  test('of a resource within', () => {
    for (const resource of [{ text: user }, { blob: base64(user) }]) {
      const json = JSON.stringify({ content: [{ type: 'resource', resource }] })
      expect(everyReading(redacted(json, [duty]) ?? '')).not.toContain('ann')
    }
  })
})

test('bytes that are no UTF-8 are left out where something is found in them', () => {
  const blob = (bytes: Buffer): string =>
    JSON.stringify({ contents: [{ uri: 'a', blob: bytes.toString('base64') }] })
  const mail = 'ann@acme.example'
  const latin = (found: string): Buffer => Buffer.from(`\u00E9 ${found}`, 'latin1')
  const wide = (found: string): Buffer => Buffer.from(`\uFEFF${found}`, 'utf16le')
  for (const bytes of [latin(KEY), wide(KEY), wide(KEY).swap16(), latin(mail), wide(mail)])
    expect(redacted(blob(bytes), [ALL])).toBe(blob(Buffer.alloc(0)))
  for (const bytes of [latin('plain'), wide('plain'), Buffer.from([0xff, 0, 1, 2, 0xd8])])
    expect(redacted(blob(bytes), [ALL])).toBe(blob(bytes))
})

test('a key file is taken out whole where its lines are elements', () => {
  const key = ['-----BEGIN RSA PRIVATE KEY-----', 'MIIEow', 'AbCd', '-----END RSA PRIVATE KEY-----']
  const shown = redacted(JSON.stringify({ a: ['x', ...key, 'y'], b: ['z'] }), [SECRETS])
  const MARK = '[redacted:secrets]'
  expect(JSON.parse(shown ?? '')).toEqual({ a: ['x', MARK, MARK, MARK, MARK, 'y'], b: ['z'] })
})

test('numbers are whole however they are written', () => {
  for (const number of ['4111111111111111.0', '4.111111111111111e15', '4111111111111111'])
    expect(redacted(`{"n":${number}}`, [ALL])).toBe('{"n":"[redacted:card_numbers]"}')
  expect(redacted('{"n":4111111111111111.5}', [ALL])).toBe('{"n":4111111111111111.5}')
})

test.each([KEY, 'ann@acme.example', '4111111111111111', 'password=hunter2'])(
  '%s is found between characters that nobody sees',
  (found) => {
    for (const unseen of ['\u200B', '\u00AD', '\u2060', '\uFE0F', '\u{E0041}']) {
      const hidden = `x ${found.slice(0, 3)}${unseen}${found.slice(3)}`
      expect(redacted(text(hidden), [ALL])).not.toContain(found.slice(3))
    }
    expect(redacted(text('\u2764\uFE0F'), [ALL])).toBe(text('\u2764\uFE0F'))
  },
)

test('what is longer than can be searched is withheld, and so is what has to be read too often', () => {
  const long = text('x'.repeat(MOST_SEARCHED))
  expect(redacted(long, [SECRETS])).toBeUndefined()
  expect(redacted(long, [{ detectors: [], paths: ['a'] }])).toBe(long)
  expect(redacted(text('x'.repeat(MOST_SEARCHED - 100)), [SECRETS])).toBeDefined()
  expect(redacted(text(`x ${'[{"a":'.repeat(2000)}`), [SECRETS])).toBeUndefined()
  let nested = 'x'.repeat(MOST_SEARCHED - 1000)
  for (let depth = 0; depth < 4; depth += 1) nested = JSON.stringify([nested])
  expect(redacted(text(nested), [SECRETS])).toBeUndefined()
})

test('no text of any JSON comes through with a secret in it, and what is left is JSON of the same form', () => {
  const word = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.constantFrom(KEY, `\n${KEY}`, `x ${KEY} y`, `"${KEY}"`, '\\', '"'),
  )
  const value = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      word,
      word.map((one) => JSON.stringify(one)),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(word, tie('value'), { maxKeys: 3 }),
      tie('value').map((one) => JSON.stringify(one)),
    ),
  })).value
  fc.assert(
    fc.property(value, fc.boolean(), (given, pretty) => {
      const json = JSON.stringify(given, undefined, pretty ? 2 : 0)
      const shown = redacted(json, [SECRETS]) ?? ''
      expect(everyReading(shown)).not.toContain(KEY)
      expect(JSON.parse(shown)).toBeDefined()
      expect(shown === json).toBe(!everyReading(json).includes(KEY))
    }),
  )
})

test('an edit that changes nothing changes nothing, and one of every text reaches every text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (given, pretty) => {
      const json = JSON.stringify(given, undefined, pretty ? 2 : 0)
      expect(edited(json, { literal: () => undefined })).toBe(json)
      expect(edited(json, { literal: () => undefined, value: () => '0' })).toBe('0')
      const shown = edited(json, {
        literal: ({ kind, source }) =>
          kind === 'name' || kind === 'text' ? JSON.stringify(`~${JSON.parse(source)}`) : undefined,
      })
      expect(canonical(JSON.parse(shown) as Json)).toBe(canonical(marked(given as Json)))
    }),
  )
})

function marked(value: Json): Json {
  if (typeof value === 'string') return `~${value}`
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: Json) => marked(item))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [`~${key}`, marked(item)]))
}

function base64(plain: string): string {
  return Buffer.from(plain).toString('base64')
}

/** Every text in a JSON text, and in the texts in those, one after the other. */
function everyReading(json: string, depth = 0): string {
  let readings = json
  try {
    JSON.parse(json, (key: string, value: unknown) => {
      readings += `\n${key}`
      if (typeof value === 'string') {
        readings += `\n${value}\n${unescaped(value)}\n${Buffer.from(value, 'base64').toString()}`
        if (depth < 20) readings += `\n${everyReading(value, depth + 1)}`
      }
      return value
    })
  } catch {
    return readings
  }
  return readings
}

function unescaped(value: string): string {
  return value.replaceAll(/\\+(?:u\{?|x)0*([0-9a-f]{2})\}?/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
