import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOf } from '../../src/model/digest.ts'
import { revisionManifest, revisionOf } from '../../src/policy/revision.ts'

const a = { relative: 'a.yaml', digest: digestOf('a') }
const b = { relative: 'bundles/b.wasm', digest: digestOf('b') }

test('the manifest says of each file where it lies and what it holds, and the revision is its hash', () => {
  const text = `[{"file":"a.yaml","s256":"${a.digest}"},{"file":"bundles/b.wasm","s256":"${b.digest}"}]`
  expect(revisionManifest([b, a])).toBe(text)
  expect(revisionOf([a, b])).toBe(digestOf(text))
  expect(revisionManifest([])).toBe('[]')
})

test('another name, another byte, a file more or less: another revision', () => {
  const sets = [[], [a], [b], [a, b], [{ ...a, relative: 'c.yaml' }], [{ ...a, digest: b.digest }]]
  expect(new Set(sets.map(revisionOf)).size).toBe(sets.length)
})

test('order never matters, and what is different in one file is different in all', () => {
  const part = fc.record({ relative: fc.string(), digest: fc.string().map(digestOf) })
  fc.assert(
    fc.property(fc.array(part), fc.array(part), (one, other) => {
      expect(revisionOf(one.toReversed())).toBe(revisionOf(one))
      const same = revisionManifest(one) === revisionManifest(other)
      const parts = (list: typeof one) =>
        [...new Set(list.map(({ relative, digest }) => JSON.stringify([relative, digest])))]
          .toSorted()
          .join('\n')
      expect(same).toBe(parts(one) === parts(other))
    }),
  )
})
