/** The line with a real compiled mandate and faked ends: what would reach an upstream is kept, the record is in memory. */
import { createHash } from 'node:crypto'
import { readText } from '../../src/document/read.ts'
import { compileMandate } from '../../src/mandate/compile.ts'
import { parseMandate } from '../../src/mandate/parse.ts'
import type { Authority, CompiledMandate, Overheard } from '../../src/model/authority.ts'
import type { CallContext } from '../../src/model/call.ts'
import type { Decision } from '../../src/model/decision.ts'
import { problemText, Problems } from '../../src/model/document.ts'
import { GuardError } from '../../src/model/error.ts'
import { callId, sha256 } from '../../src/model/id.ts'
import { canonical, type JsonObject } from '../../src/model/json.ts'
import type { Obligation } from '../../src/model/policy.ts'
import type { OperationalLog, UpstreamAnswer } from '../../src/model/port.ts'
import type { Debit } from '../../src/model/state.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import type { Departure, Found, LinePorts } from '../../src/pipeline/port.ts'
import { timeKeeper } from '../../src/pipeline/time.ts'
import { restrictedFor } from '../../src/state/restricted.ts'
import { Task } from '../../src/state/task.ts'
import { memoryLog, type MemoryLog } from './audit-log.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import { steadyPosture } from './posture.ts'
import { type FakeStore, fakeStore } from './state-store.ts'

/** A mandate from its text; problems fail the test with their places. */
export function mandateOf(yaml: string, file = 'm.yaml'): CompiledMandate {
  const problems = new Problems()
  const read = readText(yaml, file)
  for (const found of read.problems) problems.add(found)
  const digest = sha256(createHash('sha256').update(yaml).digest('hex'))
  const mandate =
    read.node && parseMandate({ node: read.node, file, digest }, () => ({ problems: [] }), problems)
  const compiled = mandate && compileMandate(mandate, problems)
  if (!compiled || problems.bad) throw new Error(problems.list.map(problemText).join('\n'))
  return compiled
}

/** The same mandate beside a policy that lays these duties on everything it permits. */
export function obliging(
  mandate: CompiledMandate,
  obligations: readonly Obligation[],
): CompiledMandate {
  const policy = { revision: sha256('b'.repeat(64)), obligations }
  return permitting(mandate, () => ({ policy }))
}

/** The same mandate under budgets: what it permits takes this from them. */
export function spending(
  mandate: CompiledMandate,
  debits: (call: CallContext) => readonly Debit[],
): CompiledMandate {
  return permitting(mandate, (call) => ({ debits: debits(call) }))
}

type Permit = Extract<Decision, { effect: 'permit' }>

function permitting(
  mandate: CompiledMandate,
  more: (call: CallContext) => Partial<Permit>,
): CompiledMandate {
  const changed = (authority: Authority): Authority => ({
    ...authority,
    decide: (call) => {
      const decision = authority.decide(call)
      return decision.effect === 'permit' ? { ...decision, ...more(call) } : decision
    },
  })
  return {
    ...mandate,
    tool: (definition) => changed(mandate.tool(definition)),
    resource: (server, uri) => changed(mandate.resource(server, uri)),
    prompt: (server, name) => changed(mandate.prompt(server, name)),
  }
}

export function tool(server: string, name: string, raw: JsonObject = {}): ToolDefinition {
  const definition = sha256(
    createHash('sha256')
      .update(canonical({ name, ...raw }))
      .digest('hex'),
  )
  return { server, name, raw: { name, inputSchema: { type: 'object' }, ...raw }, definition }
}

export interface FakeLine {
  readonly ports: LinePorts
  readonly clock: FakeClock
  readonly log: MemoryLog
  readonly store: FakeStore
  /** Everything that left the guard, in order. */
  readonly departed: Departure[]
  readonly faults: string[]
  answerWith(answer: UpstreamAnswer | GuardError | 'cancelled'): void
}

export interface FakeLineOptions {
  readonly mandate: CompiledMandate
  readonly tools?: readonly Found<ToolDefinition>[]
  readonly at?: string
  readonly ports?: Partial<LinePorts>
}

const DONE: UpstreamAnswer = { kind: 'result', text: '{"content":[]}', outcome: 'complete' }

export function fakeLine({
  mandate,
  tools = [],
  at = '2026-11-24T10:00:00Z',
  ports = {},
}: FakeLineOptions): FakeLine {
  const clock = fakeClock(at)
  const log = memoryLog()
  const store = fakeStore(clock)
  const who = { mandate: mandate.mandate.name, agent: 'intake-bot' }
  const departed: Departure[] = []
  const faults: string[] = []
  let answer: UpstreamAnswer | GuardError | 'cancelled' = DONE
  let calls = 0
  const operational: OperationalLog = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_facts, message) => faults.push(message),
    error: (_facts, message) => faults.push(message),
  }
  return {
    clock,
    log,
    store,
    departed,
    faults,
    answerWith: (next) => {
      answer = next
    },
    ports: {
      clock,
      time: timeKeeper(clock),
      log,
      operational,
      principal: { agent: 'intake-bot', assurance: 'launch_line' },
      mandate,
      environment: 'dev',
      posture: steadyPosture('normal'),
      task: new Task('s'),
      budgets: store,
      restricted: restrictedFor(store, clock, who),
      catalog: {
        tool: (name) =>
          tools.find((found) => found.state !== 'unknown' && found.target.name === name) ?? {
            state: 'unknown',
          },
        prompt: (name) => ({ state: 'found', target: { server: 'vendors', name } }),
        resource: () => ({ state: 'found', target: { server: 'vendors' } }),
      },
      upstreams: {
        forward: async (departure) => {
          departed.push(departure)
          if (answer instanceof GuardError) throw answer
          return answer
        },
      },
      maxAnswerBytes: 1000,
      newCallId: () => {
        calls += 1
        return callId(`call-${calls}`)
      },
      stopping: () => false,
      ...ports,
    },
  }
}

/** The same mandate beside a policy that says this of everything an upstream says by itself. */
export function overhearing(mandate: CompiledMandate, overheard: Overheard): CompiledMandate {
  return { ...mandate, overheard: () => overheard }
}
