/** The whole way of a call from admit to commit, with a log that does all that the real one does but for the write. */
import { openLog } from '../../../src/audit/log.ts'
import type { Disk } from '../../../src/audit/disk.ts'
import { systemClock } from '../../../src/config/system.ts'
import type { CompiledMandate } from '../../../src/model/authority.ts'
import { callId, instant, sha256 } from '../../../src/model/id.ts'
import type { AuditLog } from '../../../src/model/port.ts'
import { admit } from '../../../src/pipeline/admit.ts'
import { bind } from '../../../src/pipeline/bind.ts'
import { commit, type Committed } from '../../../src/pipeline/commit.ts'
import { decide } from '../../../src/pipeline/decide.ts'
import { identify } from '../../../src/pipeline/identify.ts'
import type { Inbound, LinePorts } from '../../../src/pipeline/port.ts'
import { resolve } from '../../../src/pipeline/resolve.ts'
import { begin, type Line, type Walk } from '../../../src/pipeline/stage.ts'
import { stepUp } from '../../../src/pipeline/step-up.ts'
import { Task } from '../../../src/state/task.ts'
import { memoryDisk } from '../../fakes/disk.ts'
import { steadyPosture } from '../../fakes/posture.ts'
import { fakeStore } from '../../fakes/state-store.ts'
import { median, percentile } from '../numbers.ts'
import { permittedCalls, TUESDAY, type Asked } from './call.ts'
import { AGENT } from './table.ts'

export interface PathPlan {
  readonly windows: number
  /** Calls of a window. */
  readonly calls: number
  readonly warmUp: number
  readonly samples: number
}

export interface PathResult {
  /** With 64 calls in flight, as their entries are then written together. */
  readonly perCpuSecond: number
  /** Of calls one after the other, by the clock. */
  readonly p50Us: number
  readonly p99Us: number
  readonly calls: number
}

/** Up to the stage that records the intent. */
const TO_COMMIT: Line<Inbound, Committed> = begin(admit)
  .to(identify)
  .to(bind)
  .to(resolve)
  .to(decide)
  .to(stepUp)
  .to(commit)

const IN_FLIGHT = 64
const POOL = 1024
const LOOK_HOLDS_MS = 20

/** @throws Error for a call that does not come to its commit */
export async function measurePath(mandate: CompiledMandate, plan: PathPlan): Promise<PathResult> {
  const calls = permittedCalls(POOL)
  const walker = walkerOf(mandate, calls)
  await walker.flight(0, plan.warmUp)
  const rates: number[] = []
  for (let window = 0; window < plan.windows; window += 1) {
    const before = process.cpuUsage()
    await walker.flight(window * plan.calls, plan.calls)
    const used = process.cpuUsage(before)
    rates.push((plan.calls / (used.user + used.system)) * 1_000_000)
  }
  await walker.close()
  const sortedUs = await oneByOne(walkerOf(mandate, calls), plan.samples)
  return {
    perCpuSecond: median(rates),
    p50Us: percentile(sortedUs, 0.5),
    p99Us: percentile(sortedUs, 0.99),
    calls: plan.warmUp + plan.windows * plan.calls + plan.samples * 2,
  }
}

/** Samples that are kept or thrown away together, where the core was taken away meanwhile. */
const TOGETHER = 20
const MOST_TRIES = 20

async function oneByOne(walker: Walker, samples: number): Promise<Float64Array> {
  for (let index = 0; index < samples; index += 1) await walker.one(index)
  const took = new Float64Array(samples)
  let tries = 0
  for (let from = 0; from < samples;) {
    const to = Math.min(samples, from + TOGETHER)
    const before = process.resourceUsage().involuntaryContextSwitches
    for (let index = from; index < to; index += 1) took[index] = await walker.one(index)
    tries += 1
    const switched = process.resourceUsage().involuntaryContextSwitches > before
    if (switched && tries < MOST_TRIES) continue
    tries = 0
    from = to
  }
  await walker.close()
  return took.sort()
}

