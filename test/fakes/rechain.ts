/** A log changed by somebody who knows how entries are chained: each names the leaf hash of the one before again. */
import { readFileSync, writeFileSync } from 'node:fs'
import { leafHash, NO_ENTRY } from '../../src/audit/digest.ts'

export function rechain(path: string, change: (text: string) => string): void {
  let prev = NO_ENTRY
  const lines = change(readFileSync(path, 'utf8')).trimEnd().split('\n')
  const chained = lines.map((line) => {
    const written = line.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`)
    prev = leafHash(written)
    return `${written}\n`
  })
  writeFileSync(path, chained.join(''))
}
