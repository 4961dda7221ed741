/** Whether memory stays flat with a crowd of idle legacy sessions and 64 busy ones. */
import {
  measureGrowth,
  type Grower,
  type Growing,
  type MemoryPlan,
  type MemoryResult,
} from '../memory.ts'
import type { Workshop } from '../target.ts'
import { requestAs } from './client.ts'
import { Connection } from './connection.ts'
import { openProven, openUpstream } from './open.ts'
import { listenText, type Speaker } from './request.ts'
import type { HttpTarget, Upstream } from './target.ts'

export interface CrowdPlan extends MemoryPlan {
  /** Legacy sessions that open their stream and are then silent. */
  readonly idle: number
  /** Legacy sessions that call, each one call at a time. */
  readonly busy: number
}

/** @throws Error where the system does not say how much memory a process has. */
export async function measureHttpMemory(
  targets: readonly HttpTarget[],
  plan: CrowdPlan,
  workshop: Workshop,
  say: (line: string) => void,
): Promise<{ readonly bareMb: number; readonly results: readonly MemoryResult[] }> {
  const upstream = await openUpstream('http-upstream', workshop.folder)
  try {
    const growers = targets.map((target) => grower(target, upstream, plan))
    return await measureGrowth(growers, plan, (line) => say(`http ${line}`))
  } finally {
    await upstream.stop()
  }
}

function grower(target: HttpTarget, upstream: Upstream, plan: CrowdPlan): Grower {
  const { name, kind, missing } = target
  return {
    name,
    kind,
    ...(missing !== undefined && { missing }),
    open: () => opened(target, upstream, plan),
  }
}

async function opened(target: HttpTarget, upstream: Upstream, plan: CrowdPlan): Promise<Growing> {
  const { caller, client, port } = await openProven(target, 'legacy', upstream)
  if (client === undefined) throw new Error('it has no sessions over HTTP')
  const idle: Speaker[] = []
  const streams: Connection[] = []
  return {
    pid: caller.pid,
    get checked() {
      return caller.checked
    },
    crowd: async () => {
      for (let index = 0; index < plan.idle; index += 1) {
        const speaker = await client.join()
        idle.push(speaker)
        const stream = new Connection(port, SILENT, () => undefined)
        await stream.opened
        stream.send(listenText(speaker))
        streams.push(stream)
      }
      const busy: Speaker[] = []
      for (let index = 0; index < plan.busy; index += 1) busy.push(await client.join())
      client.keep(busy)
    },
    ready: (inFlight) => client.ready(inFlight),
    calls: (count, inFlight) => caller.calls(count, inFlight),
    stillThere: async () => {
      for (const speaker of idle) await requestAs(speaker, 2, 'tools/list', {})
    },
    stop: () => {
      for (const stream of streams) stream.close()
      return caller.stop()
    },
  }
}

/** Whatever a target says on a stream that is only held open. */
const SILENT = { event: (): void => undefined, answer: (): void => undefined }
