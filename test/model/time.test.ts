import fc from 'fast-check'
import { expect, test } from 'vitest'
import { durationMs, rfc3339 } from '../../src/model/time.ts'

test.each([
  ['2026-12-31T18:00:00Z', '2026-12-31T18:00:00.000Z'],
  ['2026-12-31T18:00:00+01:00', '2026-12-31T17:00:00.000Z'],
  ['2026-12-31T23:59:59.9876-23:59', '2027-01-01T23:58:59.987Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', undefined],
])('%s is %s', (text, wanted) => {
  const at = rfc3339(text)
  expect(at === undefined ? undefined : new Date(at).toISOString()).toBe(wanted)
})

test.each([
  '2026-12-31',
  '2026-12-31T18:00:00',
  '2026-12-31T18:00Z',
  '2026-12-31 18:00:00Z',
  '2026-12-31t18:00:00z',
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-12-31T24:00:00Z',
  '2026-12-31T18:60:00Z',
  '2016-12-31T23:59:60Z',
  '2026-12-31T18:00:00+24:00',
  '2026-12-31T18:00:00+0100',
  ' 2026-12-31T18:00:00Z',
  '2026-12-31T18:00:00Z\n',
  'tomorrow',
  '',
])('%j is no time with its zone', (text) => {
  expect(rfc3339(text)).toBeUndefined()
})

test('every instant is read back as it was written', () => {
  const day = { min: new Date('0100-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z') }
  fc.assert(
    fc.property(fc.date({ ...day, noInvalidDate: true }), (date) => {
      expect(rfc3339(date.toISOString())).toBe(date.getTime())
    }),
  )
})

test.each([
  ['250ms', 250],
  ['90s', 90_000],
  ['15m', 900_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
  ['15', undefined],
  ['1.5h', undefined],
  ['-1m', undefined],
  ['15 m', undefined],
  ['15M', undefined],
  ['', undefined],
])('the duration %j is %s ms', (text, wanted) => {
  expect(durationMs(text)).toBe(wanted)
})
