/** The recorded attacks, kept beside the repository and never in it: a bare clone does not have them. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import type { JsonObject } from '../../src/model/json.ts'

const FOLDER = fileURLToPath(new URL('../../../shared/evaluation/guard_attacks/', import.meta.url))

/** False in a clone without `../shared/evaluation`: what reads it is skipped, and says so. */
export const RECORDED: boolean = existsSync(FOLDER)

export interface FrameRow {
  readonly id: string
  readonly cls: string
  readonly raw_b64: string | null
  readonly bytes: number
  readonly expect:
    | 'decide'
    | 'forward'
    | 'reject'
    | 'deny'
    | 'drop'
    | 'scan'
    | 'reject_or_exact'
    | 'reject_or_strip'
  readonly why: string
}
export interface PathRow {
  readonly id: string
  readonly root: string
  readonly path: string
  readonly inside: boolean | null
  readonly why: string
}
export interface UrlRow {
  readonly id: string
  readonly url: string
  readonly allow: boolean
  readonly why: string
}
export interface TestRow {
  readonly id: string
  readonly cls: string
}

function rows(name: string): readonly unknown[] {
  if (!RECORDED) return []
  return readFileSync(join(FOLDER, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}

export const FRAMES: readonly FrameRow[] = rows('wire_frames.jsonl') as readonly FrameRow[]
export const PATHS: readonly PathRow[] = rows('paths.jsonl') as readonly PathRow[]
export const URLS: readonly UrlRow[] = rows('urls.jsonl') as readonly UrlRow[]
export const TESTS: readonly TestRow[] = rows('tests.jsonl') as readonly TestRow[]

const MiB = 1024 * 1024

function call(args: string): string {
  return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fs_read_file","arguments":${args}}}`
}

/** Frames that are recorded as a recipe, because they are large. */
const RECIPES: Readonly<Record<string, () => string>> = {
  'nest-1': () => call(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  'big-1': () => call(`{"path":"${'A'.repeat(9 * MiB)}"}`),
  'big-2': () => `${call('{"path":"').slice(0, -2)}${'B'.repeat(9 * MiB)}`,
  'big-3': () => {
    const members = Array.from({ length: 200_000 }, (_, n) => `"k${n}":${n}`)
    return call(`{${members.join(',')}}`)
  },
}

/** The bytes of a recorded frame, without a newline. */
export function bytesOf(row: FrameRow): Buffer {
  if (row.raw_b64 !== null) return Buffer.from(row.raw_b64, 'base64')
  const recipe = RECIPES[row.id]
  if (!recipe) throw new Error(`no recipe for ${row.id}`)
  return Buffer.from(recipe())
}

export interface NameRow {
  readonly id: string
  readonly name: string
  readonly registered: string
  readonly treat_as_collision: boolean
  readonly why: string
}
export interface Tool extends JsonObject {
  readonly name: string
}
export interface PairRow {
  readonly id: string
  readonly before: Tool
  readonly after: Tool
}
export interface BenignRow {
  readonly id: string
  readonly source: string
  readonly server?: string
  readonly challenge?: string
  readonly where: string
  readonly tool: Tool
}

export const TOOL_NAMES: readonly NameRow[] = rows('tool_names.jsonl') as readonly NameRow[]
export const RUG_PULLS: readonly PairRow[] = rows(
  '../tool_poisoning/rug_pull_pairs.jsonl',
) as readonly PairRow[]

export interface TextRow {
  readonly text: string
  /** Of a poisoned text: the attack, and where it was recorded. */
  readonly attack?: string
}

/** Empty where that file is not there. */
function texts(name: string): readonly TextRow[] {
  return existsSync(join(FOLDER, name)) ? (rows(name) as readonly TextRow[]) : []
}

/** Results that carry orders for the model, and clean ones. */
export const POISONED: readonly TextRow[] = [
  ...texts('../tool_poisoning/malicious_results.jsonl'),
  ...texts('../agentdojo/poisoned_results.jsonl'),
]
export const CLEAN: readonly TextRow[] = texts('../agentdojo/benign_results.jsonl')
export const BENIGN: readonly BenignRow[] = rows(
  '../tool_poisoning/benign_tools.jsonl',
) as readonly BenignRow[]
