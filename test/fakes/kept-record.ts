/** A record that a guard made: on a real disk, with everything that its decisions were made by kept beside it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLog } from '../../src/audit/log.ts'
import { readText } from '../../src/document/read.ts'
import type { GuardOptions } from '../../src/guard.ts'
import { compileMandate } from '../../src/mandate/compile.ts'
import { parseMandate } from '../../src/mandate/parse.ts'
import type { CompiledMandate } from '../../src/model/authority.ts'
import { digestOf } from '../../src/model/digest.ts'
import { problemText, Problems } from '../../src/model/document.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { EventName } from '../../src/model/record.ts'
import type { CompiledPolicies } from '../../src/policy/compile.ts'
import { liveMandate } from '../../src/policy/live.ts'
import { loadPolicies } from '../../src/policy/load.ts'
import { mandateFacts } from '../../src/cli/record.ts'
import { revisionManifest, revisionOf } from '../../src/policy/revision.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import { type MemoryGuard, memoryGuard } from './guard.ts'
import { legacyUpstream } from './upstream.ts'

export type Files = Readonly<Record<string, string>>

export interface KeptRecord {
  readonly state: string
  /** The folder of the one log. */
  readonly log: string
  readonly guard: MemoryGuard
  readonly clock: FakeClock
  /** What reached upstreams. */
  readonly called: () => readonly string[]
  /** Calls a tool as the agent; resolves with the call's id on record. */
  readonly call: (tool: string, args?: object) => Promise<string>
  /** Puts another policy set in force. */
  readonly swap: (policies: Files) => void
  /** Puts an event on record. */
  readonly note: (event: EventName, facts: JsonObject) => Promise<void>
  readonly close: () => Promise<void>
  readonly remove: () => void
}

export interface KeptOptions {
  readonly mandate: string
  /** By the name of the role. */
  readonly roles?: Files
  readonly policies?: Files
  /** By server. */
  readonly tools: Readonly<Record<string, readonly object[]>>
  readonly guard?: Partial<GuardOptions>
  /** Another log of the same state folder. */
  readonly beside?: KeptRecord
  readonly name?: string
  /** Whole arguments are captured. */
  readonly capture?: 'arguments'
}

/** A mandate with its roles, as they are read from files beside it. */
export function mandateWith(text: string, roles: Files = {}): CompiledMandate {
  const problems = new Problems()
  const file = 'm.yaml'
  const { node } = readText(text, file)
  const mandate =
    node &&
    parseMandate(
      { node, file, digest: digestOf(text) },
      (path) => {
        const name = /roles\/(.*)\.yaml$/.exec(path)?.[1] ?? ''
        const role = path.startsWith('policies/') ? roles[name] : undefined
        if (role === undefined)
          return { problems: [{ id: 'no_such_file', level: 'error', message: 'none' }] }
        return { digest: digestOf(role), ...readText(role, path) }
      },
      problems,
    )
  const compiled = mandate && compileMandate(mandate, problems)
  if (!compiled || problems.bad) throw new Error(problems.list.map(problemText).join('\n'))
  return compiled
}

/** A policy set from its texts; problems fail the test. */
export function policiesOf(files: Files): {
  readonly policies: CompiledPolicies
  readonly manifest: string
} {
  const parts = Object.entries(files).map(([relative, text]) => ({
    relative,
    digest: digestOf(text),
  }))
  const texts = Object.entries(files).map(([file, text]) => ({ file, text }))
  const { policies, problems } = loadPolicies(texts, [], revisionOf(parts))
  if (!policies) throw new Error(problems.map(problemText).join('\n'))
  return { policies, manifest: revisionManifest(parts) }
}

export async function keptRecord(options: KeptOptions): Promise<KeptRecord> {
  const { mandate: text, roles = {}, policies: files, tools, name = 'i' } = options
  const state = options.beside?.state ?? mkdtempSync(join(tmpdir(), 'chaperone-kept-'))
  const dir = join(state, 'log', name)
  const mandate = mandateWith(text, roles)
  const { agent, digest } = mandate.mandate
  const acting = { name: mandate.mandate.name, digest, signed: false }
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const log = openLog({
    dir,
    clock,
    ...(options.capture && { capture: true }),
    head: { log: name, agent, assurance: 'launch_line', mandate: acting },
  })
  const keep = (document: string): void => void log.putObject(Buffer.from(document))
  for (const document of [text, ...Object.values(roles)]) keep(document)
  const load = (set: Files): CompiledPolicies => {
    const { policies, manifest } = policiesOf(set)
    for (const document of [...Object.values(set), manifest]) keep(document)
    const said = { s256: policies.revision }
    void log.append({ type: 'event', at: clock.now(), event: 'policies_loaded', facts: said })
    return policies
  }
  const live = files && liveMandate(mandate, load(files), options.guard?.environment ?? 'dev')
  const upstreams = Object.fromEntries(
    Object.entries(tools).map(([server, list]) => [server, legacyUpstream(list)]),
  )
  const facts = mandateFacts(mandate.mandate)
  await log.append({ type: 'event', at: clock.now(), event: 'mandate_loaded', facts })
  const guard = memoryGuard(live ?? mandate, upstreams, {
    principal: { agent, assurance: 'launch_line' },
    instance: name,
    clock,
    timers: clock,
    log: {
      append: (body) => log.append(body),
      keep: (hash, source) => log.keep?.(hash, source),
      close: () => log.close(),
    },
    ...options.guard,
  })
  await guard.open()
  const several = Object.keys(tools).length > 1
  let calls = 0
  return {
    state,
    log: dir,
    guard,
    clock,
    called: () =>
      Object.entries(upstreams).flatMap(([server, upstream]) =>
        upstream
          .calls('tools/call')
          .map(({ params }) => `${server}/${JSON.stringify(params?.['name'])}`.replaceAll('"', '')),
      ),
    call: async (tool, args = {}) => {
      calls += 1
      const shownAs = several ? tool.replace('/', '__') : tool.replace(/^.*?\//, '')
      await guard.ask('tools/call', { name: shownAs, arguments: args })
      return `${name}-${calls}`
    },
    swap: (set) => live?.swap(load(set)),
    note: async (event, facts) => {
      await log.append({ type: 'event', at: clock.now(), event, facts })
    },
    close: () => guard.hangUp(),
    remove: () => rmSync(state, { recursive: true, force: true }),
  }
}
