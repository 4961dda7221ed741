import { describe, expect, it } from 'vitest'
import { lookAt, type Leg, type Wanted } from './looks.ts'
import type { Check, Results } from './results.ts'

function results(passed: Readonly<Record<string, boolean>>): Results {
  return new Map(
    Object.entries(passed).map(([scenario, ok]): [string, readonly Check[]] => [
      scenario,
      [{ id: 'check', name: 'A check', status: ok ? 'SUCCESS' : 'FAILURE', why: '' }],
    ]),
  )
}

function wanted(more: Partial<Wanted> = {}): Wanted {
  const requirements = { scenarios: ['a', 'b', 'c'], required: new Set(['a', 'b']) }
  return { mode: 'server', requirements, only: [], leftOut: new Map(), ...more }
}

const WELL = results({ a: true, b: true, c: false })

/** Gives the results in the order of the legs that are run, and notes what was asked for. */
function running(...given: readonly Results[]): {
  readonly run: (leg: Leg, only: readonly string[]) => Promise<Results>
  readonly asked: string[]
} {
  const left = [...given]
  const asked: string[] = []
  return {
    asked,
    run: (leg, only) => {
      asked.push(`${leg}:${only.join('+')}`)
      return Promise.resolve(left.shift() ?? new Map())
    },
  }
}

function differing(rows: Awaited<ReturnType<typeof lookAt>>['rows']): readonly string[] {
  return rows.filter((row) => row.differences.length > 0).map(({ scenario }) => scenario)
}

describe('both legs', () => {
  it('are run once where nothing differs', async () => {
    const { run, asked } = running(WELL, WELL)
    const { rows, unsteady } = await lookAt(wanted(), run)
    expect(differing(rows)).toEqual([])
    expect(unsteady).toEqual([])
    expect(asked).toEqual(['direct:', 'guarded:'])
  })

  it('are run again for what differs, which is a regression when it differs again', async () => {
    const bad = results({ a: false })
    const { run, asked } = running(WELL, results({ a: false, b: true, c: false }), WELL, bad)
    const { rows, unsteady } = await lookAt(wanted(), run)
    expect(differing(rows)).toContain('a')
    expect(unsteady).toEqual([])
    expect(asked).toEqual(['direct:', 'guarded:', 'direct:a', 'guarded:a'])
  })

  it('name what differed only once', async () => {
    const one = results({ a: true })
    const { run } = running(WELL, results({ a: false, b: true, c: false }), one, one)
    const { rows, unsteady } = await lookAt(wanted(), run)
    expect(differing(rows)).toEqual([])
    expect(rows.map(({ scenario }) => scenario)).toEqual(['a', 'b', 'c'])
    expect(unsteady).toEqual(['a'])
  })

  it('are not run again where much differs', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const all = (ok: boolean): Results =>
      results(Object.fromEntries(names.map((name) => [name, ok])))
    const { run, asked } = running(all(true), all(false))
    const { rows } = await lookAt(wanted(), run)
    expect(differing(rows)).toEqual(names)
    expect(asked).toHaveLength(2)
  })

  it('leave out what is not compared', async () => {
    const { run } = running(WELL, results({ a: true, b: false }))
    const { rows } = await lookAt(wanted({ leftOut: new Map([['b', 'a reason']]) }), run)
    expect(rows.map(({ scenario }) => scenario)).toEqual(['a', 'c'])
    expect(differing(rows)).toEqual(['c'])
  })
})

describe('without the guard', () => {
  it('a required scenario must pass', async () => {
    const bad = results({ a: true, b: false, c: true })
    const again = results({ b: false })
    const { run } = running(bad, bad, again, again)
    await expect(lookAt(wanted(), run)).rejects.toThrow('it fails: b')
  })

  it('a required scenario must have been run', async () => {
    const { run } = running(results({ a: true }), results({ a: true }))
    await expect(lookAt(wanted(), run)).rejects.toThrow('it fails: b')
  })

  it('one that is not asked for need not', async () => {
    const { run } = running(results({ a: true }), results({ a: true }))
    const { rows } = await lookAt(wanted({ only: ['a'] }), run)
    expect(differing(rows)).toEqual([])
  })

  it('one that passes at the second look is unsteady', async () => {
    const one = results({ b: true })
    const { run } = running(results({ a: true, b: false }), WELL, one, one)
    const { unsteady } = await lookAt(wanted(), run)
    expect(unsteady).toEqual(['b'])
  })
})
