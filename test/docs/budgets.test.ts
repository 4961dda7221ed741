/** The page about budgets: its examples load, and take what it says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { guarded } from '../../src/policy/guarded.ts'
import { call, compiled, tool } from '../mandate/written.ts'
import { policies } from '../policy/written.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'budgets.md'), 'utf8')

function example(kind: string): string {
  const found = new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\`$`, 'm').exec(PAGE)?.[1]
  if (found === undefined) throw new Error(kind)
  return found
}

test('the mandate and the policy of the page count a call together', () => {
  const set = policies(example('yaml policy'))
  const mandate = guarded(compiled(example('yaml')), set, 'prod')
  const decision = mandate.tool(tool('vendors', 'approve')).decide(call({ amount: 120.5 }))
  expect(decision.effect === 'permit' && decision.debits).toMatchObject([
    { budget: 'budgets.calls', amount: 1, limit: 200 },
    { budget: 'budgets.eur', amount: 12_050, limit: 2_000_000 },
    { budget: 'tools.vendors/approve.limit', amount: 1, limit: 20 },
    { budget: 'acme-spending#payments', amount: 1, limit: 50 },
  ])
})

test('every member and every share has its row', () => {
  for (const word of ['id', 'limit', 'per', 'of', 'amount', 'scale', 'each', 'timezone'])
    expect(PAGE).toContain(`| \`${word}\` |`)
  for (const word of ['mandate', 'session', 'agent', 'principal', 'everyone'])
    expect(PAGE).toContain(`| \`${word}\` |`)
})
