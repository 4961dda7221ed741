/** Which of the definitions that upstreams offer would be hidden on account of their names, before a guard runs. */
import type { Offered } from '../config/approved.ts'
import type { Lock } from '../model/lock.ts'
import type { Grant } from '../model/mandate.ts'
import { nameFault } from '../model/plain-name.ts'
import { type Contender, rivalsAmong } from '../model/rival.ts'

/** What is known before the names are compared. */
export interface Standings {
  /** What the lock file approves: its names keep their places, whether they are offered now or not. */
  readonly approved: Lock['upstreams']
  /** Who has spoken for what the lock file does not have; undefined where no agent would see it. */
  readonly standingOf: (one: Offered) => Contender['standing'] | undefined
  /** All upstreams, in the order of `mcp.json`. */
  readonly servers: readonly string[]
}

/** Why an agent is not shown it. */
export interface Hidden {
  /** For operators. */
  readonly why: string
  /** True where the guard knows it and says that it is not what was approved; else there is no such thing for it. */
  readonly known: boolean
}

/** Those that are hidden. A URI template is no name. */
export function hiddenNames(
  offered: readonly Offered[],
  standings: Standings,
): ReadonlyMap<Offered, Hidden> {
  const hidden = new Map<Offered, Hidden>()
  for (const one of offered) {
    const fault = one.kind === 'template' ? undefined : nameFault(one.name)
    if (fault !== undefined) hidden.set(one, { why: fault, known: false })
  }
  const named = offered.filter((one) => !hidden.has(one))
  for (const same of Map.groupBy(named, keyOf).values()) {
    if (new Set(same.map(({ digest }) => digest)).size === 1) continue
    const why = 'its name is given to two definitions'
    for (const one of same) {
      if (!isPinned(standings.approved, one)) hidden.set(one, { why, known: false })
    }
  }
  for (const kind of ['tool', 'prompt'] as const) {
    const own = named.filter((one) => one.kind === kind && !hidden.has(one))
    for (const [one, why] of lostAmong(own, kind, standings)) hidden.set(one, { why, known: true })
  }
  return hidden
}

function isPinned(approved: Lock['upstreams'], { server, kind, name, digest }: Offered): boolean {
  return approved.get(server)?.definitions[kind].get(name)?.digest === digest
}

function keyOf({ server, kind, name }: Pick<Offered, 'server' | 'kind' | 'name'>): string {
  return `${kind} ${server}/${name}`
}

function lostAmong(
  own: readonly Offered[],
  kind: 'tool' | 'prompt',
  { approved, standingOf, servers }: Standings,
): readonly (readonly [Offered, string])[] {
  const names = (server: string): ReadonlyMap<string, unknown> | undefined =>
    approved.get(server)?.definitions[kind]
  const rankOf = (server: string): { readonly rank: number; readonly late: false } => ({
    rank: servers.indexOf(server),
    late: false,
  })
  const present = own.flatMap((offered) => {
    const { server, name } = offered
    const standing = names(server)?.has(name) === true ? 'approved' : standingOf(offered)
    return standing ? [{ offered, server, name, standing, ...rankOf(server) }] : []
  })
  const offeredNames = new Set(own.map(keyOf))
  const absent = servers.flatMap((server) =>
    [...(names(server)?.keys() ?? [])]
      .filter((name) => !offeredNames.has(keyOf({ server, kind, name })))
      .map((name) => ({ server, name, standing: 'approved' as const, ...rankOf(server) })),
  )
  return [
    ...rivalsAmong<Contender & { readonly offered?: Offered }>([...present, ...absent]),
  ].flatMap(([{ offered }, why]) => (offered ? [[offered, why] as const] : []))
}

/** True where a grant writes the name out. */
export function isNamed({ grants }: { readonly grants: readonly Grant[] }, one: Offered): boolean {
  return grants.some(
    ({ kind, server, name }) => kind === one.kind && server === one.server && name === one.name,
  )
}
