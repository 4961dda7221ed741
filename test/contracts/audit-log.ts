/** What every record promises, whoever keeps it; run by the file log and by the fake that other tests use. */
import { hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isObject } from '../../src/model/json.ts'
import type { AuditLog } from '../../src/model/port.ts'
import { intent, outcome } from '../fakes/entry-body.ts'

export interface AuditLogUnderTest {
  readonly log: AuditLog
  /** The lines on record, without their ends. */
  readonly lines: () => readonly string[]
  /** The next appends of one turn fail. */
  readonly failNext: () => void
}

const unwritten = { name: 'GuardError', code: 'ERR_AUDIT_APPEND' }

export function auditLogContract(name: string, open: () => AuditLogUnderTest): void {
  describe(`${name} keeps the contract of a record`, () => {
    test('an append resolves with where the entry stands, and it is on record by then', async () => {
      const { log, lines } = open()
      const { seq, leaf } = await log.append(intent())
      const [line = ''] = lines()
      expect([seq, leaf]).toEqual([0, hash('sha256', `\0${line}`, 'hex')])
      expect(JSON.parse(line)).toMatchObject({ seq: 0, type: 'intent', prev: '0'.repeat(64) })
    })

    test('entries are numbered in the order of their appends and each names the one before', async () => {
      const { log, lines } = open()
      const turn = [intent({ id: 'a' }), outcome('a'), intent({ id: 'b' })]
      const receipts = await Promise.all(turn.map((body) => log.append(body)))
      receipts.push(await log.append(outcome('b')))
      const entries = lines().map((line): unknown => JSON.parse(line))
      const said = entries.map((entry) =>
        isObject(entry) ? [entry['seq'], entry['type'], entry['call'], entry['prev']] : [],
      )
      const prev = ['0'.repeat(64), ...receipts.map(({ leaf }) => leaf)]
      expect(said).toEqual([
        [0, 'intent', 'a', prev[0]],
        [1, 'outcome', 'a', prev[1]],
        [2, 'intent', 'b', prev[2]],
        [3, 'outcome', 'b', prev[3]],
      ])
      expect(receipts.map(({ seq }) => seq)).toEqual([0, 1, 2, 3])
    })

    test('an entry that could not be written rejects, leaves nothing behind, and the next one is written', async () => {
      const { log, lines, failNext } = open()
      const first = await log.append(intent({ id: 'a' }))
      failNext()
      await expect(log.append(intent({ id: 'lost' }))).rejects.toMatchObject(unwritten)
      expect(lines()).toHaveLength(1)
      const next = await log.append(intent({ id: 'b' }))
      expect(next.seq).toBe(1)
      expect(lines().map((line): unknown => JSON.parse(line))).toMatchObject([
        { call: 'a' },
        { call: 'b', prev: first.leaf },
      ])
    })

    test('an entry that cannot be said rejects and spoils no other of its turn', async () => {
      const { log, lines } = open()
      const [before, bad, after] = await Promise.allSettled([
        log.append(intent({ id: 'a' })),
        log.append(intent({ args: { n: Number.NaN } })),
        log.append(intent({ id: 'b' })),
      ])
      expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled'])
      expect(bad).toMatchObject({ status: 'rejected', reason: unwritten })
      expect(lines().map((line): unknown => JSON.parse(line))).toMatchObject([
        { call: 'a', seq: 0 },
        { call: 'b', seq: 1 },
      ])
    })

    test('closing writes what waits, and nothing is taken after it', async () => {
      const { log, lines } = open()
      const last = log.append(intent())
      await log.close()
      await log.close()
      await expect(last).resolves.toMatchObject({ seq: 0 })
      await expect(log.append(intent())).rejects.toMatchObject(unwritten)
      expect(lines()).toHaveLength(1)
    })
  })
}
