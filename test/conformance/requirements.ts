/** The frozen sets of requirements that come with the suite: which scenarios a revision has, and which of them count. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { isList, isObject, type Json } from '../../src/model/json.ts'
import type { Revision } from './options.ts'
import type { Mode } from './results.ts'

export interface Requirements {
  /** All scenarios that the suite runs for the revision, the required ones first. */
  readonly scenarios: readonly string[]
  /** Those that decide whether an implementation conforms; the others are extensions or came later. */
  readonly required: ReadonlySet<string>
}

const PACKAGE = dirname(
  fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/package.json')),
)
/** The suite's command. */
export const SUITE: string = join(PACKAGE, 'dist', 'index.js')

/** @throws Error when the set is not there, or is not written as it is in the release that is pinned. */
export function readRequirements(revision: Revision, mode: Mode): Requirements {
  const file = join(PACKAGE, 'requirements', `${revision}.yaml`)
  const written: unknown = parse(readFileSync(file, 'utf8'))
  const set = isObject(written) ? written : {}
  const required = namesIn(set[mode])
  const more = listIn(set['not_scored']).flatMap((entry) =>
    isObject(entry) && entry['leg'] === mode ? namesIn([entry['scenario'] ?? null]) : [],
  )
  if (required.length === 0) throw new Error(`${file} requires nothing of a ${mode}`)
  return { scenarios: [...required, ...more], required: new Set(required) }
}

function listIn(value: Json | undefined): readonly Json[] {
  return value !== undefined && isList(value) ? value : []
}

function namesIn(value: Json | undefined): readonly string[] {
  return listIn(value).flatMap((name) => (typeof name === 'string' ? [name] : []))
}
