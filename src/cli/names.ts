/** Which of the definitions that upstreams offer would be hidden on account of their names, before a guard runs. */
import type { Offered } from '../config/approved.ts'
import type { Grant } from '../model/mandate.ts'
import { nameFault } from '../model/plain-name.ts'
import { type Contender, rivalsAmong } from '../model/rival.ts'

/** Who has spoken for it; undefined where no agent would see it. */
export type StandingOf = (one: Offered) => Contender['standing'] | undefined

/** Why each of them is hidden, for operators. A URI template is no name. */
export function hiddenNames(
  offered: readonly Offered[],
  standingOf: StandingOf,
  servers: readonly string[],
): ReadonlyMap<Offered, string> {
  const hidden = new Map<Offered, string>()
  for (const one of offered) {
    const fault = one.kind === 'template' ? undefined : nameFault(one.name)
    if (fault !== undefined) hidden.set(one, fault)
  }
  const named = offered.filter((one) => !hidden.has(one))
  for (const same of Map.groupBy(named, keyOf).values()) {
    if (new Set(same.map(({ digest }) => digest)).size === 1) continue
    for (const one of same) hidden.set(one, 'its name is given to two definitions')
  }
  for (const kind of ['tool', 'prompt'] as const) {
    const own = named.filter((one) => one.kind === kind && !hidden.has(one))
    for (const [one, why] of lostAmong(own, standingOf, servers)) hidden.set(one, why)
  }
  return hidden
}

function keyOf({ server, kind, name }: Offered): string {
  return `${kind} ${server}/${name}`
}

function lostAmong(
  own: readonly Offered[],
  standingOf: StandingOf,
  servers: readonly string[],
): ReadonlyMap<Offered, string> {
  const contenders = own.flatMap((offered) => {
    const { server, name } = offered
    const standing = standingOf(offered)
    const rank = servers.indexOf(server)
    return standing ? [{ offered, server, name, standing, rank, late: false }] : []
  })
  return new Map([...rivalsAmong(contenders)].map(([{ offered }, why]) => [offered, why]))
}

/** True where a grant writes the name out. */
export function isNamed({ grants }: { readonly grants: readonly Grant[] }, one: Offered): boolean {
  return grants.some(
    ({ kind, server, name }) => kind === one.kind && server === one.server && name === one.name,
  )
}
