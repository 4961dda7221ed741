/**
 * Kill -9 at random points of many calls: what the log, the budget and the upstream then say of each other, and what the
 * next guard makes of it. `CHAPERONE_CRASHES` and `CHAPERONE_SEED` ask for more, or for other points.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type Folder, puppet, received, ROOT, type Setup, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const CRASHES = Number(process.env['CHAPERONE_CRASHES'] ?? 12)
const CALLS = 200
/** How many are under way at once. */
const WIDTHS = [1, 16, 100, CALLS]
/** Guards that follow each other in one folder. */
const CHAPTER = 20
const LIMIT = 1_000_000

function setup(path: string): Setup {
  // Small files, so that some guards are killed where one follows the other.
  writeFileSync(join(path, 'chaperone.yaml'), 'audit: { rotate: 1MiB }\n')
  return {
    args: ['--settings', join(path, 'chaperone.yaml')],
    mandate: {
      tools: { 'p/say': { effect: 'write' }, 'p/look': { effect: 'read' } },
      budgets: [{ id: 'all', limit: LIMIT, per: 'mandate' }],
    },
    upstreams: {
      p: puppet(path, 'p', {
        results: { 'tools/list': toolsNamed('say', 'look'), 'tools/call': '{"content":[]}' },
      }),
    },
  }
}

/** Small, seeded, and good enough to choose points (xorshift32). */
function random(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** W3C Trace Context: names each call in what the upstream received and in the record. */
function traceOf(n: number): string {
  return `00-${(n + 1).toString(16).padStart(32, '0')}-${'1'.padStart(16, '0')}-01`
}

/**
 * Keeps some calls under way, one for each that is answered, and kills the guard when so many were, or a little later:
 * between two answers there is much to be interrupted. Returns how many were sent.
 */
async function crash(guard: GuardProcess, first: number, next: () => number): Promise<number> {
  const after = Math.floor(next() * CALLS)
  const wide = WIDTHS[Math.floor(next() * WIDTHS.length)] ?? CALLS
  await guard.open()
  await guard.request('tools/list')
  const before = guard.frames.length
  let sent = 0
  for (let answers = 0; ; answers += 1) {
    while (sent < answers + wide) {
      send(guard, first + sent)
      sent += 1
    }
    if (answers >= after) break
    await guard.frame(() => guard.frames.length > before + answers, 'an answer')
  }
  for (let turns = next() * 100; turns > 0; turns -= 1) await new Promise(setImmediate)
  guard.child.kill('SIGKILL')
  await guard.exited
  return sent
}

function send(guard: GuardProcess, n: number): void {
  const name = n % 3 === 0 ? 'look' : 'say'
  const params = { name, arguments: {}, _meta: { traceparent: traceOf(n) } }
  guard.send({ jsonrpc: '2.0', id: `c${n}`, method: 'tools/call', params })
}

interface Intent {
  readonly type: string
  readonly request: { readonly traceparent?: string }
}

/** Of whole lines alone: the last of a file may be torn. */
function intents(folder: Folder): readonly string[] {
  return linesOf(folder).flatMap((line) => {
    const { type, request } = JSON.parse(line) as Intent
    return type === 'intent' ? [request.traceparent ?? 'no trace'] : []
  })
}

function linesOf(folder: Folder): readonly string[] {
  return folder.recordText().split('\n').slice(0, -1)
}

function arrived(folder: Folder): readonly string[] {
  return received(folder.path, 'p').flatMap(({ message: { method, params } }) => {
    const meta = params?.['_meta'] as { readonly traceparent?: string } | undefined
    return method === 'tools/call' ? [meta?.traceparent ?? 'no trace'] : []
  })
}

function filesOf(folder: Folder, end: string): readonly string[] {
  const log = join(folder.state, 'log')
  if (!existsSync(log)) return []
  const names = readdirSync(log, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith(end))
}

function chaperone(folder: Folder, ...args: readonly string[]): ReturnType<typeof spawnSync> {
  const bin = join(ROOT, 'src/bin/chaperone.ts')
  return spawnSync(process.execPath, [bin, ...args, '--state-dir', folder.state], {
    encoding: 'utf8',
  })
}

/** What came of a number of kills, summed up for whoever asked for many. */
interface Toll {
  kills: number
  sent: number
  intents: number
  arrived: number
  torn: number
  files: number
}

async function chapter(rounds: number, next: () => number, toll: Toll): Promise<void> {
  const folder = pool.folder(setup)
  let sent = 0
  for (let round = 0; round < rounds; round += 1) {
    const before = filesOf(folder, '.torn').length
    sent += await crash(pool.launch(folder), sent, next)
    const known = new Set(intents(folder))
    expect(arrived(folder).filter((trace) => !known.has(trace))).toEqual([])
    expect(filesOf(folder, '.torn').length - before).toBeLessThanOrEqual(1)
  }
  // The next guard settles what the dead ones held: every call that has an intent counts, and no other does.
  const last = pool.launch(folder)
  await last.open()
  await last.request('tools/list')
  const budget = JSON.parse(String(chaperone(folder, 'budget', '--json').stdout)) as {
    readonly budgets: readonly { readonly used: string }[]
  }
  const [recorded, reached] = [intents(folder), arrived(folder)]
  expect(budget.budgets.map(({ used }) => Number(used))).toEqual([recorded.length])
  expect(new Set(recorded).size).toBe(recorded.length)
  expect(new Set(reached).size).toBe(reached.length)
  expect(reached.length).toBeGreaterThan(0)
  expect((await last.close()).code).toBe(0)
  const verified = chaperone(folder, 'audit', 'verify', '--json')
  expect(verified.status, String(verified.stdout)).toBe(0)
  toll.kills += rounds
  toll.sent += sent
  toll.intents += recorded.length
  toll.arrived += reached.length
  toll.torn += filesOf(folder, '.torn').length
  toll.files += filesOf(folder, '.jsonl').length
  await pool.close()
}

describe('G40: kill -9 while calls run', () => {
  test(`G40: at ${CRASHES} points: nothing arrived without an intent, and every count is right`, async () => {
    const next = random(Number(process.env['CHAPERONE_SEED'] ?? 20_261_128))
    const toll: Toll = { kills: 0, sent: 0, intents: 0, arrived: 0, torn: 0, files: 0 }
    for (let done = 0; done < CRASHES; done += CHAPTER)
      await chapter(Math.min(CHAPTER, CRASHES - done), next, toll)
    process.stderr.write(`${JSON.stringify(toll)}\n`)
    expect(toll.kills).toBe(CRASHES)
  }, 1_800_000)
})
