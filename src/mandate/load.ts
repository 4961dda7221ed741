/** Loads a mandate from its file, with its roles. */
import { readDocument } from '../document/read.ts'
import { type Problem, Problems } from '../model/document.ts'
import type { Mandate } from '../model/mandate.ts'
import { parseMandate } from './parse.ts'

export interface LoadedMandate {
  /** Absent when there is an error among the problems. */
  readonly mandate?: Mandate
  readonly problems: readonly Problem[]
}

/** Reads and parses; never throws for what a person wrote. An expired mandate loads: `validity()` tells. */
export function loadMandate(path: string): LoadedMandate {
  const problems = new Problems()
  const read = readDocument(path)
  for (const problem of read.problems) problems.add(problem)
  if (!read.node || read.digest === undefined) return { problems: problems.list }
  const source = { node: read.node, file: path, digest: read.digest }
  const mandate = parseMandate(source, readDocument, problems)
  return mandate ? { mandate, problems: problems.list } : { problems: problems.list }
}
