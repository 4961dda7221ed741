import { expect, test } from 'vitest'
import { asLocked } from '../../src/mandate/locked.ts'
import { lockOf } from '../fakes/lock.ts'
import { compiled } from './written.ts'

const LOCK = lockOf({
  files: {
    tools: [{ name: 'read_file' }, { name: 'write_file' }, { name: 'stat' }],
    effects: { read_file: 'read', write_file: 'write' },
  },
})

function effects(grants: string): readonly (string | undefined)[] {
  const { mandate } = compiled(`tools: { ${grants} }`)
  return asLocked(mandate, LOCK).grants.map(({ effect }) => effect)
}

test('a grant is as strict as the tools that it names, and never milder than it says', () => {
  expect(effects('files/write_file: { effect: read }')).toEqual(['write'])
  expect(effects('files/read_file: { effect: delete }')).toEqual(['delete'])
  expect(effects('"files/*": { effect: read }')).toEqual(['write'])
  expect(effects('"files/read_*": { effect: read }')).toEqual(['read'])
})

test('without an effect of its own it takes that of the one tool that it names', () => {
  expect(effects('files/read_file: {}')).toEqual(['read'])
  expect(effects('files/stat: {}')).toEqual([undefined])
  expect(effects('"files/read_*": {}')).toEqual([undefined])
})

test('other grants stay as they are', () => {
  const { mandate } = compiled(
    'prompts: { files/write_file: {} }\nresources: { "files/x://**": {} }',
  )
  expect(asLocked(mandate, LOCK).grants).toEqual(mandate.grants)
})
