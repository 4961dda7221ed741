/** What docs/policy-tests.md shows is run, also against policies with mistakes in them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { type Desk, desk } from '../cli/desk.fake.ts'
import { blocks, page } from './markdown.ts'

const [policy = '', ...tests] = blocks(page('docs/policy-tests.md'), 'yaml')

let here: Desk
beforeAll(() => {
  here = desk()
})
afterAll(() => here.remove())

test('every example passes, and together they notice every mistake', async () => {
  expect(policy).toContain('policy: vendors')
  expect(tests).toHaveLength(2)
  here.write('policies/vendors.yaml', policy)
  for (const [at, text] of tests.entries()) here.write(`policies/${at}.test.yaml`, text)
  expect(await main(['test', '--mutate'], here.io), here.io.out()).toBe(0)
  expect(here.io.out()).toContain('coverage policies/0.test.yaml: rules 100%, outcomes 100%')
  expect(here.io.out()).toContain(' 0 not\n')
})
