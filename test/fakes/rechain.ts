/** A log changed by somebody who knows how entries are chained: each names the leaf hash of the one before again. */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

/** The same by somebody who has the keys, too: what is sealed of each entry is opened, changed and sealed again. */
export function reseal(folder: string, change: (content: string) => string): void {
  const keys = readFileSync(join(folder, 'keys-0.bin'))
  rechain(join(folder, 'audit-0.jsonl'), (text) =>
    text
      .split('\n')
      .map((line) => resealed(line, keys, change))
      .join('\n'),
  )
}

function resealed(line: string, keys: Buffer, change: (content: string) => string): string {
  if (line === '') return line
  const { log, seq, sealed } = JSON.parse(line) as { log: string; seq: number; sealed?: string }
  if (sealed === undefined) return line
  const key = keys.subarray(seq * 32, seq * 32 + 32)
  const [nonce, place] = [Buffer.alloc(12), Buffer.from(`${log} ${seq}`)]
  const bytes = Buffer.from(sealed, 'base64')
  const opener = createDecipheriv('aes-256-gcm', key, nonce).setAAD(place)
  opener.setAuthTag(bytes.subarray(-16))
  const content = Buffer.concat([opener.update(bytes.subarray(0, -16)), opener.final()])
  const sealer = createCipheriv('aes-256-gcm', key, nonce).setAAD(place)
  const text = Buffer.concat([sealer.update(change(content.toString('utf8'))), sealer.final()])
  return line.replace(sealed, Buffer.concat([text, sealer.getAuthTag()]).toString('base64'))
}
