/** Fifty seeded secrets in every place where a call can have one: in no file of the log, opened or not (attack G34). */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLog } from '../../src/audit/log.ts'
import type { EntryBody } from '../../src/model/record.ts'
import { refusal } from '../../src/model/verdict.ts'
import { seededSecrets } from '../e2e/secret-shapes.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { call, event, intent, permit, refused, REQUEST } from '../fakes/entry-body.ts'
import { openedEntries } from '../fakes/unseal.ts'

/** Where a shape tells by itself what it is, and where the name of the field has to. */
function bodies(value: string, telling: boolean): readonly EntryBody[] {
  const named = {
    password: value,
    auth: { apiKey: value },
    headers: [{ name: 'Authorization', value }],
  }
  const shaped = {
    note: value,
    nested: [{ text: `use ${value} now` }],
    hashed: value,
    shown: value,
    [value]: 1,
  }
  const values = telling ? { ...named, ...shaped } : named
  const text = telling ? `it said ${value}` : 'it said nothing'
  const uri = `file:///x?${telling ? value : 'y'}`
  return [
    intent({ args: values, facts: values }),
    { ...intent({ args: values, facts: values }), input: values } as EntryBody,
    {
      type: 'refusal',
      at: call().at,
      request: REQUEST,
      refusal: {
        ...refusal('decide', 'outside_mandate', text),
        decision: { ...permit(values), effect: 'deny', reason: 'outside_mandate' },
      },
      call: call(values),
    },
    refused(text, { era: 'modern', method: 'resources/read', server: 'vendors', name: uri }),
    event({ ...values, why: text }),
  ]
}

test('no secret is anywhere in the folder of a log, in clear or in what it sealed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chaperone-secrets-'))
  try {
    const fields = new Map([
      [
        '*',
        new Map([
          ['hashed', 'hash'],
          ['shown', 'clear'],
        ] as const),
      ],
    ])
    const log = openLog({ dir, head: HEAD, capture: true, fields })
    const secrets = seededSecrets(6)
    expect(secrets.length).toBeGreaterThanOrEqual(50)
    for (const { value, telling } of secrets)
      for (const body of bodies(value, telling)) await log.append(body)
    await log.close()
    const opened = openedEntries(dir)
    expect(opened).toHaveLength(5 * secrets.length)
    expect(opened.filter((entry) => entry['args'] !== undefined).length).toBeGreaterThan(100)
    const files = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    const all = [JSON.stringify(opened), ...files].join('\n')
    for (const { shape, value } of secrets) {
      for (const form of [
        value,
        JSON.stringify(value).slice(1, -1),
        Buffer.from(value).toString('base64'),
      ])
        expect(all.includes(form), shape).toBe(false)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
