/** The record in memory: the entries are written exactly as the file log writes them, and read back with their keys. */
import { Chain } from '../../src/audit/chain.ts'
import { KEY_BYTES, keyedDigest, NO_ENTRY } from '../../src/audit/digest.ts'
import { entryWriter } from '../../src/audit/entry.ts'
import { Sealer } from '../../src/audit/seal.ts'
import { GuardError } from '../../src/model/error.ts'
import { sha256 } from '../../src/model/id.ts'
import type { AuditLog } from '../../src/model/port.ts'
import type { Entry, EntryBody, RecordHead } from '../../src/model/record.ts'
import { isObject, type JsonObject } from '../../src/model/json.ts'
import { unsealed } from './unseal.ts'

export interface MemoryLog extends AuditLog {
  /** What is on record, in order, parsed from its lines. */
  readonly entries: readonly Entry[]
  readonly lines: readonly string[]
  /** The next `count` appends fail, as on a full disk. */
  failNext(count: number): void
}

export const HEAD: RecordHead = {
  log: 'memory',
  agent: 'agent-1',
  assurance: 'launch_line',
  mandate: { name: 'm', digest: sha256('a'.repeat(64)), signed: false },
}

export function memoryLog(head: RecordHead = HEAD): MemoryLog {
  const sealer = new Sealer()
  const write = entryWriter(head, keyedDigest(new Uint8Array(KEY_BYTES)), {}, sealer)
  const chain = new Chain(write, { seq: 0, prev: NO_ENTRY }, { sealer })
  const entries: Entry[] = []
  const lines: string[] = []
  let failing = 0
  let closed = false
  const refuse = (why: string, cause?: unknown) =>
    Promise.reject(new GuardError('ERR_AUDIT_APPEND', why, { cause }))
  return {
    entries,
    lines,
    failNext: (count) => {
      failing = count
    },
    append: (body) => {
      if (closed) return refuse('the record is closed')
      if (failing > 0) {
        failing -= 1
        return refuse('the record cannot be written: no space left on device')
      }
      try {
        const receipt = chain.add(body)
        const line = Buffer.from(chain.waiting).toString().trimEnd()
        const key = Buffer.from(chain.waitingKeys)
        chain.settle()
        lines.push(line)
        entries.push(shown(line, key))
        return Promise.resolve(receipt)
      } catch (error) {
        return refuse('the entry cannot be written', error)
      }
    },
    close: () => {
      closed = true
      return Promise.resolve()
    },
  }
}

/** As a reader shows it: what was sealed stands where it would stand in clear. */
export function shown(line: string, key: Uint8Array): Entry {
  const { uri, ...entry } = unsealed(line, key)
  const request = isObject(entry['request']) ? entry['request'] : undefined
  const named = request && uri !== undefined ? { request: { ...request, name: uri } } : {}
  return { facts: {}, ...entry, ...named } as JsonObject as Entry
}

/** One entry as it is read back. */
export function readBack(body: EntryBody, head: RecordHead = HEAD): Entry {
  const sealer = new Sealer()
  const write = entryWriter(head, keyedDigest(new Uint8Array(KEY_BYTES)), {}, sealer)
  const line = write(body, { seq: 0, prev: NO_ENTRY })
  return shown(line, Buffer.from(sealer.key))
}
