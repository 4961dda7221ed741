/** What the command line of the bench says, and how much is measured for it. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { DecidePlan } from './decide.ts'
import type { EvidencePlan } from './evidence/run.ts'
import type { CrowdPlan } from './http/memory.ts'
import type { HostilePlan } from './http/scene.ts'
import type { MemoryPlan } from './memory.ts'
import type { PolicyPlan } from './policy/run.ts'
import type { TurnsPlan } from './turns.ts'

export const SECTIONS = [
  'decide',
  'policy',
  'stdio',
  'startup',
  'memory',
  'evidence',
  'http',
  'http-startup',
  'http-memory',
  'hostile',
] as const
/** Attacks take minutes by themselves: they are asked for by name. */
const USUAL: readonly Section[] = SECTIONS.filter((section) => section !== 'hostile')
export type Section = (typeof SECTIONS)[number]

export interface Options {
  readonly sections: readonly Section[]
  readonly quick: boolean
  readonly json: boolean
  readonly million: boolean
  readonly profile: boolean
  /** Proxies from npm are installed once and measured, too, in the sections over HTTP. */
  readonly peers: boolean
  /** Another build of Chaperone, to be measured beside the one in dist. */
  readonly against?: string
  readonly help: boolean
}

export const HELP: string = `Usage: npm run bench -- [options]

  --only LIST   sections to measure, of
                ${SECTIONS.join(',')}
                (default: all but hostile, which takes seven minutes)
  --quick       fewer rounds: a first look, not a figure to quote
  --million     the memory sections make a million calls instead of 100,000
  --peers       over HTTP, proxies from npm beside ours; installed once, pinned, into node_modules/.cache
  --against F   F is the chaperone.js of another build, measured beside this one
  --profile     instead of measuring: where the guard's CPU goes, function by function, 64 calls in flight;
                over HTTP with --only http, of a guard that holds budgets with --only evidence
  --json        every figure and ratio as one JSON document on stdout (npm run --silent bench -- --json)
  --help        this text

Exit: 0 measured (whether or not a target was met), 2 usage, 3 something could not be measured.
`

/** @throws Error naming what is wrong with the command line. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      million: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      against: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { only, against, ...flags } = values
  const sections = only === undefined ? USUAL : only.split(',').map(sectionOf)
  return { ...flags, sections, ...(against !== undefined && { against: resolve(against) }) }
}

function sectionOf(name: string): Section {
  const found = SECTIONS.find((section) => section === name.trim())
  if (found === undefined) {
    throw new Error(`--only names \`${name}\` (expected some of ${SECTIONS.join(', ')})`)
  }
  return found
}

/** Fifteen rounds of short windows: a slow moment of the machine is one round, not the figure. */
export function stdioPlan(quick: boolean): TurnsPlan {
  return {
    rounds: quick ? 5 : 15,
    warmUp: 4_000,
    levels: [
      { inFlight: 1, calls: quick ? 500 : 1_000 },
      { inFlight: 8, calls: quick ? 3_000 : 6_000 },
      { inFlight: 64, calls: quick ? 10_000 : 20_000 },
    ],
    quietMs: 300,
  }
}

export function startupRounds(quick: boolean): number {
  return quick ? 5 : 21
}

export function memoryPlan(options: Options): MemoryPlan {
  const calls = options.million ? 1_000_000 : options.quick ? 20_000 : 100_000
  return { warmUp: options.quick ? 10_000 : 250_000, calls, slices: 20, quietMs: 1_000 }
}

/** Over HTTP a call costs more: fewer of them show as much. */
export function httpPlan(quick: boolean): TurnsPlan {
  return {
    rounds: quick ? 5 : 15,
    warmUp: 4_000,
    levels: [
      { inFlight: 1, calls: quick ? 300 : 500 },
      { inFlight: 8, calls: quick ? 1_000 : 2_000 },
      { inFlight: 64, calls: quick ? 3_000 : 5_000 },
    ],
    quietMs: 300,
  }
}

export function httpStartupRounds(quick: boolean): number {
  return quick ? 3 : 11
}

export function httpMemoryPlan(options: Options): CrowdPlan {
  const calls = memoryPlan(options).calls
  const warmUp = options.quick ? 5_000 : 100_000
  return { warmUp, calls, slices: 20, quietMs: 1_000, idle: 500, busy: 64 }
}

export function hostilePlan(quick: boolean): HostilePlan {
  return {
    calm: quick ? 1_000 : 3_000,
    warmUp: quick ? 2_000 : 20_000,
    slowMs: quick ? 3_000 : 15_000,
    connections: 500,
    notifications: quick ? 10_000 : 100_000,
    overMs: quick ? 1_000 : 10_000,
    deepCalls: quick ? 60 : 300,
  }
}

export function decidePlan(quick: boolean): DecidePlan {
  return {
    grants: [1, 100, 1_000],
    windows: quick ? 3 : 7,
    windowMs: quick ? 60 : 200,
    samples: quick ? 5_000 : 40_000,
    warmUp: quick ? 20_000 : 100_000,
  }
}

export function policyPlan(quick: boolean): PolicyPlan {
  return {
    engines: {
      windows: quick ? 5 : 15,
      windowMs: quick ? 60 : 200,
      samples: quick ? 5_000 : 40_000,
      warmUp: quick ? 50_000 : 300_000,
    },
    path: {
      windows: quick ? 3 : 9,
      calls: quick ? 6_400 : 19_200,
      warmUp: quick ? 64_000 : 128_000,
      samples: quick ? 2_000 : 20_000,
    },
    loads: quick ? 1 : 5,
    runs: quick ? 5 : 15,
  }
}

/** A million entries take about 800 MB in the temporary folder, and their index half of that. */
export function evidencePlan(quick: boolean): EvidencePlan {
  return {
    append: {
      windows: quick ? 3 : 9,
      entries: quick ? 6_400 : 25_600,
      warmUp: quick ? 12_800 : 51_200,
    },
    waits: quick ? 200 : 1_000,
    record: {
      entries: quick ? 50_000 : 1_000_000,
      proofs: quick ? 20 : 200,
      questions: quick ? 5 : 20,
    },
    store: {
      pairs: quick ? 10_000 : 100_000,
      warmUp: quick ? 2_000 : 10_000,
      asks: quick ? 20_000 : 200_000,
    },
  }
}
