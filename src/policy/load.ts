/** From the texts of a policy folder to a compiled set: all that is wrong is found at once. */
import { readText } from '../document/read.ts'
import { Problems } from '../model/document.ts'
import type { Problem } from '../model/document.ts'
import type { Sha256 } from '../model/id.ts'
import { type CompiledPolicies, compilePolicies, type EngineSelection } from './compile.ts'
import { parsePolicy } from './parse.ts'

/** One policy file as it was read. */
export interface PolicyText {
  /** As problems name it. */
  readonly file: string
  readonly text: string
}

export interface LoadedPolicies {
  /** Absent when there is an error among the problems. */
  readonly policies?: CompiledPolicies
  readonly problems: readonly Problem[]
}

/** Never throws for what a person wrote. */
export function loadPolicies(
  texts: readonly PolicyText[],
  engines: readonly EngineSelection[],
  revision: Sha256,
): LoadedPolicies {
  const problems = new Problems()
  const files = texts.flatMap(({ file, text }) => {
    const found = new Problems()
    const read = readText(text, file)
    for (const problem of read.problems) found.add(problem)
    const policy = read.node && parsePolicy({ node: read.node, file }, found)
    for (const problem of found.list) problems.add(problem)
    return policy ?? []
  })
  // A set of which a file could not be read is not compiled: what is missing might forbid.
  const policies = problems.bad
    ? undefined
    : compilePolicies({ files, engines, revision }, problems)
  return policies ? { policies, problems: problems.list } : { problems: problems.list }
}
