/**
 * The names agents see. With one upstream its own names pass unchanged; with several, `server__tool`. A server's name
 * holds no `__` and does not end in `_`, so the first `__` always divides and the pair can be told for every name.
 */
import { printExact } from '../model/exact.ts'
import type { Listed, ListMethod } from './offer.ts'

export interface NamePlace {
  readonly server: string
  readonly name: string
}

const DIVIDER = '__'

export class PublicNames {
  readonly #servers: ReadonlySet<string>
  readonly #only: string | undefined

  constructor(servers: readonly string[]) {
    this.#servers = new Set(servers)
    this.#only = servers.length === 1 ? servers[0] : undefined
  }

  /** True with several upstreams: what agents see is not what the upstream calls it. */
  get renames(): boolean {
    return this.#only === undefined
  }

  join(server: string, name: string): string {
    return this.#only === undefined ? `${server}${DIVIDER}${name}` : name
  }

  /** Undefined for a name that stands for nothing here. */
  split(publicName: string): NamePlace | undefined {
    if (this.#only !== undefined) return { server: this.#only, name: publicName }
    const at = publicName.indexOf(DIVIDER)
    if (at <= 0) return undefined
    const server = publicName.slice(0, at)
    const name = publicName.slice(at + DIVIDER.length)
    return this.#servers.has(server) && name !== '' ? { server, name } : undefined
  }
}

/** An item as it is listed: under the name that agents use, and else as its upstream wrote it. */
export function namedText(
  names: PublicNames,
  method: ListMethod,
  server: string,
  item: Listed,
): string {
  const named = method === 'tools/list' || method === 'prompts/list'
  const { name } = item.value
  if (!named || typeof name !== 'string' || !names.renames) return printExact(item.exact)
  return printExact({ ...item.exact, name: names.join(server, name) })
}
