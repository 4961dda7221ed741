/** What an agent keeps for an upstream comes back as it was given, for the same request, to the same guard, or not at all. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callId } from '../../src/model/id.ts'
import { Seal, type Retried, type State } from '../../src/proxy/seal.ts'
import { fakeClock } from '../fakes/clock.ts'

const STATE: State = {
  server: 'a',
  call: callId('i-1'),
  keys: ['q', 'r'],
  state: '{"n": 1.0, "näh": "\\u0000"}',
}
const REQUEST: Retried = {
  method: 'tools/call',
  params: { name: 'pay', arguments: { to: 'bob', amount: 5 } },
}

function sealed() {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const seal = new Seal(clock)
  return { clock, seal, text: seal.close(STATE, REQUEST) }
}

test('what was sealed is opened, word for word, whatever the order of the arguments', () => {
  const { seal, text } = sealed()
  expect(seal.open(text, REQUEST)).toEqual(STATE)
  const turned = { name: 'pay', arguments: { amount: 5, to: 'bob' }, _meta: { other: true } }
  expect(seal.open(text, { ...REQUEST, params: turned })).toEqual(STATE)
  expect(text).toMatch(/^[\w-]+$/)
  expect(Buffer.from(text, 'base64url').toString('latin1')).not.toContain('näh')
  const ticket = { ...STATE, ticket: '7' }
  expect(seal.open(seal.close(ticket, REQUEST), REQUEST)).toEqual(ticket)
})

test.each([
  ['another tool', { ...REQUEST, params: { ...REQUEST.params, name: 'send' } }],
  ['other arguments', { ...REQUEST, params: { name: 'pay', arguments: { to: 'eve', amount: 5 } } }],
  ['no arguments', { ...REQUEST, params: { name: 'pay' } }],
  ['another method', { ...REQUEST, method: 'prompts/get' }],
])('for %s it stays closed', (_what, request) => {
  const { seal, text } = sealed()
  expect(seal.open(text, request)).toBeUndefined()
})

test('another guard, or another mandate of this one, cannot open it', () => {
  const { clock, text } = sealed()
  expect(new Seal(clock).open(text, REQUEST)).toBeUndefined()
})

test('after a quarter of an hour it stays closed', () => {
  const { clock, seal, text } = sealed()
  clock.advance(15 * 60_000 - 1)
  expect(seal.open(text, REQUEST)).toEqual(STATE)
  clock.advance(2)
  expect(seal.open(text, REQUEST)).toBeUndefined()
})

test('changed in any bit, cut, lengthened or spelt otherwise, it stays closed', () => {
  const { seal, text } = sealed()
  const bytes = Buffer.from(text, 'base64url')
  fc.assert(
    fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(seal.open(changed.toString('base64url'), REQUEST)).toBeUndefined()
    }),
  )
  for (const other of [
    '',
    'x',
    text.slice(1),
    text.slice(0, -4),
    `${text}-TAMPERED`,
    ` ${text}`,
    `${text}=`,
  ])
    expect(seal.open(other, REQUEST)).toBeUndefined()
})

test('any text is no state', () => {
  const { seal } = sealed()
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(seal.open(text, REQUEST)).toBeUndefined()
    }),
  )
})
