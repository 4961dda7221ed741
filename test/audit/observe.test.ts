import { expect, test } from 'vitest'
import { observed, observedFile, type Seen } from '../../src/audit/observe.ts'
import { openLog } from '../../src/audit/log.ts'
import { HEAD, memoryLog } from '../fakes/audit-log.ts'
import { memoryDisk } from '../fakes/disk.ts'
import { event, intent } from '../fakes/entry-body.ts'

const ACTING = { agent: 'a', assurance: 'bearer_key', mandate: HEAD.mandate! } as const

test('without observers the log is the one that was given', () => {
  const log = memoryLog()
  expect(observed(log, [])).toBe(log)
  const file = openLog({ dir: '/state/log/one', head: HEAD, disk: memoryDisk() })
  expect(observedFile(file, [])).toBe(file)
})

test('an observer is told of each entry once it is written, before whoever appended it', async () => {
  const told: string[] = []
  const log = observed(memoryLog(), [({ receipt }) => told.push(`seen ${receipt?.seq}`)], ACTING)
  await log.append(intent()).then(({ seq }) => told.push(`appended ${seq}`))
  await log.append(event()).then(({ seq }) => told.push(`appended ${seq}`))
  expect(told).toEqual(['seen 0', 'appended 0', 'seen 1', 'appended 1'])
})

test('an observer is told of what could not be written, and whoever appended it still is', async () => {
  const memory = memoryLog()
  const seen: Seen[] = []
  const log = observed(memory, [(one) => seen.push(one)])
  memory.failNext(1)
  await expect(log.append(event())).rejects.toMatchObject({ code: 'ERR_AUDIT_APPEND' })
  expect(seen).toEqual([{ entry: event() }])
})

test('a fault of an observer reaches nobody, neither the line nor the other observers', async () => {
  const seen: Seen[] = []
  const broken = (): never => {
    throw new Error('broken')
  }
  const log = observed(memoryLog(), [broken, (one) => seen.push(one)])
  await expect(log.append(event())).resolves.toMatchObject({ seq: 0 })
  expect(seen.length).toBe(1)
})

test('what each agent does in a shared log is seen with whose it is, once', async () => {
  const seen: Seen[] = []
  const { agent: _agent, assurance: _assurance, mandate: _mandate, ...head } = HEAD
  const file = openLog({ dir: '/state/log/one', head, disk: memoryDisk() })
  const log = observedFile(file, [(one) => seen.push(one)])
  await log.append(event())
  await log.under(ACTING).append(intent())
  expect(seen.map(({ acting }) => acting)).toEqual([undefined, ACTING])
  expect(log.writable()).toBe(true)
  await log.close()
  expect(log.writable()).toBe(false)
})
