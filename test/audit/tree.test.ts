/** The tree against the definition in RFC 6962 section 2.1, written down once more as it stands there. */
import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Frontier } from '../../src/audit/tree.ts'
import { sha256 } from '../../src/model/id.ts'

function sha(...parts: readonly Uint8Array[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer')
}

const leafOf = (entry: Uint8Array) => sha(Buffer.of(0), entry)

/** MTH of a list of leaf hashes. */
function naive(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha()
  const [only] = leaves
  if (leaves.length === 1 && only) return only
  let left = 1
  while (left * 2 < leaves.length) left *= 2
  return sha(Buffer.of(1), naive(leaves.slice(0, left)), naive(leaves.slice(left)))
}

function grown(leaves: readonly Buffer[]): Frontier {
  const tree = new Frontier()
  for (const leaf of leaves) tree.add(sha256(leaf.toString('hex')))
  return tree
}

/** The inputs and roots that implementations of Certificate Transparency test with. */
const INPUTS = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

test('the vectors of RFC 6962', () => {
  expect(new Frontier().root().toString('hex')).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  )
  const leaves = INPUTS.map((input) => leafOf(Buffer.from(input, 'hex')))
  const roots = leaves.map((_, index) =>
    grown(leaves.slice(0, index + 1))
      .root()
      .toString('hex'),
  )
  expect(roots).toEqual(ROOTS)
})

test('at every size it has the root of the definition, whatever the leaves', () => {
  const leaf = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.array(leaf, { maxLength: 70 }), (leaves) => {
      const tree = grown(leaves)
      expect(tree.size).toBe(leaves.length)
      expect(tree.root()).toEqual(naive(leaves))
      // Looking changes nothing.
      expect(tree.root()).toEqual(naive(leaves))
    }),
  )
})

describe('a frontier', () => {
  const leaves = Array.from({ length: 100 }, (_, index) => leafOf(Buffer.of(index)))

  test('goes on elsewhere as if it had never stopped', () => {
    for (let size = 0; size <= leaves.length; size += 1) {
      const before = grown(leaves.slice(0, size))
      const after = Frontier.of(size, before.hashes())
      for (const leaf of leaves.slice(size)) after?.add(sha256(leaf.toString('hex')))
      expect(after?.root()).toEqual(naive(leaves))
    }
  })

  test('holds no more hashes than its size has one-bits', () => {
    expect([1, 64, 96, 99].map((size) => grown(leaves.slice(0, size)).hashes().length)).toEqual([
      1, 1, 2, 4,
    ])
  })

  test('of another size, or of what is no hash, is none', () => {
    const hashes = grown(leaves.slice(0, 6)).hashes()
    for (const size of [-1, 0, 4, 7, 6.5, Number.NaN])
      expect(Frontier.of(size, hashes)).toBeUndefined()
    expect(Frontier.of(6, [hashes[0] ?? '', 'x'])).toBeUndefined()
    expect(Frontier.of(6, hashes)).toBeDefined()
  })
})
