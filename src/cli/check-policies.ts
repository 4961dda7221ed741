/** What `check` finds in policies: they are held against what the upstreams offer, or else what the lock file approves. */
import { policyText, readPolicyFiles } from '../config/policy-files.ts'
import { readText } from '../document/read.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { type DocNode, plain, Problems } from '../model/document.ts'
import { printExact } from '../model/exact.ts'
import { isObject } from '../model/json.ts'
import type { Lock } from '../model/lock.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { Finding } from '../policy/lint/finding.ts'
import { lint } from '../policy/lint/lint.ts'
import { rulesTested } from '../policy/lint/tested.ts'
import type { PolicySet } from './launch.ts'
import { classified } from './offered.ts'
import type { Probed } from './probe.ts'

/** What is known when the upstreams were asked, or not. */
export interface Known {
  readonly mandates: readonly CompiledMandate[]
  readonly servers: readonly string[]
  readonly lock?: Lock
  /** Under each mandate; empty where nobody was asked. */
  readonly probed: readonly Probed[]
}

export function policyFindings({ load }: PolicySet, known: Known): readonly Finding[] {
  const { policies, engines, folder } = load
  const { mandates, servers, probed } = known
  const tools = toolsKnown(known)
  const tests = rulesTested(testsIn(folder), policies)
  const failed = probed.flatMap((one) => one.failed.map(({ server }) => server))
  const silent = new Set(failed)
  return lint({ policies, mandates, ...(tools && { tools }), servers, silent, tests, engines })
}

/** Undefined where nobody was asked and nothing is approved. */
export function toolsKnown({ lock, probed }: Known): readonly ToolDefinition[] | undefined {
  return probed.length > 0 ? offeredBy(probed, lock) : lock && approvedBy(lock)
}

/** Each tool once, with the effect that the lock file gives it. */
function offeredBy(probed: readonly Probed[], lock: Lock | undefined): readonly ToolDefinition[] {
  const all = probed.flatMap((one) => classified(one, lock).tools)
  return [...new Map(all.map((tool) => [`${tool.server}/${tool.name}`, tool])).values()]
}

function approvedBy({ upstreams }: Lock): readonly ToolDefinition[] {
  return [...upstreams].flatMap(([server, { definitions }]) =>
    [...definitions.tool.values()].flatMap(({ name, value, digest, effect }) => {
      const { node } = readText(printExact(value), `${name}.json`)
      const raw = node && plain(node)
      if (raw === undefined || !isObject(raw)) return []
      return [{ server, name, raw, definition: digest, ...(effect && { lockedEffect: effect }) }]
    }),
  )
}

/** Whoever runs the tests is told what is wrong with them. */
function testsIn(folder: string): readonly DocNode[] {
  const tests = readPolicyFiles(folder).files.filter(({ kind }) => kind === 'test')
  return tests.flatMap((file) => {
    const text = policyText(file, new Problems())
    return text === undefined ? [] : (readText(text, file.path).node ?? [])
  })
}
