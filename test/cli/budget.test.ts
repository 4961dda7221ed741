/** `chaperone budget` and what `explain` says of budgets, over counters as the store would give them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { budgetCommand } from '../../src/cli/budget.ts'
import { explainCommand } from '../../src/cli/explain.ts'
import { main } from '../../src/cli/main.ts'
import { GuardError } from '../../src/model/error.ts'
import { instant } from '../../src/model/id.ts'
import type { BudgetState } from '../../src/model/state.ts'
import { type Desk, desk, fakeProbe, MANDATE, NOON, OFFERED, UPSTREAMS } from './desk.fake.ts'

const COUNTED = `${MANDATE.replace(/\n +approval: .*/, '\n    limit: 20 per hour')}
budgets:
  - { id: calls, limit: 200, per: day, timezone: Europe/Berlin, each: session }
  - { id: eur, of: [vendors/approve], amount: args.amount, scale: 2, limit: 20000.00, per: mandate }
`

let here: Desk
let counters: readonly BudgetState[] | undefined
beforeEach(() => {
  here = desk()
  here.write('m.yaml', COUNTED)
  here.write('mcp.json', UPSTREAMS)
  counters = [EUR]
})
afterEach(() => here.remove())

const EUR: BudgetState = {
  budget: 'budgets.eur',
  key: '["mandate","intake","eur"]',
  used: 1_500_000,
  limit: 2_000_000,
  scale: 2,
  from: instant(0),
}
const HOUR: BudgetState = {
  budget: 'tools.vendors/approve.limit',
  key: '["mandate","intake","tools.vendors/approve.limit"]',
  used: 20,
  limit: 20,
  from: NOON,
  until: instant(NOON + 3_600_000),
}
const task = (name: string, used: number): BudgetState => ({
  budget: 'budgets.calls',
  key: `["session","intake","buyer","${name}","calls"]`,
  used,
  limit: 200,
  from: instant(Date.parse('2026-11-23T23:00:00Z')),
  until: instant(Date.parse('2026-11-24T23:00:00Z')),
})

async function budget(argv: readonly string[], now = NOON) {
  const parts = { clock: { now: () => now }, counters: () => Promise.resolve(counters) }
  const load = () => Promise.resolve(budgetCommand(parts))
  const before = here.io.out().length
  const code = await main(['budget', ...argv], here.io, [{ name: 'budget', summary: '', load }])
  return { code, out: here.io.out().slice(before), err: here.io.err() }
}

describe('budget', () => {
  test('shows every counter that guards have made', async () => {
    counters = [EUR, HOUR]
    expect(await budget([])).toEqual({
      code: 0,
      err: '',
      out: `budgets.eur (mandate intake): 15000.00 of 20000.00 used, 5000.00 left
tools.vendors/approve.limit (mandate intake): 20 of 20 calls used, nothing left, begins anew in 1 h, at 2026-11-24T13:00:00.000Z
`,
    })
  })

  test('a window that is over has nothing used', async () => {
    counters = [HOUR]
    const { out } = await budget([], instant(NOON + 3_600_000))
    expect(out).toBe('tools.vendors/approve.limit (mandate intake): 0 of 20 calls used, 20 left\n')
  })

  test('where nothing was counted it says so', async () => {
    counters = undefined
    expect(await budget([])).toMatchObject({ code: 0, out: 'no budget has been counted\n' })
  })

  test('shows those of a mandate and its policies, also what nobody has used', async () => {
    here.write(
      'policies/p.yaml',
      `policy: acme
budgets:
  - { id: pay, effects: [write], limit: 10, per: hour, each: everyone }
  - { id: others, agents: [nobody], limit: 10, per: hour }
  - { id: watched, limit: 10, per: hour, mode: shadow }
`,
    )
    const other = { ...EUR, key: '["mandate","another","eur"]' }
    counters = [EUR, other, task('a', 7), task('b', 200)]
    expect((await budget(['--mandate', 'm.yaml'])).out).toBe(
      `budgets.calls (task a of buyer under intake): 7 of 200 calls used, 193 left, begins anew in 11 h, at 2026-11-24T23:00:00.000Z
