/** What it takes to have 1,004 rules in force: from the texts of the files to the compiled set, and to the first decision of each tool. */
import { performance } from 'node:perf_hooks'
import { readText } from '../../../src/document/read.ts'
import { plain } from '../../../src/model/document.ts'
import type { PolicyText } from '../../../src/policy/load.ts'
import { median, percentile } from '../numbers.ts'
import { kindCalls, kitCalls, KINDS } from './call.ts'
import { loadSet, ownMandate } from './own.ts'
import { KITS, policyTexts } from './table.ts'

/** Of one fresh process. */
export interface LoadOnce {
  /** CPU of the first load in its process, all threads, ms. */
  readonly yamlMs: number
  readonly yamlWallMs: number
  readonly jsonMs: number
  /** Again in the same process, as a hot reload is: the median of several. */
  readonly againMs: number
  /** From the compiled set to the first decision of a tool: its rules found, its closures made. µs of CPU, p50 and p90 of 300. */
  readonly firstUs: number
  readonly firstSlowUs: number
}

export type LoadResult = LoadOnce & { readonly processes: number }

/** Medians over fresh processes. */
export function together(all: readonly LoadOnce[]): LoadResult {
  const of = (name: keyof LoadOnce): number => median(all.map((one) => one[name]))
  return {
    yamlMs: of('yamlMs'),
    yamlWallMs: of('yamlWallMs'),
    jsonMs: of('jsonMs'),
    againMs: of('againMs'),
    firstUs: of('firstUs'),
    firstSlowUs: of('firstSlowUs'),
    processes: all.length,
  }
}

const AGAIN = 5

/** Either form is the first of its process, and the other one's figure is NaN. */
export function loadOnce(form: 'yaml' | 'json'): LoadOnce {
  const texts = form === 'yaml' ? policyTexts() : policyTexts().map(asJson)
  const began = performance.now()
  const firstMs = loadMs(texts)
  const yamlWallMs = performance.now() - began
  const [yamlMs, jsonMs] = form === 'yaml' ? [firstMs, Number.NaN] : [Number.NaN, firstMs]
  const first = firstDecisions()
  const againMs = median(Array.from({ length: AGAIN }, () => loadMs(texts)))
  const firstUs = percentile(first, 0.5)
  return { yamlMs, yamlWallMs, jsonMs, againMs, firstUs, firstSlowUs: percentile(first, 0.9) }
}

function asJson({ file, text }: PolicyText): PolicyText {
  const { node } = readText(text, file)
  if (!node) throw new Error(`${file} cannot be read`)
  return { file: file.replace('.yaml', '.json'), text: JSON.stringify(plain(node)) }
}

function loadMs(texts: readonly PolicyText[]): number {
  const before = process.cpuUsage()
  loadSet(texts)
  const used = process.cpuUsage(before)
  return (used.user + used.system) / 1000
}

function firstDecisions(): Float64Array {
  const mandate = ownMandate()
  const calls = [...kindCalls(KINDS.length), ...kitCalls(KITS.length)]
  const tools = new Map(
    calls.map(({ tool, call }) => [`${tool.server}/${tool.name}`, { tool, call }]),
  )
  const took = [...tools.values()].map(({ tool, call }) => {
    const before = process.cpuUsage()
    mandate.tool(tool).decide(call)
    const used = process.cpuUsage(before)
    return used.user + used.system
  })
  return Float64Array.from(took).sort()
}
