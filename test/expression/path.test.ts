/** File paths: what is inside by its text, the classes of doubt, and that nothing doubtful leads out. */
import { posix } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyText, constraint } from './document.ts'

const under = constraint('{ path: { under: /srv/data } }')
const inside = (path: string): boolean => under.judge(path) === 'holds'

describe('path', () => {
  it.each([
    '/srv/data',
    '/srv/data/',
    '/srv/data/a.txt',
    '/srv//data///a.txt',
    '/srv/./data/./a',
    '/srv/data/sub/../a.txt',
    '/srv/data/sub/..',
    '/srv/data/..hidden',
    '/srv/data/...',
    '/srv/data/a..b/..c',
    '/srv/data/.env',
    '/srv/data/ ../x',
    '/srv/data/with space.txt',
    '/srv/data/-rf',
    '/srv/data/~backup',
    '/srv/data/file~',
    '/srv/data/100%',
    '/srv/data/100%25',
    '/srv/data/%41.txt',
    '/srv/data/%2e%2e-report.txt',
    '/srv/data/c%C3%A4.txt',
    '/srv/data/price$',
    '/srv/data/a$-b',
    '/srv/data/a*b?.txt',
    '/srv/data/[x]{y}',
    '/srv/data/über/日本語.txt',
    '/srv/data/console.log',
    '/srv/data/CONTENTS',
    '/srv/data/auxiliary/nullable',
    '/srv/data/a;b&c|d',
    `/srv/data/${'x'.repeat(4085)}`,
  ])('%j is inside', (path) => {
    expect(inside(path)).toBe(true)
  })

  it.each([
    // elsewhere
    '/srv/database',
    '/srv/data.bak/x',
    '/srv/dat',
    '/srv',
    '/',
    '/srv/data/..',
    '/srv/data/../x',
    '/srv/data/a/../../x',
    '/srv/data/a/./../../x',
    '/srv/data//..//x',
    '/SRV/data/x',
    '/etc/passwd',
    // not absolute
    '',
    ' ',
    '.',
    '..',
    'a.txt',
    './a',
    ' /srv/data/a',
    '\u00a0/srv/data/a',
    '~',
    '~/x',
    '~root/x',
    'file:///srv/data/a',
    'FILE:/srv/data/a',
    '\\srv\\data\\a',
    'C:/srv/data/a',
    // network paths
    '//srv/data/a',
    '///srv/data/a',
    '//server/srv/data/a',
    '//./srv/data',
    '//?/C:/x',
    // backslashes, plain and encoded
    '/srv/data/..\\x',
    '/srv/data/a\\b',
    '/srv/data/a%5cb',
    '/srv/data/..%5C..%5Cx',
    '/srv/data/a%255cb',
    // encoded dots and slashes at any depth
    '/srv/data/%2e%2e/x',
    '/srv/data/%2E%2E/x',
    '/srv/data/.%2e/x',
    '/srv/data/%2e/x',
    '/srv/data/%2e',
    '/srv/data/%2e%2e',
    '/srv/data/sub/%2e%2e/a',
    '/srv/data/..%2fx',
    '/srv/data/..%2Fx',
    '/srv/data/a%2fb',
    '/srv/data/%252e%252e/x',
    '/srv/data/%25252e%25252e/x',
    '/srv/data/%2525252e%2525252e/x',
    '/srv/data/%252525252525252e/x',
    '/srv/data/..%252fx',
    '/srv/data/%c0%ae%c0%ae/x',
    '/srv/data/%c0%af',
    '/srv/data/%e0%80%ae%e0%80%ae/x',
    '/srv/data/%u002e%u002e/x',
    '/srv/data/%uff0e%uff0e/x',
    '/srv/data/%ff',
    '/srv/data/%ef%bc%8e%ef%bc%8e/x',
    '/srv/%64ata/x',
    // expansion
    '/srv/data/$HOME',
    '/srv/data/${HOME}/x',
    '/srv/data/$(id)',
    '/srv/data/`id`',
    '/srv/data/%APPDATA%/x',
    '/srv/data/%24HOME',
    '/srv/data/{a,../../x}/../b',
    '/srv/data/*/../x',
    // controls and invisible characters, plain and encoded
    '/srv/data/a\u0000',
    '/srv/data/a%00.txt',
    '/srv/data/a\n',
    '/srv/data/a\r\nb',
    '/srv/data/a\tb',
    '/srv/data/a\u0007',
    '/srv/data/a\u007f',
    '/srv/data/a\u0085b',
    '/srv/data/a\u2028b',
    '/srv/data/a\u200bb',
    '/srv/data/a\u200d',
    '/srv/data/a\u00ad',
    '/srv/data/a\u2060',
    '/srv/data/\ufeffa',
    '/srv/data/a\u202eb',
    '/srv/data/a\u2066b',
    '/srv/data/a\u061cb',
    '/srv/data/a\ufe0f',
    '/srv/data/a\u{e0061}',
    '/srv/data/a\ue000',
    '/srv/data/a\ufffe',
    '/srv/data/a\ud800',
    '/srv/data/\udc00a',
    '/srv/data/a%e2%80%ae',
    // other scripts' dots and slashes, and other spellings
    '/srv/data/\uff0e\uff0e/x',
    '/srv/data/\u2025/x',
    '/srv/data/\u2024\u2024/x',
    '/srv/data/\u2026/x',
    '/srv/data/\ufe52\ufe52/x',
    '/srv/data/\u3002\u3002/x',
    '/srv/data/\uff61\uff61/x',
    '/srv/data/..\u2215x',
    '/srv/data/..\u2044x',
    '/srv/data/..\uff0fx',
    '/srv/data/..\uff3cx',
    '/srv/data/..\u29f5x',
    '/srv/data/..\u2216x',
    '/srv\u2215data\u2215x',
    '/srv/data/cafe\u0301',
    '/srv/data/\u212b',
    '/srv/data/\uff41.txt',
    '/srv/data/a\u00a0b',
    // what Windows or a web server reads differently
    '/srv/data/a.txt:evil',
    '/srv/data/a.txt::$DATA',
    '/srv/data/CON',
    '/srv/data/con.txt',
    '/srv/data/nul/x',
    '/srv/data/COM1',
    '/srv/data/LPT9.log',
    '/srv/data/aux .txt',
    '/srv/data/CONIN$',
    '/srv/data/.. /x',
    '/srv/data/..;/x',
    '/srv/data/.;a=b/x',
    // length
    `/srv/data/${'x'.repeat(4086)}`,
    `/srv/data/${'é'.repeat(2043)}`,
    `/srv/data/${'a/'.repeat(5000)}`,
  ])('%j is not', (path) => {
    expect(inside(path)).toBe(false)
  })

  it.each([
    [['/srv/data'], '/srv/data/a.md', true],
    [['/srv/data'], '/srv/data/a.MD', false],
    [['/srv/data'], '/srv/data/a.mdx', false],
    [['/srv/data'], '/srv/data/a.md.exe', false],
    [['/srv/data'], '/srv/data/a.exe.md', true],
    [['/srv/data'], '/srv/data/.md', false],
    [['/srv/data'], '/srv/data/a.', false],
    [['/srv/data'], '/srv/data/a', false],
    [['/srv/data'], '/srv/data/a.md/', false],
    [['/srv/data'], '/srv/data/a.md/.', false],
    [['/srv/data'], '/srv/data/a.md/..', false],
    [['/srv/data'], '/srv/data/a.md ', false],
    [['/srv/data'], '/srv/data/a%2emd', false],
    [['/srv/data'], '/srv/data.md', false],
    [['/a', '/srv/data'], '/a/x.csv', true],
    [['/a', '/srv/data'], '/b/x.csv', false],
  ])('under %j with an extension, %j: %s', (roots, path, expected) => {
    const compiled = constraint(`{ path: { under: [${roots.join()}], ext: [md, csv] } }`)
    expect(compiled.judge(path)).toBe(expected ? 'holds' : 'fails')
  })

  it('says why', () => {
    const hint = (path: string): string | undefined => under.explain(path, 'r')[0]?.hint
    expect(hint('/srv/data/..\\x')).toContain('backslash')
    expect(hint('/etc/passwd')).toContain('leads elsewhere')
    expect(hint('x')).toContain('not absolute')
    expect(under.explain('/srv/data/a', 'r')[0]).not.toHaveProperty('hint')
  })

  const piece = fc.constantFrom(
    'a',
    'b.txt',
    '..',
    '.',
    '',
    '...',
    '..x',
    '%2e%2e',
    '%2e',
    '..%2f',
    '%252e%252e',
    '%5c',
    '\\',
    'srv',
    'data',
    'database',
    '\uff0e\uff0e',
    '\u2025',
    '~',
    '$HOME',
    'é',
    'e\u0301',
    ':',
    '.. ',
    '\u0000',
  )
  const paths = fc
    .tuple(
      fc.constantFrom('/srv/data/', '/', '', '//', '/srv/data'),
      fc.array(piece, { maxLength: 6 }),
    )
    .map(([start, pieces]) => start + pieces.join('/'))

  const leadsInside = (path: string): boolean => {
    const found = posix.normalize(path)
    return found === '/srv/data' || found === '/srv/data/' || found.startsWith('/srv/data/')
  }

  it('whatever is inside stays inside, also decoded, folded, and with backslashes for slashes', () => {
    fc.assert(
      fc.property(paths, (path) => {
        fc.pre(inside(path))
        let read = path
        for (let round = 0; round < 4; round += 1) {
          expect(leadsInside(read)).toBe(true)
          expect(leadsInside(read.normalize('NFKC'))).toBe(true)
          expect(leadsInside(read.replaceAll('\\', '/'))).toBe(true)
          read = read.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => decodeURIComponent(escapes))
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('plain names below the root are inside wherever they lead within it', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_ -]{0,8}(?:\.[a-z]{1,4})?$/)
    const names = fc.array(
      name.filter((text) => !/^(?:con|prn|aux|nul|(?:com|lpt)\d) *(?:\.|$)/.test(text)),
      {
        maxLength: 5,
      },
    )
    fc.assert(
      fc.property(names, (parts) => {
        expect(inside(['/srv/data', ...parts].join('/'))).toBe(true)
        expect(inside(['/srv/data', ...parts, ...parts.map(() => '..'), '..', 'x'].join('/'))).toBe(
          false,
        )
      }),
    )
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(anyText, fc.string(), (text, other) => {
        expect(['holds', 'fails']).toContain(under.judge(text))
        expect(['holds', 'fails']).toContain(under.judge(`/srv/data/${other}%${text}`))
      }),
    )
  })
})