interface Walker {
  /** So many calls from there on, 64 at a time. */
  flight(from: number, count: number): Promise<void>
  /** One call; how long it took, in µs. Its outcome is recorded before the next, outside of that. */
  one(index: number): Promise<number>
  close(): Promise<void>
}

function walkerOf(mandate: CompiledMandate, calls: readonly Asked[]): Walker {
  const log = forgetfulLog()
  const ports = portsOf(mandate, calls, log)
  const messages = calls.map(inboundOf)
  const walk = (index: number): Promise<Walk<Inbound, Committed>> => {
    const ended = TO_COMMIT.walk(messages[index % messages.length]!, ports)
    return ended instanceof Promise ? ended : Promise.resolve(ended)
  }
  return {
    flight: async (from, count) => {
      for (let at = from; at < from + count; at += IN_FLIGHT) {
        const walks = Array.from({ length: IN_FLIGHT }, (_, index) => walk(at + index))
        for (const ended of await Promise.all(walks)) committed(ended)
      }
    },
    one: async (index) => {
      const began = performance.now()
      const { call } = committed(await walk(index))
      const took = (performance.now() - began) * 1000
      const verdict = { outcome: 'forwarded', result: 'complete' } as const
      await log.append({
        type: 'outcome',
        at: call.at,
        call: call.id,
        verdict,
        tookMs: 1,
        bytes: 1,
      })
      return took
    },
    close: () => log.close(),
  }
}

function committed(ended: Walk<Inbound, Committed>): Committed {
  if (!ended.refusal) return ended.proof
  throw new Error(`refused at ${ended.refusal.stage}: ${ended.refusal.reason}`)
}

function inboundOf({ tool, call }: Asked): Inbound {
  return {
    era: 'modern',
    method: 'tools/call',
    params: { name: `${tool.server}__${tool.name}`, arguments: call.args },
    cancelled: { aborted: false, onAbort: () => undefined },
  }
}

function portsOf(mandate: CompiledMandate, calls: readonly Asked[], log: AuditLog): LinePorts {
  const tools = new Map(calls.map(({ tool }) => [`${tool.server}__${tool.name}`, tool]))
  const quiet = (): void => undefined
  const shift = TUESDAY - Date.now()
  let ids = 0
  return {
    clock: systemClock,
    // The hours that rules name are those of a Tuesday, whenever this runs.
    time: { read: () => ({ at: instant(Date.now() + shift), movedBack: false }) },
    log,
    operational: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    principal: { agent: AGENT, assurance: 'launch_line' },
    mandate,
    environment: 'prod',
    posture: steadyPosture('normal'),
    task: new Task('bench'),
    budgets: fakeStore(systemClock),
    restricted: { standing: () => undefined, thing: () => undefined },
    catalog: {
      tool: (name) => {
        const target = tools.get(name)
        return target ? { state: 'found', target } : { state: 'unknown' }
      },
      prompt: () => ({ state: 'unknown' }),
      resource: () => ({ state: 'unknown' }),
    },
    upstreams: { forward: () => Promise.resolve('cancelled') },
    maxAnswerBytes: 1,
    newCallId: () => callId(`bench-${(ids += 1)}`),
    stopping: () => false,
  }
}

/** The real log on a disk that takes every byte and keeps none of the entries. */
function forgetfulLog(): AuditLog {
  const mandate = { name: 'purchasing', digest: sha256('c'.repeat(64)), signed: false }
  const head = { log: 'bench', agent: AGENT, assurance: 'launch_line', mandate } as const
  const disk = forgetfulDisk()
  return openLog({ dir: '/bench', head, clock: systemClock, lookHoldsMs: LOOK_HOLDS_MS, disk })
}

function forgetfulDisk(): Disk {
  const disk = memoryDisk()
  let log: number | undefined
  let size = 0
  return {
    ...disk,
    open: (path, which) => {
      const file = disk.open(path, which)
      if (path.endsWith('.jsonl')) log = file
      return file
    },
    write: (file, bytes) => {
      if (file !== log) return disk.write(file, bytes)
      size += bytes.length
      return bytes.length
    },
    state: (file) => ({ ...disk.state(file), ...(file === log && { size }) }),
  }
}