budgets.calls (task b of buyer under intake): 200 of 200 calls used, nothing left, begins anew in 11 h, at 2026-11-24T23:00:00.000Z
budgets.eur (mandate intake): 15000.00 of 20000.00 used, 5000.00 left
tools.vendors/approve.limit (mandate intake): 0 of 20 calls used, 20 left, begins anew in 1 h, at 2026-11-24T13:00:00.000Z
acme#pay (everybody): 0 of 10 calls used, 10 left, begins anew in 1 h, at 2026-11-24T13:00:00.000Z
`,
    )
  })

  test('a limit that was lowered leaves nothing, and gives nothing back', async () => {
    here.write('m.yaml', COUNTED.replace('20000.00', '100.00'))
    const { out } = await budget(['--mandate', 'm.yaml', '--json'])
    const told = JSON.parse(out) as { budgets: readonly object[] }
    expect(told.budgets).toContainEqual({
      budget: 'budgets.eur',
      counts: 'mandate intake',
      used: '15000.00',
      limit: '100.00',
      left: '0.00',
      unit: 'amount',
    })
  })

  test('a mandate that does not load, and counters that cannot be read', async () => {
    here.write('m.yaml', COUNTED.replace('limit: 200', 'limit: 0'))
    expect(await budget(['--mandate', 'm.yaml'])).toMatchObject({ code: 1, out: '' })
    expect((await budget(['--mandate', 'm.yaml'])).err).toContain('m.yaml:')
    const broken = () => Promise.reject(new GuardError('ERR_STATE_UNUSABLE', 'it is damaged'))
    const command = budgetCommand({ clock: { now: () => NOON }, counters: broken })
    const row = { name: 'budget', summary: '', load: () => Promise.resolve(command) }
    expect(await main(['budget'], here.io, [row])).toBe(3)
    expect(await budget(['--nothing'])).toMatchObject({ code: 2 })
  })
})

describe('explain', () => {
  async function explain(amount: number, more: readonly string[] = []) {
    const { probe } = fakeProbe(OFFERED)
    const command = explainCommand({
      probe: () => Promise.resolve(probe),
      clock: { now: () => NOON },
      counters: () => Promise.resolve(counters),
    })
    const row = { name: 'explain', summary: '', load: () => Promise.resolve(command) }
    const args = JSON.stringify({ vendor_class: 'B', amount })
    const before = here.io.out().length
    const argv = ['explain', '--mandate', 'm.yaml', '--args', args, 'vendors/approve', ...more]
    const code = await main(argv, here.io, [row])
    return { code, out: here.io.out().slice(before) }
  }

  test('says what is used and left', async () => {
    const { code, out } = await explain(4999.99)
    expect(code).toBe(0)
    expect(out).toContain('`args.amount`, which is 4999.99, of 20000.00 in all, by the mandate')
    expect(out).toContain('read 15000.00 used, 5000.00 left')
    expect(out).toContain('it takes 1 of 20 calls an hour, by the mandate, read 0 used, 20 left')
  })

  test('a call that the store would refuse is denied, and it says until when', async () => {
    counters = [{ ...EUR, used: 1_500_001 }, HOUR]
    const { code, out } = await explain(5000)
    expect(code).toBe(1)
    expect(out).toContain(
      'denied: budget_exhausted by `budgets.eur`, `tools.vendors/approve.limit`',
    )
    expect(out).not.toContain('could be permitted')
    counters = [HOUR]
    expect((await explain(5000)).out).toContain(
      'could be permitted from 2026-11-24T13:00:00.000Z on',
    )
  })

  test('what is used now says nothing of another time', async () => {
    counters = [HOUR]
    expect((await explain(5, ['--at', '2026-11-24T12:00:00Z'])).code).toBe(0)
  })
})
