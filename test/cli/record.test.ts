/** The record as the settings of a guard say. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openRecord, startFacts } from '../../src/cli/record.ts'
import { readSettings } from '../../src/config/settings.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { intent } from '../fakes/entry-body.ts'
import { openedEntries } from '../fakes/unseal.ts'

let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-record-'))
})
afterEach(() => rmSync(state, { recursive: true, force: true }))

test.each([
  [{}, undefined],
  [{ capture: 'none' }, undefined],
  [{ capture: 'arguments' }, { to: 'lee' }],
])(
  '%j: arguments are captured only where that was asked for, and the start says so',
  async (flags, args) => {
    const settings = readSettings({ ...flags, 'state-dir': state }, {}, '/')
    const { agent = '', assurance = 'mandate', mandate } = HEAD
    if (!mandate) throw new Error('the fake has a mandate')
    const { log, record } = openRecord(settings, { env: {} }, { agent, assurance, mandate })
    await log.append(intent({ args: { to: 'lee' } }))
    await log.close()
    expect(openedEntries(record)[0]?.['args']).toEqual(args)
    expect(startFacts(settings, [])['capture']).toBe(args && 'arguments')
  },
)
