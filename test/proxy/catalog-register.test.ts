import { afterEach, describe, expect, test } from 'vitest'
import { CatalogRegister } from '../../src/proxy/catalog-register.ts'
import { Pins } from '../../src/proxy/pins.ts'
import { digestOf } from '../../src/model/digest.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { mandateWith } from '../fakes/kept-record.ts'
import { memoryGuard, type MemoryGuard } from '../fakes/guard.ts'
import { memoryLog } from '../fakes/audit-log.ts'
import { legacyUpstream } from '../fakes/upstream.ts'

const MANDATE = `mandate: m
agent: bot
purpose: { text: Test }
valid: { until: 2027-01-01T00:00:00Z }
tools: { files/read_*: { effect: read } }
`
const READ = { name: 'read_file', inputSchema: { type: 'object' } }
const WRITE = { name: 'write_file', inputSchema: { type: 'object' } }

interface Upstream {
  readonly server: string
  readonly definitions: string
  readonly tools: readonly { readonly name: string; readonly s256: string }[]
}

let guard: MemoryGuard
afterEach(() => guard.hangUp())

async function guarded(tools: readonly object[] | (() => readonly object[]), breaks = false) {
  const log = memoryLog()
  const objects = new Map<string, string>()
  const upstream = legacyUpstream(tools)
  guard = memoryGuard(
    mandateWith(MANDATE),
    { files: upstream },
    {
      log: {
        append: (body) => log.append(body),
        keep: (name, text) => {
          if (breaks && text().includes('"upstreams"')) throw new Error('disk full')
          objects.set(name, text())
        },
        close: () => log.close(),
      },
    },
  )
  await guard.open()
  const listed = (): readonly unknown[] =>
    log.entries.flatMap((entry) => (entry['event'] === 'catalog_listed' ? [entry['facts']] : []))
  /** What is kept of the only upstream. */
  const catalog = (facts: unknown): Upstream => {
    const { s256 = '' } = facts as { readonly s256?: string }
    const kept = JSON.parse(objects.get(s256) ?? '') as { readonly upstreams: readonly Upstream[] }
    const [upstream] = kept.upstreams
    if (!upstream) throw new Error('no upstream is in the catalog')
    return upstream
  }
  return { log, objects, upstream, listed, catalog }
}

describe('the catalog on record', () => {
  test('names every tool, also what no grant names, and keeps its definitions', async () => {
    const { objects, listed, catalog } = await guarded([READ, WRITE])
    await guard.ask('tools/list')
    expect(listed()).toMatchObject([{ tools: 2, prompts: 0, templates: 0, resources: 0 }])
    const upstream = catalog(listed()[0])
    expect(upstream).toMatchObject({
      server: 'files',
      tools: [
        { name: 'read_file', state: 'pinned' },
        { name: 'write_file', state: 'pinned' },
      ],
    })
    const lines = (objects.get(upstream.definitions) ?? '').trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([READ, WRITE])
    expect(lines.map(digestOf)).toEqual(upstream.tools.map(({ s256 }) => s256))
  })

  test('comes before the first intent, where nobody asked for a list', async () => {
    const { log } = await guarded([READ])
    await guard.ask('tools/call', { name: 'read_file', arguments: {} })
    const told = log.entries.map((entry) => entry['event'] ?? entry.type)
    expect(told.indexOf('catalog_listed')).toBeGreaterThanOrEqual(0)
    expect(told.indexOf('catalog_listed')).toBeLessThan(told.indexOf('intent'))
  })

  test('is written once while it stays the same, and again when it is another', async () => {
    let tools = [READ]
    const { upstream, listed, catalog } = await guarded(() => tools)
    await guard.ask('tools/list')
    await guard.ask('tools/list')
    await guard.ask('tools/call', { name: 'read_file', arguments: {} })
    expect(listed()).toHaveLength(1)
    tools = [{ ...READ, inputSchema: { type: 'object', properties: { to: {} } } } as typeof READ]
    upstream.lives[0]?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await guard.hears(({ method }) => method === 'notifications/tools/list_changed')
    await guard.ask('tools/list')
    expect(listed()).toHaveLength(2)
    expect(catalog(listed()[1]).tools).toMatchObject([{ name: 'read_file', state: 'changed' }])
  })

  test('that cannot be kept is said to be so', async () => {
    const { listed } = await guarded([READ], true)
    await guard.ask('tools/list')
    expect(listed()).toEqual([{ unkept: true }])
    expect(guard.complaints).toContain('the catalog could not be kept')
  })
})

test('an upstream that lists other things for ever fills no disk', async () => {
  await guarded([])
  const told: JsonObject[] = []
  let kept = 0
  const register = new CatalogRegister({
    log: { keep: (_, text) => void (kept += text().length) },
    record: (_, facts) => void told.push(facts),
    operational: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    pins: new Pins(),
    mostKept: 40_000,
  })
  const many = Array.from({ length: 100 }, (_, index) => `file:///${index}`)
  for (let round = 0; round < 5; round += 1) {
    const items = many.map((uri) => ({
      value: { uri: `${uri}/${round}` },
      exact: {},
      definition: digestOf(uri),
    }))
    register.resources('files', { items, strange: 0, digest: digestOf(String(round)) })
    register.write(String(round), { shelves: [fakeShelf], lostTo: () => undefined })
  }
  expect(told.filter((facts) => facts['unkept'] === true)).toHaveLength(1)
  expect(told.at(-1)).toMatchObject({ unkept: true })
  expect(kept).toBeGreaterThan(0)
  expect(kept).toBeLessThanOrEqual(40_000)
})

function ignore(): void {
  return undefined
}

const fakeShelf = {
  link: { server: 'files' },
  known: { tool: new Map(), prompt: new Map(), template: new Map() },
} as unknown as Parameters<CatalogRegister['write']>[1]['shelves'][number]
