/** A guard inside this process, under a clock that the example sets: exact times need no waiting. */
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { openLog } from '../src/audit/log.ts'
import { readPolicies } from '../src/cli/policies.ts'
import { loadUpstreams } from '../src/config/mcp-json.ts'
import { openPosture } from '../src/config/posture.ts'
import { systemTimers, systemWatch } from '../src/config/system.ts'
import { createGuard } from '../src/guard.ts'
import { compileMandate } from '../src/mandate/compile.ts'
import { loadMandate } from '../src/mandate/load.ts'
import type { CompiledMandate } from '../src/model/authority.ts'
import { Problems, problemText } from '../src/model/document.ts'
import { instant, type Instant } from '../src/model/id.ts'
import type { Clock, OperationalLog } from '../src/model/port.ts'
import { liveMandate } from '../src/policy/live.ts'
import { memoryStore } from '../src/state/memory.ts'
import { type Agent, agentOver } from './agent.ts'
import { nodeFirst } from './guard-line.ts'

export interface Story {
  readonly mandate: string
  readonly upstreams: string
  /** What the servers' entries take from the environment. */
  readonly env: Readonly<Record<string, string>>
  readonly stateDir: string
  /** A folder of policies; absent: none are in force. */
  readonly policies?: string
}

/** Wall time is what the example says; durations run on. */
export interface Watch extends Clock {
  set(rfc3339: string): void
}

export function watch(rfc3339: string): Watch {
  let wall: Instant = instant(Date.parse(rfc3339))
  return {
    now: () => wall,
    monotonic: () => performance.now(),
    set: (to) => {
      wall = instant(Date.parse(to))
    },
  }
}

const QUIET: OperationalLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** An agent whose guard runs here, with the files of the story and real servers behind it. */
export async function guarded(story: Story, agent: string, clock: Clock): Promise<Agent> {
  const problems = new Problems()
  const loaded = loadMandate(story.mandate)
  const env = { ...process.env, ...story.env }
  const read = loadUpstreams(story.upstreams, env, (path) => path)
  for (const problem of [...loaded.problems, ...read.problems]) problems.add(problem)
  const mandate = loaded.mandate && compileMandate(loaded.mandate, problems)
  if (!mandate || problems.bad) throw new Error(problems.list.map(problemText).join('\n'))
  const { name, digest, signed } = mandate.mandate
  const principal = { agent, assurance: 'launch_line' } as const
  const instance = `story-${agent}`
  const parts = { clock, timers: systemTimers, watch: systemWatch, operational: QUIET }
  const record = join(story.stateDir, 'log', instance)
  const guard = createGuard({
    mandate: story.policies === undefined ? mandate : under(mandate, story.policies),
    upstreams: read.upstreams.map((one) =>
      one.kind === 'stdio' ? { ...one, env: { ...one.env, ...nodeFirst() } } : one,
    ),
    principal,
    environment: 'prod',
    posture: openPosture(story.stateDir, 'normal', parts),
    log: openLog({
      dir: record,
      clock,
      head: { log: instance, ...principal, mandate: { name, digest, signed } },
    }),
    operational: QUIET,
    clock,
    timers: systemTimers,
    self: { name: 'chaperone', version: '0.0.0' },
    instance,
    record,
    store: memoryStore({ clock }),
    startTimeoutMs: 20_000,
    callTimeoutMs: 10_000,
    maxAnswerBytes: 1024 * 1024,
  })
  const [toGuard, fromGuard] = [new PassThrough(), new PassThrough()]
  const served = guard.serveStdio(toGuard, fromGuard)
  const connected = await agentOver(toGuard, fromGuard)
  return {
    ...connected,
    close: async () => {
      await connected.close()
      await served
    },
  }
}

/** The mandate with these policies in force. */
function under(mandate: CompiledMandate, folder: string): CompiledMandate {
  const { load, problems } = readPolicies(folder, new Map())
  if (!load) throw new Error(problems.map(problemText).join('\n'))
  return liveMandate(mandate, load.policies, 'prod')
}
