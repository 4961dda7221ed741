/** The grants of a mandate as strict as the lock file says that their tools are, for what is judged before any call. */
import { compileGlob } from '../expression/glob.ts'
import { EFFECT_CLASSES, type EffectClass } from '../model/call.ts'
import { Problems } from '../model/document.ts'
import type { Lock } from '../model/lock.ts'
import type { Grant, Mandate } from '../model/mandate.ts'

interface Classified {
  readonly server: string
  readonly name: string
  readonly effect: EffectClass
}

/** A grant is given the strictest effect of its own and of the tools that it names; without one it may name others, too. */
export function asLocked(mandate: Mandate, lock: Lock): Mandate {
  const tools: Classified[] = []
  for (const [server, { definitions }] of lock.upstreams) {
    for (const { name, effect } of definitions.tool.values()) {
      if (effect) tools.push({ server, name, effect })
    }
  }
  return { ...mandate, grants: mandate.grants.map((grant) => raised(grant, tools)) }
}

function raised(grant: Grant, tools: readonly Classified[]): Grant {
  if (grant.kind !== 'tool') return grant
  const { place } = grant
  const problems = new Problems()
  const server = compileGlob({ text: grant.server, place }, 'server', problems)
  const name = compileGlob({ text: grant.name, place }, 'tool', problems)
  if (!server || !name) return grant
  // A wildcard may name a tool that nobody classified: without an effect of its own it stays without.
  if (grant.effect === undefined && !(server.literal && name.literal)) return grant
  const named = tools.filter((tool) => server.matches(tool.server) && name.matches(tool.name))
  const said = [grant.effect, ...named.map(({ effect }) => effect)]
  const effect = EFFECT_CLASSES.findLast((one) => said.includes(one))
  return effect === undefined || effect === grant.effect ? grant : { ...grant, effect }
}
