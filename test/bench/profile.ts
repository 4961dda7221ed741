/** Where the guard's CPU goes while 64 calls are in flight: self time by function, in µs a call. */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchLine } from './child.ts'
import { table } from './report.ts'
import type { Caller } from './turns.ts'

/** The V8 sampling profile, as far as it is read here. */
interface CpuProfile {
  /** Of the same clock as `process.hrtime`, µs. */
  readonly startTime: number
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

/** Calls before the profile begins. */
const WARM_UP = 50_000

export interface Profile {
  readonly calls: number
  /** By the clock: with what sampling costs, and with waiting for a core where the machine is busy. */
  readonly busyUsPerCall: number
  readonly functions: readonly Spent[]
  /** Self time by room of the house, by package, and by what is the runtime's own. */
  readonly rooms: readonly Spent[]
}

/**
 * `open` starts the guard with its launch line changed as it is told.
 *
 * @throws Error when the guard fails, or leaves no profile behind.
 */
export async function profileGuard(
  open: (line: (plain: LaunchLine) => LaunchLine) => Promise<Pick<Caller, 'calls' | 'stop'>>,
  calls: number,
  folder: string,
): Promise<Profile> {
  const into = join(folder, 'profile')
  mkdirSync(into)
  const flags = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', into]
  const client = await open((plain) => ({ ...plain, args: [...flags, ...plain.args] }))
  let from = 0
  let to = 0
  try {
    await client.calls(WARM_UP, 64)
    from = nowUs()
    await client.calls(calls, 64)
    to = nowUs()
  } finally {
    await client.stop()
  }
  const file = readdirSync(into).find((name) => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error('the guard left no profile: it did not end by itself')
  const profile = JSON.parse(readFileSync(join(into, file), 'utf8')) as CpuProfile
  return summed(profile, { calls, from, to })
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** The calls that a profile is about, and when they were under way, µs. */
interface Span {
  readonly calls: number
  readonly from: number
  readonly to: number
}

/** Pure, for its test: starting and warming up are left out. */
export function summed(profile: CpuProfile, span: Span): Profile {
  const { calls } = span
  const own = ownTimes(profile, span)
  const functions = new Sums(profile, own, functionOf)
  const rooms = new Sums(profile, own, roomOf)
  const idle = functions.self('(idle)')
  return {
    calls,
    busyUsPerCall: (functions.all - idle) / calls,
    functions: functions.list(calls),
    rooms: rooms.list(calls),
  }
}

/** The time of each node itself, by its id, µs. */
function ownTimes(profile: CpuProfile, { from, to }: Span): ReadonlyMap<number, number> {
  const own = new Map<number, number>()
  let at = profile.startTime
  profile.samples.forEach((id, index) => {
    const took = profile.timeDeltas[index] ?? 0
    at += took
    if (at >= from && at <= to) own.set(id, (own.get(id) ?? 0) + took)
  })
  return own
}

type Frame = CpuProfile['nodes'][number]['callFrame']

/** Adds up the samples of a profile by a name that each frame is given. */
class Sums {
  readonly all: number
  readonly #nodes: ReadonlyMap<number, CpuProfile['nodes'][number]>
  readonly #own: ReadonlyMap<number, number>
  readonly #sums = new Map<string, { self: number; total: number }>()
  readonly #nameOf: (frame: Frame) => string

  constructor(
    profile: CpuProfile,
    own: ReadonlyMap<number, number>,
    nameOf: (frame: Frame) => string,
  ) {
    this.#own = own
    this.#nameOf = nameOf
    this.#nodes = new Map(profile.nodes.map((node) => [node.id, node]))
    this.all = this.#walk(profile.nodes[0]?.id ?? 0, new Set())
  }

  self(name: string): number {
    return this.#sums.get(name)?.self ?? 0
  }

  list(calls: number): readonly Spent[] {
    return [...this.#sums]
      .filter(([where]) => where !== '(idle)' && where !== '(root)')
      .map(([where, { self, total }]) => ({ where, selfUs: self / calls, totalUs: total / calls }))
      .sort((a, b) => b.selfUs - a.selfUs)
  }

  /** @returns the time of the node and all below it */
  #walk(id: number, above: ReadonlySet<string>): number {
    const node = this.#nodes.get(id)
    if (node === undefined) return 0
    const name = this.#nameOf(node.callFrame)
    const own = this.#own.get(id) ?? 0
    const within = new Set(above).add(name)
    let all = own
    for (const child of node.children ?? []) all += this.#walk(child, within)
    const sum = this.#sums.get(name) ?? { self: 0, total: 0 }
    // What calls itself is counted once.
    const total = sum.total + (above.has(name) ? 0 : all)
    this.#sums.set(name, { self: sum.self + own, total })
    return all
  }
}

function functionOf(frame: Frame): string {
  const name = (frame.functionName === '' ? '(anonymous)' : frame.functionName).slice(0, 40)
  return frame.url === '' ? name : `${name} ${fileOf(frame.url)}:${frame.lineNumber + 1}`
}

/** Native work has no file: it is named for what it does (`writeUtf8String`, `hash`, garbage collector). */
function roomOf(frame: Frame): string {
  const file = fileOf(frame.url)
  if (frame.url === '')
    return frame.functionName === '' ? '(native)' : frame.functionName.slice(0, 40)
  if (file.startsWith('node:')) return 'node'
  return file.split('/')[0] ?? file
}

/** `audit/log.ts`, `node:net`, the name of a package's file elsewhere. */
function fileOf(url: string): string {
  if (!url.startsWith('file:')) return url.startsWith('node:') ? url : `node:${url}`
  const own = url.split('/src/').at(-1) ?? url
  return url.includes('/node_modules/') || own === url ? url.slice(url.lastIndexOf('/') + 1) : own
}

export function profileText(profile: Profile): string {
  const rows = (list: readonly Spent[]): readonly (readonly string[])[] =>
    list
      .filter((one) => one.selfUs >= 0.03)
      .slice(0, 70)
      .map((one) => [one.where, one.selfUs.toFixed(2), one.totalUs.toFixed(2)])
  const title = `${profile.calls} calls, 64 in flight, ${profile.busyUsPerCall.toFixed(2)} µs busy a call by the clock`
  const head = ['self µs/call', 'with what it calls']
  const parts = [
    title,
    table(['by room', ...head], rows(profile.rooms)),
    table(['by function', ...head], rows(profile.functions)),
  ]
  return `${parts.join('\n\n')}\n`
}
