import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CONFUSABLE_ROWS } from '../../src/model/confusable.ts'
import { looksOf, qualifiedLooks, versionedLooks } from '../../src/model/look-alike.ts'

function alike(one: string, other: string): boolean {
  const looks = looksOf(other)
  return looksOf(one).some((look) => looks.includes(look))
}
function derived(one: string, from: string): boolean {
  const looks = looksOf(from)
  return [...versionedLooks(one), ...qualifiedLooks(one)].some((look) => looks.includes(look))
}

describe('names that can be confused', () => {
  test.each([
    ['case', 'SEND_EMAIL', 'send_email'],
    ['hyphen', 'send-email', 'send_email'],
    ['dot', 'send.email', 'send_email'],
    ['blank', 'send email', 'send_email'],
    ['camel case', 'sendEmail', 'send_email'],
    ['two separators', 'send__email', 'send_email'],
    ['another dash', 'send\u2010email', 'send_email'],
    ['a sign', 'send_email✓', 'send_email'],
    ['a mark', 'sénd_email', 'send_email'],
    ['digit one for l', 'send_emai1', 'send_email'],
    ['digit one for i', 'send_ema1l', 'send_email'],
    ['capital I for l', 'send_emaiI', 'send_email'],
    ['a bar', 'send_emai|', 'send_email'],
    ['zero', 'd0wnload', 'download'],
    ['other digits', '5end_3m4il', 'send_email'],
    ['a sign for a letter', '$end_em@il', 'send_email'],
    ['rn for m', 'get_modern', 'get_modem'],
    ['vv for w', 'vvrite_file', 'write_file'],
    ['dotless i', 'send_ema\u0131l', 'send_email'],
    ['stroke', 'sen\u0111_email', 'send_email'],
    ['Cyrillic word', '\u0440\u0430\u0443', 'pay'],
    ['Greek word', '\u03C1\u03B1\u03C5', 'pau'],
    ['Cyrillic capitals', '\u0422\u041E\u041A\u0415\u041D', 'TOKEH'],
    ['Armenian word', '\u0585\u057D', 'ou'],
    ['Katakana and Han', '\u30AB', '\u529B'],
    ['case in another script', 'ПОЧТА', 'почта'],
    ['sharp s', 'strasse', 'straße'],
  ])('%s', (_what, one, other) => {
    expect(alike(one, other)).toBe(true)
  })
})

describe('names that cannot', () => {
  test.each([
    ['read_file', 'send_email'],
    ['read_file', 'read_files'],
    ['list', 'list_all'],
    ['list_users', 'list_user'],
    ['get_ipv4', 'get_ipv6'],
    ['step_1', 'step_2'],
    ['tool_6', 'tool_8'],
    ['tool_i', 'tool_l'],
    ['search_v1', 'search_v2'],
    ['mail', 'mall'],
    ['発送', '送信'],
  ])('%s and %s', (one, other) => {
    expect(alike(one, other)).toBe(false)
  })
})

describe('a name that passes for another', () => {
  test.each([
    ['send_email_v1', 'send_email'],
    ['send_email-v2', 'send_email'],
    ['sendEmailV3', 'send_email'],
    ['send_email_version_2', 'send_email'],
    ['send_email.v1.2', 'send_email'],
    ['send_email_2', 'send_email'],
    ['send_email2', 'send_email'],
    ['send_emailv2', 'send_email'],
    ['mail__send_email', 'send_email'],
    ['a__b__send_email', 'send_email'],
    ['mail__sendEmail_v1', 'send_email'],
    ['mail__send_emai1', 'send_email'],
  ])('%s for %s', (one, other) => {
    expect(derived(one, other)).toBe(true)
    expect(derived(other, one)).toBe(false)
  })

  test.each([
    ['search_v2', 'search_v1'],
    ['log2', 'log'],
    ['get_ipv6', 'get_ip'],
    ['resolve_ipv6', 'resolve_ip'],
    ['report_2024', 'report'],
    ['encode_base64', 'encode'],
    ['list_files', 'list'],
    ['x__y', 'z'],
    ['send__email', 'send_email'],
  ])('%s does not pass for %s', (one, other) => {
    expect(derived(one, other)).toBe(false)
  })
})

test('a name looks like itself, in any case and with any separators', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/)
  const separator = fc.constantFrom('_', '-', '.', ' ', '__', '/')
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), separator, (words, by) => {
      const name = words.join('_')
      expect(alike(words.join(by), name)).toBe(true)
      expect(alike(words.join(by).toUpperCase(), name)).toBe(true)
    }),
  )
})

test('names that are all dividers, or very long, cost no more than others', () => {
  for (const name of ['_'.repeat(128), 'a_'.repeat(64), `${'v'.repeat(127)}1`, '1'.repeat(128)])
    expect(versionedLooks(name).length + qualifiedLooks(name).length).toBeLessThan(32)
})

describe('the table of letters', () => {
  const rows = CONFUSABLE_ROWS.trim().split('\n')
  const letters = CONFUSABLE_ROWS.split('\n').flatMap((row) =>
    Array.from(row.slice(row.indexOf(' ') + 1)),
  )

  test('names each letter once, and no ASCII one', () => {
    expect(rows.length).toBeGreaterThan(100)
    expect(new Set(letters).size).toBe(letters.length)
    expect(letters.filter((letter) => letter <= '\u007F')).toEqual([])
  })

  test.each([
    ['Cyrillic', 'асеһіјӏорԛѕԝху', 'acehijlopqswxy'],
    ['Cyrillic capitals', 'АВСЕНІЈКМОРЅТХ', 'ABCEHIJKMOPSTX'],
    ['Greek', 'αινορυγ', 'aivopuy'],
    ['Greek capitals', 'ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'ABEZHIKMNOPTYX'],
    ['Armenian', 'ցհոօզս', 'ghnoqu'],
  ])('knows %s', (_script, look, plain) => {
    for (const [at, letter] of Array.from(look).entries())
      expect(alike(letter, plain[at] ?? ''), letter).toBe(true)
  })
})
