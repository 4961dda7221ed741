/** SECURITY.md promises what tests prove: each promise names a test file that is there, and a test that it has. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { policies } from '../policy/written.ts'
import { page, ROOT, table } from './markdown.ts'

interface Proof {
  readonly file: string
  readonly titles: readonly string[]
}

/** `[name](path) "title", "title"; [name](path) "title"` */
function proofs(cell: string): readonly Proof[] {
  return cell.split('; [').map((part) => {
    const file = /\]\(([^)]+)\)/.exec(part)?.[1] ?? ''
    const quoted = part.slice(part.indexOf(')') + 1).trim()
    return { file, titles: quoted.replace(/^"|"$/g, '').split('", "') }
  })
}

const rows = table(page('SECURITY.md'), 'guarantee').map(([guarantee = '', cell = '']) => ({
  guarantee,
  proofs: proofs(cell),
}))

test('the guarantees of the design are promised', () => {
  expect(rows.length).toBeGreaterThanOrEqual(20)
})

test.each(rows)('$guarantee', ({ proofs: named }) => {
  expect(named.length).toBeGreaterThan(0)
  for (const { file, titles } of named) {
    expect(existsSync(join(ROOT, file)), file).toBe(true)
    // A title may stand on a line of its own.
    const source = readFileSync(join(ROOT, file), 'utf8').replaceAll(/\(\s+/g, '(')
    expect(titles.length).toBeGreaterThan(0)
    for (const title of titles) {
      expect(title.length).toBeGreaterThan(10)
      const opened = ["'", '`', '"'].map((quote) => `(${quote}${title}${quote}`)
      expect(
        opened.some((text) => source.includes(text)),
        `${file}: ${title}`,
      ).toBe(true)
    }
  }
})

test('G47: what a guard cannot find out is said: a server that does harm behind a clean definition', () => {
  const text = page('SECURITY.md').split('## Out of scope')[1] ?? ''
  expect(text).toContain('A server that does harm behind a clean definition')
  expect(text).toMatch(/rebinding\) and where its redirects lead/)
})

test('what policies do not defend against is said, as the policies do it', () => {
  const text = page('SECURITY.md').split('### Of policies')[1]?.split('\n## ')[0] ?? ''
  for (const said of [
    'Labels follow calls',
    'they outlive the guard',
    'in an image, split over two texts',
    'Engines are trusted with what they are told',
    'Half a file may load',
    'Shadow forbids nothing',
    'an agent under the same user with a shell',
  ])
    expect(text.replaceAll(/\s+/g, ' ')).toContain(said)
})

test('half a policy may load, as the page says: it then says less', () => {
  const whole =
    'policy: a\nrules:\n  - { id: x, effect: forbid, tools: [a/b] }\n  - { id: y, effect: forbid }\n'
  const half = whole.split('\n').slice(0, 3).join('\n')
  expect(policies(whole).rules).toHaveLength(2)
  expect(policies(half).rules).toHaveLength(1)
})
