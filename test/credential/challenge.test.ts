import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readChallenge } from '../../src/credential/challenge.ts'

describe('what an upstream says when it refuses', () => {
  test.each([
    [
      'Bearer resource_metadata="https://a.example/prm", scope="read write", error="invalid_token"',
      { metadataUrl: 'https://a.example/prm', scopes: ['read', 'write'], error: 'invalid_token' },
    ],
    ['bearer SCOPE=read', { scopes: ['read'] }],
    ['Basic realm="x, Bearer scope=\\"no\\"", Bearer scope="yes"', { scopes: ['yes'] }],
    [
      'Negotiate, Bearer scope="a" , error = insufficient_scope',
      {
        scopes: ['a'],
        error: 'insufficient_scope',
      },
    ],
    ['Bearer scope="first", scope="second"', { scopes: ['first'] }],
    ['Bearer scope="a a  b"', { scopes: ['a', 'b'] }],
    [
      'Bearer scope="a", Basic scope="b", Bearer resource_metadata="https://b.example"',
      {
        scopes: ['a'],
      },
    ],
    ['Bearer', {}],
    ['', {}],
    [undefined, {}],
  ])('%s', (header, said) => {
    expect(readChallenge(header)).toEqual(said)
  })

  test.each([
    ['no bearer', 'Digest scope="a"'],
    ['a quote that never ends', 'Bearer scope="a'],
    ['no address', 'Bearer resource_metadata="not one"'],
    ['an address of no web', 'Bearer resource_metadata="file:///etc/passwd"'],
    ['a script', 'Bearer resource_metadata="javascript:alert(1)"'],
    ['an address without end', `Bearer resource_metadata="https://a.example/${'a'.repeat(2048)}"`],
    ['scopes with controls', 'Bearer scope="a\u0007b"'],
    ['a scope without end', `Bearer scope="${'a'.repeat(257)}"`],
    [
      'scopes without number',
      `Bearer scope="${Array.from({ length: 65 }, (_, n) => `s${n}`).join(' ')}"`,
    ],
    ['words in place of an error', 'Bearer error="call this number"'],
    ['a header without end', `Bearer scope="a", x="${'x'.repeat(8192)}"`],
  ])('%s says nothing', (_what, header) => {
    expect(readChallenge(header)).toEqual({})
  })

  test('is read to its end, whatever it is', () => {
    const parts = fc.constantFrom('Bearer', ' ', ',', '"', '\\', '=', 'scope', 'a', '\t', '\u00e9')
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 60 }), (written) => {
        const { metadataUrl, scopes = [] } = readChallenge(written.join(''))
        expect(metadataUrl).toBeUndefined()
        for (const scope of scopes) expect(scope).toMatch(/^[!#-[\]-~]+$/)
      }),
    )
  })
})
