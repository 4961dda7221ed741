/** The section about evidence with tiny counts: every part has its shape, and what is wrong has no figure. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { goals } from '../goal.ts'
import { KINDS } from './append.ts'
import { evidenceText } from './report.ts'
import { measureQueries, measureVerify, writeRecord } from './record.ts'
import { PARTS, runEvidence, type EvidencePlan, type Print } from './run.ts'
import { together } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'chaperone-bench-evidence-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const plan: EvidencePlan = {
  append: { windows: 1, entries: 128, warmUp: 64 },
  waits: 3,
  record: { entries: 300, proofs: 3, questions: 2 },
  store: { pairs: 20, warmUp: 5, asks: 10 },
}

const quiet = (): void => {}

function made(name: string): string {
  const place = join(folder, name)
  mkdirSync(place, { mode: 0o700 })
  return place
}

describe('the evidence section', () => {
  it('measures every part, on what guards write with', async () => {
    const print: Print = async (part, place) => {
      mkdirSync(place, { recursive: true, mode: 0o700 })
      return PARTS[part](place, plan)
    }
    const result = await runEvidence(made('all'), { plan, print }, quiet)
    const { append, write, verify, prove, queries, store, rivals } = result
    expect(append.costs.map(({ kind }) => kind)).toEqual([...KINDS])
    expect(append.rates.map(({ until }) => until)).toEqual(['kernel', 'disk'])
    expect(append.entries).toBe(3 * (64 + 128) + 2 * 128)
    expect(write.entries).toBe(300)
    expect(verify.entries).toBe(300)
    expect(verify.perCpuSecond).toBeGreaterThan(0)
    expect(prove.proofs).toBe(3)
    expect(prove.indexBytes).toBeGreaterThan(0)
    expect(queries.map(({ rows }) => rows)).toEqual([50, 1, 50, 0])
    expect(store.alone.pairs).toBe(20)
    expect(rivals.perSecond).toBeGreaterThan(0)
    const text = evidenceText(result)
    for (const part of ['intent with budgets', 'verify:', 'prove,', 'two processes'])
      expect(text).toContain(part)
    const ids = goals({ evidence: result }).map(({ id, measured }) => [id, measured !== undefined])
    expect(ids).toEqual(
      ['entry_intent', 'entry_outcome', 'durable_rate', 'verify_rate', 'prove', 'log_query'].map(
        (id) => [id, true],
      ),
    )
  })

  it('has no figure for a record that was altered', async () => {
    const place = made('altered')
    await writeRecord(place, plan.record)
    await expect(measureVerify(place)).resolves.toMatchObject({ entries: 300 })
    await measureQueries(place, plan.record)
    const [log = ''] = readdirSync(join(place, 'log'))
    const file = join(place, 'log', log, 'audit-0.jsonl')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('"took_ms":1.007', '"took_ms":1.008'))
    await expect(measureVerify(place)).rejects.toThrow('tampered')
    await expect(measureQueries(place, plan.record)).rejects.toThrow('altered')
  })

  it('has no figure for two processes that do not count each call', () => {
    const one = { pairs: 20, perSecond: 1, cpuUs: 1, p50Us: 1, p99Us: 1, slowestUs: 1 }
    const counts = (...counted: readonly number[]): unknown =>
      together(
        counted.map((each) => ({ ...one, counted: each })),
        plan.store,
      )
    expect(counts(40, 50)).toMatchObject({ perSecond: 2 })
    expect(() => counts(40, 49)).toThrow('49 of 50 calls')
  })

  it('says of what budgets and the disk add to a call that it was not measured', () => {
    const list = goals({ stdio: [], memory: [] }).filter(({ id }) => /budget|write/.test(id))
    expect(list.map(({ id, met }) => [id, met])).toEqual([
      ['stdio_added_p50_budget', undefined],
      ['stdio_added_p50_write', undefined],
      ['memory_flat_budget', undefined],
    ])
  })
})
