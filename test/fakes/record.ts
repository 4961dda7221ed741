/** A record on a real disk, in a folder of its own, and the notices of its changes as a test gives them. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Changes } from '../../src/audit/changes.ts'
import { openLog } from '../../src/audit/log.ts'
import type { EntryBody } from '../../src/model/record.ts'
import { HEAD } from './audit-log.ts'

export interface FakeRecord {
  readonly state: string
  /** The file of a log. */
  readonly file: (log: string) => string
  /** Opens the log, appends these, and closes it. */
  readonly write: (log: string, bodies: readonly EntryBody[]) => Promise<void>
  /** Raw bytes at the end of a log. */
  readonly scribble: (log: string, text: string) => void
  readonly remove: () => void
}

export function fakeRecord(): FakeRecord {
  const state = mkdtempSync(join(tmpdir(), 'chaperone-record-'))
  const file = (log: string): string => join(state, 'log', log, 'audit-0.jsonl')
  return {
    state,
    file,
    write: async (name, bodies) => {
      const log = openLog({ dir: join(state, 'log', name), head: { ...HEAD, log: name } })
      await Promise.all(bodies.map((body) => log.append(body)))
      await log.close()
    },
    scribble: (log, text) => {
      mkdirSync(join(state, 'log', log), { recursive: true })
      appendFileSync(file(log), text)
    },
    remove: () => rmSync(state, { recursive: true }),
  }
}

export interface ToldChanges {
  readonly changes: (signal: AbortSignal | undefined) => Changes
  readonly watched: readonly string[]
  /** Something changed. */
  readonly tell: () => void
  /** Resolves when the reader waits for the next change. */
  readonly waits: () => Promise<void>
}

export function toldChanges(): ToldChanges {
  const watched: string[] = []
  let wake: (() => void) | undefined
  let waiting: (() => void) | undefined
  return {
    watched,
    tell: () => {
      const told = wake
      wake = undefined
      told?.()
    },
    waits: () =>
      wake
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting = resolve
          }),
    changes: (signal) => ({
      add: (folder) => void watched.push(folder),
      next: () =>
        new Promise((resolve) => {
          if (signal?.aborted === true) {
            resolve()
            return
          }
          wake = resolve
          signal?.addEventListener('abort', () => resolve(), { once: true })
          waiting?.()
          waiting = undefined
        }),
      close: () => void watched.splice(0),
    }),
  }
}
