/** Whatever is changed in a folder of a log is found, or lies where nothing is proven. */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyLog } from '../../../src/audit/verify/log.ts'
import { verifierKey } from '../../../src/audit/verify/note.ts'
import { logKey, story, writeLogV2 } from '../../fakes/log-v2.ts'

const KEY = logKey('guard')
const KEYS = [verifierKey(KEY.vkey, 'log.vkey')]
const POLICY = '[]'

/** Caches, locks, and what a crash left: nothing is ever read from them as evidence. */
const PROVES_NOTHING = ['frontier.json', 'index.db', 'lock.db', 'args.key', 'ended']

let state: string
let folder: string
let files: readonly string[]
beforeAll(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-flip-'))
  const entries = story(12).map(({ entry, ...rest }) => {
    const { mandate: _, ...own } = entry
    return { entry: own, ...rest }
  })
  folder = writeLogV2({
    state,
    name: 'g',
    key: KEY,
    entries,
    rotate: 10,
    every: 4,
    objects: [POLICY],
  })
  for (const name of PROVES_NOTHING) writeFileSync(join(folder, name), 'a cache\nof the guard\n')
  files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .toSorted()
})
afterAll(() => rmSync(state, { recursive: true }))

async function verdictOf(name: string, bytes: Buffer): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'chaperone-flipped-'))
  try {
    const other = join(copy, 'g')
    cpSync(folder, other, { recursive: true })
    writeFileSync(join(other, name), bytes)
    return (await verifyLog({ folder: other, keys: KEYS, content: true })).verdict
  } finally {
    rmSync(copy, { recursive: true })
  }
}

/** An outcome has no key, so its slot is zeros, and what else stands there is no matter. */
function isEvidence(name: string, at: number): boolean {
  if (PROVES_NOTHING.includes(name)) return false
  return !name.startsWith('keys-') || Math.floor(at / 32) % 2 === 0
}

test('a byte that is another', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (file, at, flip) => {
        const name = files[file % files.length] ?? ''
        const bytes = readFileSync(join(folder, name))
        const place = at % bytes.length
        bytes[place] = (bytes[place] ?? 0) ^ flip
        const expected = isEvidence(name, place) ? 'tampered' : 'fine'
        expect(await verdictOf(name, bytes), `${name} at ${place}`).toBe(expected)
      },
    ),
    { numRuns: 200 },
  )
})

test('a line that is gone, that stands there twice, or behind the next one', async () => {
  for (const name of files.filter((one) => !one.startsWith('keys-'))) {
    const lines = readFileSync(join(folder, name), 'utf8').split(/(?<=\n)/)
    for (const at of lines.keys()) {
      const line = lines[at] ?? ''
      const next = lines[at + 1]
      const changed = [
        lines.toSpliced(at, 1),
        lines.toSpliced(at, 0, line),
        ...(next === undefined || next === line ? [] : [lines.toSpliced(at, 2, next, line)]),
      ]
      for (const other of changed) {
        const found = await verdictOf(name, Buffer.from(other.join('')))
        const expected = isEvidence(name, 0) ? 'tampered' : 'fine'
        expect(found, `${name}, line ${at + 1}: ${other.length}`).toBe(expected)
      }
    }
  }
})
