/** What one upstream offers: its lists, all pages gathered, each definition hashed and kept as it was sent. */
import { digestOf } from '../model/digest.ts'
import { GuardError } from '../model/error.ts'
import type { Sha256 } from '../model/id.ts'
import { canonicalExact } from '../model/exact.ts'
import { member, type JsonObject } from '../model/json.ts'
import { itemsOf, type ExactItem } from './exact.ts'
import type { DefinitionKind } from '../model/lock.ts'
import { nextMeta, type Dress } from './envelope.ts'
import type { Link } from './upstream/link.ts'

/** The four lists of MCP: the method, and the member of its result that holds the items. */
export const LISTS = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
} as const
export type ListMethod = keyof typeof LISTS

/** The capability an upstream has to declare before it is asked for a list. */
export const LIST_CAPABILITY: Readonly<Record<ListMethod, string>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
}

/** What kind of definition a list holds, where it is pinned. */
export const KIND_OF: Readonly<Partial<Record<ListMethod, DefinitionKind>>> = {
  'tools/list': 'tool',
  'prompts/list': 'prompt',
  'resources/templates/list': 'template',
}

export interface Listed extends ExactItem {
  /** Hash of the canonical definition. */
  readonly definition: Sha256
}

export interface Offer {
  readonly items: readonly Listed[]
  /** Hash over all definitions in order. */
  readonly digest: Sha256
  /** Items that were no objects. */
  readonly strange: number
}

/** How a request for a list is dressed. */
export interface ListDress extends Dress {
  readonly capabilities: JsonObject
}

const MAX_PAGES = 1000
const MAX_ITEMS = 100_000
/** All pages of one list together, in UTF-16 code units. */
const MAX_LENGTH = 32 * 1024 * 1024

/**
 * `dress` says what a client can be asked for as well: a modern upstream is told with each request, and may list less for
 * one that cannot be asked.
 *
 * @throws GuardError when the upstream does not answer, or its pages do not end
 */
export async function fetchOffer(link: Link, method: ListMethod, dress: ListDress): Promise<Offer> {
  const items: Listed[] = []
  const seen = new Set<string>()
  let cursor: string | undefined
  let strange = 0
  let length = 0
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await link.send(method, () => JSON.stringify(listParams(dress, cursor))).answer
    if (answer === 'cancelled' || answer.part === 'error') {
      throw new GuardError(
        'ERR_UPSTREAM_DOWN',
        `\`${link.server}\` answered ${method} with an error`,
      )
    }
    length += answer.text.length
    if (length > MAX_LENGTH) break
    const found = itemsOf(answer.text, answer.value, LISTS[method])
    strange += found.strange
    for (const item of found.items)
      items.push({ ...item, definition: digestOf(canonicalExact(item.exact)) })
    const next = member(answer.value, 'nextCursor')
    if (typeof next !== 'string' || next === '') return finished(items, strange)
    if (seen.has(next) || items.length > MAX_ITEMS) break
    seen.add(next)
    cursor = next
  }
  throw new GuardError(
    'ERR_UPSTREAM_DOWN',
    `\`${link.server}\` lists more under ${method} than the guard holds`,
  )
}

function finished(items: readonly Listed[], strange: number): Offer {
  return { items, strange, digest: digestOf(items.map((item) => item.definition).join('\n')) }
}

function listParams(dress: ListDress, cursor: string | undefined): JsonObject {
  const meta = nextMeta({}, dress, { capabilities: dress.capabilities })
  return { ...(cursor === undefined ? {} : { cursor }), ...(meta ? { _meta: meta } : {}) }
}
