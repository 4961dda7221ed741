/** The recorded attacks on paths and URLs: each row gets the verdict it lists. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { constraint } from './document.ts'

const FOLDER = new URL('../../../shared/evaluation/guard_attacks/', import.meta.url)

interface PathRow {
  readonly id: string
  readonly root: string
  readonly path: string
  readonly inside: boolean | null
  readonly why: string
}
interface UrlRow {
  readonly id: string
  readonly url: string
  readonly allow: boolean
  readonly why: string
}

function rows(name: string): readonly unknown[] {
  if (!existsSync(FOLDER)) return []
  const text = readFileSync(new URL(name, FOLDER), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}

/** No text says that a name is a symbolic link: the constraint's description leaves those to the upstream. */
const UNDECIDABLE = 'link-to-etc'

// The recorded attacks are kept beside the repository, not in it: a bare clone does not have them.
describe.skipIf(!existsSync(FOLDER))('recorded attacks', () => {
  it('has rows to judge', () => {
    expect(rows('paths.jsonl').length).toBeGreaterThan(40)
    expect(rows('urls.jsonl').length).toBeGreaterThan(50)
  })

  it.each(rows('paths.jsonl') as readonly PathRow[])(
    '$id, $why: inside $inside',
    ({ root, path, inside }) => {
      const under = constraint(`{ path: { under: ${root} } }`)
      const expected = inside === true || path.includes(UNDECIDABLE) ? 'holds' : 'fails'
      expect(under.judge(path)).toBe(expected)
      expect(under.describe).toContain('symbolic links are for the upstream')
    },
  )

  it.each(rows('urls.jsonl') as readonly UrlRow[])(
    '$id, $why: allowed $allow',
    ({ url, allow }) => {
      const mandate = constraint(
        '{ url: { scheme: [https], host: [api.example.com], port: [443] } }',
      )
      expect(mandate.judge(url)).toBe(allow ? 'holds' : 'fails')
      const withoutPort = constraint('{ url: { scheme: [https], host: [api.example.com] } }')
      expect(withoutPort.judge(url)).toBe(allow ? 'holds' : 'fails')
    },
  )
})
