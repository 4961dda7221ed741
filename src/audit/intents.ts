/** Which calls of a guard that is gone have an intent on record: they may have left, and the others have not. */
import { createReadStream, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { CallId } from '../model/id.ts'
import { isObject } from '../model/json.ts'

const LOG_FILE = /^audit-(0|[1-9]\d{0,15})\.jsonl$/
/** Of the newest files. A guard holds nothing for long: what lies further back is not looked for. */
const MOST_BYTES = 256 * 1024 * 1024

export interface FoundIntents {
  readonly found: ReadonlySet<CallId>
  /** Everything was looked at: a call that was not found has no intent. */
  readonly whole: boolean
}

/** Never rejects: a log that is not there, or cannot be read, says nothing of any call. */
export async function intentsOf(
  folder: string,
  calls: ReadonlySet<CallId>,
  mostBytes: number = MOST_BYTES,
): Promise<FoundIntents> {
  const found = new Set<CallId>()
  try {
    const files = newestFirst(folder)
    let left = mostBytes
    let whole = files.length > 0
    for (const file of files) {
      const bytes = statSync(file).size
      if (bytes > left) return { found, whole: false }
      left -= bytes
      whole = (await lookThrough(file, calls, found)) && whole
      if (found.size === calls.size) break
    }
    return { found, whole }
  } catch {
    return { found, whole: false }
  }
}

function newestFirst(folder: string): readonly string[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const first = LOG_FILE.exec(name)?.[1]
      return first === undefined ? [] : [{ name, first: Number(first) }]
    })
    .toSorted((one, other) => other.first - one.first)
    .map(({ name }) => join(folder, name))
}

/** False where something in it cannot be read. */
async function lookThrough(
  file: string,
  calls: ReadonlySet<CallId>,
  found: Set<CallId>,
): Promise<boolean> {
  const texts = [...calls].map((call) => ({ call, text: JSON.stringify(call) }))
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
  let whole = true
  /** What a crash left of a last entry was never acknowledged, and nothing left on it. */
  let torn = false
  for await (const line of lines) {
    if (torn) whole = false
    torn = !line.endsWith('}')
    for (const { call, text } of texts) {
      if (found.has(call) || !line.includes(text)) continue
      const entry = entryIn(line)
      if (entry?.['type'] === 'intent' && entry['call'] === call) found.add(call)
    }
  }
  return whole
}

function entryIn(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return isObject(entry) ? entry : undefined
  } catch {
    return undefined
  }
}
