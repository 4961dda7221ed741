import { describe, expect, it } from 'vitest'
import { compare, NO_RESULT } from './compare.ts'
import { jsonText, text, type Comparison } from './report.ts'
import { GAVE_UP, type Check, type Mode } from './results.ts'

type Statuses = readonly Check['status'][]

/** Checks of one scenario: by id, how often it was made and what came of it each time. */
function made(statuses: Readonly<Record<string, Statuses>>): readonly Check[] {
  return Object.entries(statuses).flatMap(([id, list]) =>
    list.map((status) => ({ id, name: id, status, why: status === 'SUCCESS' ? '' : 'because' })),
  )
}

/** The ids of the checks that are worse guarded than directly. */
function worse(
  direct: Readonly<Record<string, Statuses>>,
  guarded: Readonly<Record<string, Statuses>>,
  mode: Mode = 'server',
): readonly string[] {
  const [row] = compare(mode, new Map([['one', made(direct)]]), new Map([['one', made(guarded)]]))
  return row?.differences.map(({ check }) => check) ?? []
}

describe('a check', () => {
  it('that passes in both legs, or fails in both, is no regression', () => {
    const same: Readonly<Record<string, Statuses>> = { a: ['SUCCESS'], b: ['FAILURE'], c: ['INFO'] }
    expect(worse(same, same)).toEqual([])
  })

  it.each<[string, Statuses]>([
    ['fails', ['FAILURE']],
    ['warns', ['WARNING']],
    ['is skipped', ['SKIPPED']],
    ['only informs', ['INFO']],
    ['is not made', []],
  ])('that passes directly and %s guarded is one', (_what, guarded) => {
    expect(worse({ a: ['SUCCESS'], b: ['SUCCESS'] }, { a: guarded, b: ['SUCCESS'] })).toEqual(['a'])
  })

  it('that fails only guarded is one, though it was not made directly', () => {
    expect(worse({ a: ['SUCCESS'] }, { a: ['SUCCESS'], trap: ['FAILURE'] })).toEqual(['trap'])
  })

  it('that was never a pass may go', () => {
    expect(worse({ a: ['INFO'], b: ['WARNING'], c: ['FAILURE'] }, {})).toEqual([])
  })

  it('that passes more often is none', () => {
    expect(worse({ a: ['FAILURE'] }, { a: ['SUCCESS', 'SUCCESS'] })).toEqual([])
  })

  it('is told from another of the same id by its name', () => {
    const first: Check = { id: 'a', name: 'one', status: 'SUCCESS', why: '' }
    const second: Check = { ...first, name: 'two' }
    const direct = new Map([['s', [first, second]]])
    const skipped: Check = { ...second, status: 'SKIPPED', why: 'left out' }
    const guarded = new Map([['s', [first, skipped]]])
    const [row] = compare('client', direct, guarded)
    expect(row?.differences).toMatchObject([{ check: 'a', name: 'two', why: 'left out' }])
  })

  it('is counted towards a server: one pass less is lost', () => {
    const twice: Readonly<Record<string, Statuses>> = { a: ['SUCCESS', 'SUCCESS'] }
    expect(worse(twice, { a: ['SUCCESS'] })).toEqual(['a'])
    expect(worse(twice, { a: ['SUCCESS', 'FAILURE'] })).toEqual(['a'])
  })

  it('is seen with each request of a client: it passes while it passes and never fails', () => {
    const thrice: Readonly<Record<string, Statuses>> = { a: ['SUCCESS', 'SUCCESS', 'SUCCESS'] }
    expect(worse(thrice, { a: ['SUCCESS'] }, 'client')).toEqual([])
    expect(worse(thrice, { a: ['SUCCESS', 'FAILURE'] }, 'client')).toEqual(['a'])
    expect(worse(thrice, { a: ['INFO'] }, 'client')).toEqual(['a'])
  })
})

describe('a scenario', () => {
  it('whose client gives up only behind the guard is a regression', () => {
    const well: Readonly<Record<string, Statuses>> = { a: ['SUCCESS'] }
    const badly: Readonly<Record<string, Statuses>> = { ...well, [GAVE_UP]: ['INFO'] }
    expect(worse(well, badly, 'client')).toEqual([GAVE_UP])
    expect(worse(badly, badly, 'client')).toEqual([])
    expect(worse(badly, well, 'client')).toEqual([])
  })

  it('without a result guarded is a regression, whatever it was directly', () => {
    const [row] = compare('server', new Map([['one', made({ a: ['SUCCESS'] })]]), new Map())
    expect(row?.differences.map(({ check }) => check)).toEqual([NO_RESULT])
  })

  it('that has a result only guarded is shown, and is none', () => {
    const rows = compare('server', new Map(), new Map([['one', made({ a: ['SUCCESS'] })]]))
    expect(rows).toMatchObject([{ direct: { passed: 0 }, guarded: { passed: 1 }, differences: [] }])
  })
})

describe('the report', () => {
  const direct = new Map([
    ['good', made({ a: ['SUCCESS', 'FAILURE', 'WARNING', 'INFO'] })],
    ['bad', made({ b: ['SUCCESS'], c: ['SUCCESS'] })],
  ])
  const guarded = new Map([
    ['good', made({ a: ['SUCCESS', 'FAILURE', 'WARNING', 'INFO'] })],
    ['bad', made({ b: ['FAILURE'], c: ['SUCCESS'] })],
  ])
  const comparison: Comparison = {
    revision: '2026-07-28',
    rows: compare('server', direct, guarded),
    unsteady: ['slow'],
    leftOut: [{ scenario: 'other', why: 'nobody can' }],
  }

  it('for machines has totals and regressions', () => {
    expect(JSON.parse(jsonText(comparison))).toMatchObject({
      requirements: '2026-07-28',
      direct: { passed: 3, failed: 1, warnings: 1 },
      guarded: { passed: 2, failed: 2, warnings: 1 },
      regressions: [{ mode: 'server', scenario: 'bad', checks: ['b'] }],
      unsteady: ['slow'],
      leftOut: [{ scenario: 'other', why: 'nobody can' }],
    })
  })

  it('for people names the check, what it was, what it is and why', () => {
    const said = text(comparison)
    expect(said).toContain('b: 1/0 directly, 0/1 guarded: because')
    expect(said).toMatch(/^bad\s+server\s+2\/0\s+1\/1\s+REGRESSION$/m)
    expect(said).toMatch(/^good\s+server\s+1\/1 \(1 warned\)\s+1\/1 \(1 warned\)$/m)
    expect(said).toContain('scenarios with regressions: 1')
    expect(said).toContain('slow: no regression only when it was run again by itself')
    expect(said).toContain('other: not run, nobody can')
  })

  it('says so where there is nothing to say', () => {
    const rows = comparison.rows.filter(({ differences }) => differences.length === 0)
    const fine = { ...comparison, rows }
    expect(text(fine)).toContain('no regression')
    expect(JSON.parse(jsonText(fine))).toMatchObject({ regressions: [] })
  })
})
