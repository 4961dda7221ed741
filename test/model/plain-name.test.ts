import { describe, expect, test } from 'vitest'
import { foreign, nameFault, spelt } from '../../src/model/plain-name.ts'

describe('a name that can be shown plainly', () => {
  test.each([
    'send_email',
    'a',
    'x'.repeat(128),
    'Summarize Detection',
    'vendors/approve',
    'fetch-businesses',
    'naïve_søk',
    'łódź',
    'Straße',
    'почта',
    'Отправить письмо',
    'ΑΒΓ',
    'メール送信',
    'sendメール_v2',
    '发送邮件',
    '이메일_보내기',
    'إرسال',
    'שלח',
    'ส่งอีเมล',
    'भेजें',
    'send_email🚀',
  ])('%s', (name) => {
    expect(nameFault(name)).toBeUndefined()
  })
})

describe('a name that cannot, with the code points that make it so', () => {
  test.each([
    ['nothing', '', 'it is empty'],
    ['too long', 'x'.repeat(129), 'it is longer than 128 characters'],
    ['zero width', 'send\u200B_email', 'U+200B'],
    ['word joiner', 'send\u2060_email', 'U+2060'],
    ['soft hyphen', 'send_email\u00AD', 'U+00AD'],
    ['bidi override', 'send_email\u202E', 'U+202E'],
    ['a tag', '\u{E0073}end_email', 'U+E0073'],
    ['NUL', 'send_email\u0000', 'U+0000'],
    ['line feed', 'send_email\n', 'U+000A'],
    ['escape', '\u001B[2Jx', 'U+001B'],
    ['Hangul filler', 'send\u3164email', 'U+3164'],
    ['grapheme joiner', 'se\u034Fnd', 'U+034F'],
    ['variation selector', 'send\uFE0F', 'U+FE0F'],
    ['blank braille', 'send\u2800', 'U+2800'],
    ['another blank', 'send\u00A0email', 'U+00A0'],
    ['private use', 'send\uE000', 'U+E000'],
    ['lone surrogate', 'send\uD800', 'U+D800'],
    ['blank before', ' send_email', 'U+0020'],
    ['blank after', 'send_email ', 'U+0020'],
    ['only a blank', ' ', 'U+0020'],
    ['full width', '\uFF53end_email', 'U+FF53'],
    ['a ligature', '\uFB01le', 'U+FB01'],
    ['mathematical', '\u{1D5CC}end', 'U+1D5CC'],
    ['not composed', 'se\u0301nd', 'U+0301'],
    ['a mark on what takes none', 's\u0308end', 'U+0308'],
    ['a mark too many', '\u00E9\u0308nd', 'U+0308'],
    ['small capital', 's\u1D07nd', 'U+1D07'],
    ['script g', 'lo\u0261in', 'U+0261'],
    ['Cyrillic in Latin', 's\u0435nd_email', 'U+0435'],
    ['Greek in Latin', 's\u03B5nd', 'U+03B5'],
    ['Armenian in Latin', 'verify_\u057Dser', 'U+057D'],
    ['Cherokee', '\u13AA\u13BE', 'U+13AA U+13BE'],
    ['Lisu', '\uA4E2end', 'U+A4E2'],
    ['Coptic', '\u2C9Eend', 'U+2C9E'],
    ['Hebrew in Latin', 'g\u05D5', 'U+05D5'],
  ])('%s', (_what, name, points) => {
    expect(nameFault(name)).toContain(points)
  })

  test('no more than eight code points are listed', () => {
    const name = Array.from({ length: 12 }, (_, n) => String.fromCodePoint(0x430 + n)).join('')
    expect(nameFault(`a${name}`)?.match(/U\+/g)).toHaveLength(8)
  })
})

test('what cannot be seen is spelt out, and everything else stands as it is', () => {
  expect(spelt('se\u200Bnd \u202Eмир\u001B[2J\n')).toBe(
    'se[U+200B]nd [U+202E]мир[U+001B][2J[U+000A]',
  )
  expect(foreign('s\u0435nd_\u0435')).toBe('U+0435')
  expect(foreign('plain')).toBe('')
})
