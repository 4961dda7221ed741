/** Opens what an entry sealed, as docs/log-format.md says and with nothing of the writer's: what a reader of their own would do. */
import { createDecipheriv, createHmac } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/model/json.ts'

/** The sealed text of an entry; undefined where it has none. */
export function unsealedText(line: string, key: Uint8Array): string | undefined {
  const { log, seq, sealed } = JSON.parse(line) as { log: string; seq: number; sealed?: string }
  if (sealed === undefined) return undefined
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12))
  decipher.setAAD(Buffer.from(`${log} ${seq}`))
  decipher.setAuthTag(bytes.subarray(-16))
  return decipher.update(bytes.subarray(0, -16), undefined, 'utf8') + decipher.final('utf8')
}

/** The entry with what it sealed in the place of the seal. */
export function unsealed(line: string, key: Uint8Array): JsonObject {
  const { sealed: _, ...entry } = JSON.parse(line) as JsonObject
  const text = unsealedText(line, key)
  return text === undefined ? entry : { ...entry, ...(JSON.parse(text) as JsonObject) }
}

/** `args_commit` for 1, `input_commit` for 2. */
export function commitment(key: Uint8Array, what: 1 | 2, text: string): string {
  return createHmac('sha256', key).update(Buffer.of(what)).update(text).digest('hex')
}

/** All entries of a log on a real disk, opened; an entry whose key is zeros is as it stands. */
export function openedEntries(dir: string): readonly JsonObject[] {
  const firsts = readdirSync(dir)
    .flatMap((name) => /^audit-(\d+)\.jsonl$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b)
  return firsts.flatMap((first) => {
    const keys = readFileSync(join(dir, `keys-${first}.bin`))
    const lines = readFileSync(join(dir, `audit-${first}.jsonl`), 'utf8')
      .split('\n')
      .slice(0, -1)
    return lines.map((line, index) => {
      const key = keys.subarray(32 * index, 32 * (index + 1))
      return key.every((byte) => byte === 0)
        ? (JSON.parse(line) as JsonObject)
        : unsealed(line, key)
    })
  })
}
