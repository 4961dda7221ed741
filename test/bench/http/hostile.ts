/** What attacks that are about time and memory cost: the target itself, and a well-behaved client beside them. */
import { residentOf } from '../linux.ts'
import { median, percentile } from '../numbers.ts'
import type { Target, Workshop } from '../target.ts'
import { runAttack } from './attack-process.ts'
import { ATTACKS, type Attack } from './attack.ts'
import type { HttpClient } from './client.ts'
import { openTarget, openUpstream, type Opened } from './open.ts'
import type { Facts, HostilePlan } from './scene.ts'
import type { HttpTarget, Upstream } from './target.ts'

export interface HostileResult {
  readonly name: string
  readonly kind: Target['kind']
  readonly attack: string
  readonly attackClass: Attack['attackClass']
  readonly what: string
  readonly failed?: string
  /** Resident memory at its highest during the attack, over what it was before. */
  readonly growthMb: number
  /** Of the client beside it, before and during: medians over batches of its calls. */
  readonly calm: Beside
  readonly during: Beside
  /** p99 during over p99 before. */
  readonly slower: number
  readonly facts: Facts
}

interface Beside {
  readonly calls: number
  readonly p50Us: number
  readonly p99Us: number
}

/** Calls of the client beside an attack, between two looks at whether it is over. */
const BATCH = 250
const LOOK_MS = 100

/** A fresh target and a fresh upstream for every attack: what one leaves behind is not the next one's. */
export async function measureHostile(
  targets: readonly HttpTarget[],
  plan: HostilePlan,
  workshop: Workshop,
  say: (line: string) => void,
): Promise<readonly HostileResult[]> {
  const results: HostileResult[] = []
  for (const attack of ATTACKS) {
    for (const target of targets) {
      say(`hostile: ${attack.what}: ${target.name}`)
      results.push(await result(attack, target, plan, workshop))
    }
  }
  return results
}

async function result(
  attack: Attack,
  target: HttpTarget,
  plan: HostilePlan,
  workshop: Workshop,
): Promise<HostileResult> {
  const { id, attackClass, what } = attack
  const row = { name: target.name, kind: target.kind, attack: id, attackClass, what }
  try {
    if (target.missing !== undefined) throw new Error(target.missing)
    return { ...row, ...(await within(attack, target, plan, workshop)) }
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error)
    return { ...row, failed, ...NOTHING }
  }
}

type Figures = Omit<HostileResult, 'name' | 'kind' | 'attack' | 'attackClass' | 'what' | 'failed'>

const NONE: Beside = { calls: 0, p50Us: Number.NaN, p99Us: Number.NaN }
const NOTHING: Figures = {
  growthMb: Number.NaN,
  calm: NONE,
  during: NONE,
  slower: Number.NaN,
  facts: {},
}

async function within(
  attack: Attack,
  target: HttpTarget,
  plan: HostilePlan,
  workshop: Workshop,
): Promise<Figures> {
  const upstream = await openUpstream('http-hostile', workshop.folder)
  try {
    const opened = await openTarget(target, 'legacy', upstream)
    try {
      return await figures(attack, opened, upstream, plan)
    } finally {
      await opened.caller.stop()
    }
  } finally {
    await upstream.stop()
  }
}

async function figures(
  attack: Attack,
  { caller, client, port }: Opened,
  upstream: Upstream,
  plan: HostilePlan,
): Promise<Figures> {
  if (client === undefined) throw new Error('it cannot be attacked over HTTP')
  await caller.calls(plan.warmUp, 64)
  const calm = await beside(client, (made) => made >= plan.calm)
  const memory = new Watch(caller.pid)
  let over = false
  const attacked = runAttack(attack, { port, upstream: upstream.port, plan }).finally(() => {
    over = true
  })
  try {
    const [facts, during] = await Promise.all([attacked, beside(client, () => over)])
    return {
      growthMb: memory.growthMb(),
      calm,
      during,
      slower: during.p99Us / calm.p99Us,
      facts,
    }
  } finally {
    memory.stop()
  }
}

/** One call after the other, every answer checked, until enough is known. */
async function beside(client: HttpClient, enough: (made: number) => boolean): Promise<Beside> {
  const p50: number[] = []
  const p99: number[] = []
  let calls = 0
  do {
    const { sortedUs } = await client.calls(BATCH, 1)
    calls += BATCH
    p50.push(percentile(sortedUs, 0.5))
    p99.push(percentile(sortedUs, 0.99))
  } while (!enough(calls))
  return { calls, p50Us: median(p50), p99Us: median(p99) }
}

/** Looks at the memory of a process ten times a second. */
class Watch {
  readonly #before: number
  readonly #timer: NodeJS.Timeout
  readonly #pid: number
  #most: number

  constructor(pid: number) {
    this.#pid = pid
    this.#before = residentOf(pid) ?? Number.NaN
    this.#most = this.#before
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  growthMb(): number {
    this.#look()
    return this.#most - this.#before
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#most = Math.max(this.#most, residentOf(this.#pid) ?? 0)
  }
}
