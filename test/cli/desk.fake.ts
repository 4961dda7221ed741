/** A folder with a mandate and an mcp.json, and upstreams that exist only as what they offer. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Probe, Probed } from '../../src/cli/probe.ts'
import { digestOf } from '../../src/model/digest.ts'
import { type Instant, instant } from '../../src/model/id.ts'
import { canonical, type JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import { type FakeIo, fakeIo } from './io.fake.ts'

export interface Desk {
  readonly folder: string
  readonly io: FakeIo
  write(name: string, text: string): string
  remove(): void
}

/** Home, state and working folder are all below one new folder: nothing of this machine is looked at. */
export function desk(env: Record<string, string> = {}): Desk {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-desk-'))
  const home = join(folder, 'home')
  const project = join(folder, 'project')
  mkdirSync(project)
  const io = fakeIo({
    cwd: project,
    env: { HOME: home, USERPROFILE: home, CHAPERONE_STATE_DIR: join(folder, 'state'), ...env },
  })
  return {
    folder,
    io,
    write: (name, text) => {
      const path = join(project, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
      return path
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export const NOON: Instant = instant(Date.parse('2026-11-24T12:00:00Z'))

export const MANDATE = `mandate: intake
agent: buyer
purpose: Approve class B vendors
environment: [dev, prod]
valid: { from: 2026-11-20T00:00:00Z, until: 2026-12-31T18:00:00Z }
tools:
  vendors/search_*: { effect: read }
  vendors/approve:
    effect: write
    args:
      vendor_class: { one_of: [B] }
      amount: { range: { min: 0, max: 5000 } }
    approval: { from: [lee@acme.example], expires: 15m }
resources:
  "vendors/file:///srv/catalog/**": { effect: read }
prompts:
  vendors/brief: {}
never: [vendors/delete_*]
`

export const UPSTREAMS: string = JSON.stringify({
  mcpServers: { vendors: { command: 'vendor-server' }, mail: { command: 'mail-server' } },
})

export function tool(server: string, name: string, properties: JsonObject = {}): ToolDefinition {
  const raw = { name, inputSchema: { type: 'object', properties } }
  return { server, name, raw, definition: digestOf(canonical(raw)) }
}

/** What upstreams offer: the definitions are those of the tools, and prompts that say no more than their names. */
export type Offering = Omit<Probed, 'definitions'> & Partial<Pick<Probed, 'definitions'>>

export const OFFERED: Offering = {
  tools: [
    tool('vendors', 'search_by_name'),
    tool('vendors', 'approve', { vendor_class: {}, amount: { type: 'number' } }),
    tool('vendors', 'delete_all'),
    tool('mail', 'send'),
  ],
  prompts: [{ server: 'vendors', name: 'brief' }],
  failed: [],
}

/** A probe that notes which servers were started. */
export function fakeProbe(offered: Offering): {
  readonly probe: Probe
  readonly started: string[]
} {
  const started: string[] = []
  const definitions = offered.definitions ?? definitionsOf(offered)
  const probe: Probe = ({ upstreams }) => {
    const names = upstreams.map(({ server }) => server)
    started.push(...names)
    const own = <T extends { readonly server: string }>(list: readonly T[]): readonly T[] =>
      list.filter((one) => names.includes(one.server))
    return Promise.resolve({
      tools: own(offered.tools),
      prompts: own(offered.prompts),
      definitions: own(definitions),
      failed: own(offered.failed),
    })
  }
  return { probe, started }
}

function definitionsOf({ tools, prompts }: Offering): Probed['definitions'] {
  const ofTools = tools.map(({ server, name, raw, definition }) => ({
    server,
    kind: 'tool' as const,
    name,
    digest: definition,
    value: raw,
  }))
  const ofPrompts = prompts.map(({ server, name }) => ({
    server,
    kind: 'prompt' as const,
    name,
    digest: digestOf(canonical({ name })),
    value: { name },
  }))
  return [...ofTools, ...ofPrompts]
}
