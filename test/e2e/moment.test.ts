/** The exact-moment question, asked of a log that a real guard wrote in front of real servers, once everything else is gone. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { auditExplainCommand } from '../../src/cli/audit-explain.ts'
import { instant } from '../../src/model/id.ts'
import { fakeIo } from '../cli/io.fake.ts'
import { blocks, page } from '../docs/markdown.ts'
import { npmServer } from './folder.ts'
import { GuardPool } from './guard.ts'

const pool = new GuardPool()
const elsewhere = mkdtempSync(join(tmpdir(), 'chaperone-evidence-'))
afterAll(async () => {
  rmSync(elsewhere, { recursive: true, force: true })
  await pool.close()
})

const PAGE = page('docs/moment.md')
const [MANDATE = '', POLICY = ''] = blocks(PAGE, 'yaml')
const [EXAMPLE = ''] = blocks(PAGE, 'console')

/** A home of its own, and a clock a week later. */
async function ask(...argv: readonly string[]) {
  const io = fakeIo({ cwd: elsewhere, env: { HOME: elsewhere } })
  const command = auditExplainCommand({
    clock: { now: () => instant(Date.now() + 7 * 86_400_000) },
    provenance: () =>
      Promise.resolve({
        text: 'the first 15 records of `evidence` are what was signed',
        good: true,
      }),
  })
  const exit = await command.run(['--log', 'evidence', ...argv], io)
  return { exit, out: io.out(), err: io.err() }
}

/** What is another one each time is shown in the page as it once was. */
function masked(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<hash>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/^log [^:]+:/gm, 'log <log>:')
    .replaceAll(/^settings .*$/gm, 'settings <settings>')
    .replaceAll(/^(task +)[^:]+:/gm, '$1<task>:')
    .replaceAll(/entry \d+ of [^)]+/g, 'entry <n> of <log>')
    .replaceAll(/entry \d+/g, 'entry <n>')
    .replaceAll(/chaperone [\w.-]+ on Node [\d.]+/g, 'chaperone <version> on Node <version>')
}

test('a log alone says who approved the agent, its state, and what it was allowed to do', async () => {
  const folder = pool.folder((path) => {
    mkdirSync(join(path, 'data'))
    mkdirSync(join(path, 'policies'))
    writeFileSync(join(path, 'data', 'a.txt'), 'hello')
    writeFileSync(join(path, 'policies', 'acme.yaml'), POLICY)
    return {
      mandate: MANDATE,
      upstreams: {
        files: npmServer('filesystem', join(path, 'data')),
        memory: {
          ...npmServer('memory'),
          env: { MEMORY_FILE_PATH: join(path, 'data', 'memory.jsonl') },
        },
      },
    }
  })
  const guard = pool.launch(folder)
  await guard.open()
  await guard.request('tools/list')
  await guard.call('files__read_text_file', { path: folder.file('data/a.txt') })
  const outcome = await guard.entry((entry) => entry.type === 'outcome')
  const { ts, call } = outcome as unknown as { readonly ts: string; readonly call: string }
  expect((await guard.close()).code).toBe(0)
  const [name = ''] = readdirSync(join(folder.state, 'log'))
  cpSync(join(folder.state, 'log', name), join(elsewhere, 'evidence'), { recursive: true })
  // State, mandate, policies, servers' data: all of it.
  for (const one of readdirSync(folder.path)) rmSync(folder.file(one), { recursive: true })

  const moment = await ask('--agent', 'agent-1', '--at', ts)
  const [, ...shown] = EXAMPLE.split('\n')
  expect(masked(moment.out)).toBe(masked(shown.join('\n')))
  expect([moment.exit, moment.err]).toEqual([0, ''])

  const all = await ask('--agent', 'agent-1', '--at', ts, '--all')
  expect(all.out).toContain('memory/delete_entities  `never` names it (`memory/delete_*`)')
  expect(all.out).toContain('files/write_file  no grant names it')

  const decision = await ask('--decision', call)
  expect(decision.exit).toBe(0)
  expect(decision.out).toContain('by lee@acme.example at 2026-11-20T09:00:00.000Z')
  expect(decision.out).toContain('decided again: the same\n')
  expect(decision.out).toContain('outcome: forwarded, complete at')

  const later = await ask('--agent', 'agent-1', '--at', '1s')
  expect([later.exit, later.out]).toEqual([0, expect.stringContaining('it was allowed nothing')])
})
