/** Reads a catalog that is kept beside a log: what a guard knew of the lists of its upstreams. */
import { digestOf } from '../model/digest.ts'
import type { Sha256 } from '../model/id.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import { type Missing, readObject } from './kept.ts'
import { hashIn, objectsIn, textIn } from './said.ts'

export interface KeptItem {
  readonly name: string
  readonly definition?: Sha256
  /** How it stood to its pin. */
  readonly state: string
  /** Why it was hidden beside others. */
  readonly why?: string
}

export interface KeptTool extends KeptItem {
  /** Its definition; absent where that is not kept as it was. */
  readonly raw?: JsonObject
}

export interface KeptUpstream {
  readonly server: string
  readonly tools: readonly KeptTool[]
  readonly prompts: readonly KeptItem[]
  readonly templates: readonly KeptItem[]
  readonly resources: readonly KeptItem[]
}

/** The catalog of this hash, or why there is none. */
export function readCatalog(log: string, name: Sha256): readonly KeptUpstream[] | Missing {
  const bytes = readObject(log, name)
  if (typeof bytes === 'string') return bytes
  const value = parsed(text(bytes))
  if (!value) return 'altered'
  return objectsIn(value, 'upstreams').flatMap((upstream) => {
    const server = textIn(upstream, 'server')
    if (server === undefined) return []
    const definitions = definitionsIn(log, hashIn(upstream, 'definitions'))
    const items = (key: string): readonly KeptItem[] => objectsIn(upstream, key).flatMap(itemOf)
    const tools = items('tools').map((item): KeptTool => {
      const raw = item.definition && definitions.get(item.definition)
      return raw ? { ...item, raw } : item
    })
    const [prompts, templates] = [items('prompts'), items('templates')]
    return [{ server, tools, prompts, templates, resources: items('resources') }]
  })
}

function itemOf(item: JsonObject): readonly KeptItem[] {
  const name = textIn(item, 'name')
  if (name === undefined) return []
  const [definition, why] = [hashIn(item, 's256'), textIn(item, 'why')]
  const known = { ...(definition && { definition }), ...(why !== undefined && { why }) }
  return [{ name, state: textIn(item, 'state') ?? 'pinned', ...known }]
}

/** One a line, each by its own hash; where the whole is not as it was, none of them. */
function definitionsIn(log: string, name: Sha256 | undefined): ReadonlyMap<Sha256, JsonObject> {
  const found = new Map<Sha256, JsonObject>()
  const bytes = name && readObject(log, name)
  if (bytes === undefined || typeof bytes === 'string') return found
  for (const line of text(bytes).split('\n')) {
    const raw = line === '' ? undefined : parsed(line)
    if (raw) found.set(digestOf(line), raw)
  }
  return found
}

function text(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes)
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
