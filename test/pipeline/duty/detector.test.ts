import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DETECTORS } from '../../../src/model/policy.ts'
import { cleaned } from '../../../src/pipeline/duty/detector.ts'

const MIB = 1024 * 1024

describe('e-mail addresses', () => {
  test.each([
    ['write to ann.lee+x@acme.example.', 'write to [redacted:emails].'],
    ['<ann@acme.example>, bob@sub.acme.example', '<[redacted:emails]>, [redacted:emails]'],
    ['mailto:ann@acme.example?subject=x', 'mailto:[redacted:emails]?subject=x'],
    ['?to=ann%40acme.example&x=1', '?to=[redacted:emails]&x=1'],
    ['jürgen@müller.example', '[redacted:emails]'],
    ['a@b.example-', '[redacted:emails]-'],
    ['a@b@acme.example', 'a@[redacted:emails]'],
  ])('%s', (text, shown) => {
    expect(cleaned(text, ['emails'])).toBe(shown)
  })

  test.each(['@scope/name', 'a @ b.example', 'user@localhost', 'x@1.2', '@media print', '50%40'])(
    '%s is none',
    (text) => {
      expect(cleaned(text, ['emails'])).toBe(text)
    },
  )
})

describe('account numbers', () => {
  test.each([
    ['to DE89370400440532013000.', 'to [redacted:ibans].'],
    ['DE89 3704 0044 0532 0130 00 and more', '[redacted:ibans] and more'],
    ['gb82-west-1234-5698-7654-32', '[redacted:ibans]'],
    ['FR14 2004 1010 0505 0001 3M02 606', '[redacted:ibans]'],
    ['NO9386011117947 NO9386011117947', '[redacted:ibans] [redacted:ibans]'],
  ])('%s', (text, shown) => {
    expect(cleaned(text, ['ibans'])).toBe(shown)
  })

  test.each([
    'DE89370400440532013001',
    'XX89370400440532013000',
    'DE8937040044053201300',
    'DE893704004405320130001',
    'xDE89370400440532013000',
  ])('%s is none', (text) => {
    expect(cleaned(text, ['ibans'])).toBe(text)
  })
})

describe('card numbers', () => {
  test.each([
    ['card 4111111111111111, 12/27', 'card [redacted:card_numbers], 12/27'],
    ['4111 1111 1111 1111 12/27', '[redacted:card_numbers] 12/27'],
    ['order 12 5555-5555-5555-4444', 'order 12 [redacted:card_numbers]'],
    ['378282246310005', '[redacted:card_numbers]'],
    ['6011111111111117', '[redacted:card_numbers]'],
    ['2223003122003222', '[redacted:card_numbers]'],
    ['3530111333300000', '[redacted:card_numbers]'],
    ['30569309025904', '[redacted:card_numbers]'],
    ['4222222222222', '[redacted:card_numbers]'],
    ['4111.1111.1111.1111', '[redacted:card_numbers]'],
    ['4111  1111  1111  1111.', '[redacted:card_numbers].'],
    ['3782.822463.10005', '[redacted:card_numbers]'],
    ['4111111111111111 4111111111111111', '[redacted:card_numbers] [redacted:card_numbers]'],
  ])('%s', (text, shown) => {
    expect(cleaned(text, ['card_numbers'])).toBe(shown)
  })

  test.each([
    '4111111111111112',
    '1764288000000',
    '0.4111111111111111',
    '4111111111111111.5',
    'id_4111111111111111',
    '4111111111111111abc',
    '41111111111111111111111',
    '9111111111111111',
    '4111.1111.1111.1112',
    '4111.1111.1111.1111.1',
  ])('%s is none', (text) => {
    expect(cleaned(text, ['card_numbers'])).toBe(text)
  })
})

describe('secrets', () => {
  const key = `AKIA${'ABCDEFGH'.repeat(2)}`
  test.each([
    [`key ${key}!`, 'key [redacted:secrets]!'],
    ['postgres://app:hunter2@db/x', 'postgres://[redacted:secrets]@db/x'],
    ['Server=db;Password=hunter2;', 'Server=db;Password=[redacted:secrets];'],
    [`%41KIA${'ABCDEFGH'.repeat(2)}`, '[redacted:secrets]'],
    [`${key} %41KIA${'ABCDEFGH'.repeat(2)}`, '[redacted:secrets]'],
  ])('%s', (text, shown) => {
    expect(cleaned(text, ['secrets'])).toBe(shown)
  })
})

test('what was cleaned is clean', () => {
  const ADDRESSES = ['a@b.example', 'DE89370400440532013000', '4111111111111111', 'token=x']
  const BETWEEN = ['://u:p@h', '%40', ' ', '-', '.', ';', '&', '@', 'x', '4', '[']
  const part = fc.constantFrom(...ADDRESSES, ...BETWEEN)
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const shown = cleaned(parts.join(''), DETECTORS)
      expect(cleaned(shown, DETECTORS)).toBe(shown)
    }),
  )
})

test('a number behind an address hides neither', () => {
  expect(cleaned('a@b.example-4111111111111111', DETECTORS)).toBe(
    '[redacted:emails]-[redacted:card_numbers]',
  )
})

/** What takes a time that grows with the square of the length does not come to an end here. */
describe('a mebibyte of anything that could begin comes to an end', () => {
  const repeated = (part: string): string => part.repeat(MIB / part.length)
  const addresses = ['a', '@', 'a@', 'a@a', '@a.', 'a@a.a', 'a.', '%40', '%25']
  const numbers = ['4', '41 ', '4-', '0', 'DE89', 'DE89 ', 'AD12-', '123456789:AA']
  const shapes = ['eyJ', 'eyJa.', ' eyJaaaaaaaa', 'SG.', 'AKIA', 'sk-', 'Bearer ', '\\u0041']
  const files = ['-----BEGIN ', '-----BEGIN PRIVATE KEY', 'secret_access_key']
  const pairs = ['://', ':///', 'a://b:', '?a=', 'token=', '&token=%3D', '=']
  test.each([...addresses, ...numbers, ...shapes, ...files, ...pairs])('%s', (part) => {
    expect(cleaned(repeated(part), DETECTORS).length).toBeGreaterThan(0)
  })
})

describe('sixteen mebibytes of one thing need no stack', () => {
  const long = 'a'.repeat(16 * MIB)
  const tokens = ['ghp_', 'glpat-', 'sk-', 'Bearer ', 'whsec_', 'hvs.', 'npm_', 'ya29.']
  const parts = ['SG.', 'eyJ', `eyJ${'a'.repeat(20)}.`, '-----BEGIN PRIVATE KEY', '://', 'token=']
  test.each([...tokens, ...parts])('%s', (start) => {
    expect(cleaned(`${start}${long}@a.example`, DETECTORS).length).toBeGreaterThan(0)
  })
})
