/** Where the guard's CPU goes while 64 calls are in flight: self time by function, in µs a call. */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchLine } from './child.ts'
import { open } from './client.ts'
import { table } from './report.ts'

/** The V8 sampling profile, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Spent {
  readonly where: string
  /** Time in the function itself, and with what it calls. */
  readonly selfUs: number
  readonly totalUs: number
}

export interface Profile {
  readonly calls: number
  readonly busyUsPerCall: number
  readonly functions: readonly Spent[]
}

/** @throws Error when the guard fails, or leaves no profile behind. */
export async function profileGuard(
  line: LaunchLine,
  calls: number,
  folder: string,
): Promise<Profile> {
  const into = join(folder, 'profile')
  mkdirSync(into)
  const flags = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', into]
  const { client } = await open({ ...line, args: [...flags, ...line.args] })
  try {
    await client.calls(calls, 64)
  } finally {
    await client.stop()
  }
  const file = readdirSync(into).find((name) => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error('the guard left no profile: it did not end by itself')
  return summed(JSON.parse(readFileSync(join(into, file), 'utf8')) as CpuProfile, calls)
}

/** Pure, for its test. */
export function summed(profile: CpuProfile, calls: number): Profile {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const self = new Map<number, number>()
  profile.samples.forEach((id, index) => {
    self.set(id, (self.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0))
  })
  const spent = new Map<string, { self: number; total: number }>()
  /** @returns the time of the node and all below it */
  const walk = (id: number, above: ReadonlySet<string>): number => {
    const node = nodes.get(id)
    if (node === undefined) return 0
    const where = placeOf(node.callFrame)
    const own = self.get(id) ?? 0
    const within = new Set(above).add(where)
    const below = (node.children ?? []).reduce((sum, child) => sum + walk(child, within), 0)
    const sum = spent.get(where) ?? { self: 0, total: 0 }
    // A function that calls itself is counted once.
    spent.set(where, {
      self: sum.self + own,
      total: sum.total + (above.has(where) ? 0 : own + below),
    })
    return own + below
  }
  const root = profile.nodes[0]
  const all = root === undefined ? 0 : walk(root.id, new Set())
  const idle = spent.get('(idle)')?.self ?? 0
  const functions = [...spent]
    .filter(([where]) => where !== '(idle)' && where !== '(root)')
    .map(([where, { self, total }]) => ({ where, selfUs: self / calls, totalUs: total / calls }))
    .sort((a, b) => b.selfUs - a.selfUs)
  return { calls, busyUsPerCall: (all - idle) / calls, functions }
}

function placeOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName
  if (frame.url === '') return name
  const file = frame.url.slice(frame.url.lastIndexOf('/') + 1)
  return `${name} ${file}:${frame.lineNumber + 1}`
}

export function profileText(profile: Profile): string {
  const rows = profile.functions
    .slice(0, 60)
    .map((one) => [one.where, one.selfUs.toFixed(3), one.totalUs.toFixed(3)])
  const title = `${profile.calls} calls, 64 in flight, ${profile.busyUsPerCall.toFixed(2)} µs busy a call`
  return `${title}\n${table(['function', 'self µs/call', 'total µs/call'], rows)}\n`
}
