/** The mandate that policies are tested alone under: whoever it is for, everything is permitted. */
import type { Outcome } from '../../model/decision.ts'
import type { Authority, CompiledMandate } from '../../model/authority.ts'
import { EFFECT_CLASSES, type EffectClass } from '../../model/call.ts'
import { digestOf } from '../../model/digest.ts'
import { instant } from '../../model/id.ts'
import type { Mandate, Purpose } from '../../model/mandate.ts'

export interface Who {
  readonly agent: string
  readonly owner?: string
  readonly purpose: Purpose
}

/** Not for a guard: it has no limits and no end worth the name. */
export function everything({ agent, owner, purpose }: Who): CompiledMandate {
  const mandate: Mandate = {
    name: 'everything',
    agent,
    purpose,
    ...(owner !== undefined && { owner }),
    environment: [],
    valid: { until: instant(Date.UTC(9999, 11, 31)) },
    context: new Map(),
    grants: [],
    never: [],
    requests: new Map(),
    roles: [],
    file: 'everything',
    digest: digestOf('everything'),
    signed: false,
  }
  // Policies remember what they make of an authority with that authority.
  const known = new Map<string, Authority>()
  const permitted = (name: string, effect?: EffectClass): Authority => {
    const key = `${effect ?? ''} ${name}`
    const found = known.get(key) ?? permit(effect)
    known.set(key, found)
    return found
  }
  return {
    mandate,
    queries: [],
    overheard: () => ({ labels: [], detectors: [] }),
    tool: ({ server, name, lockedEffect }) => permitted(`tool ${server}/${name}`, lockedEffect),
    names: () => true,
    resource: (server, uri) => permitted(`resource ${server}/${uri}`),
    prompt: (server, name) => permitted(`prompt ${server}/${name}`),
    resourceListed: () => true,
    templateListed: () => true,
    permitsRequest: () => true,
    validity: () => 'valid',
    unmatched: () => [],
  }
}

function permit(effect: EffectClass | undefined): Authority {
  const decision = {
    effect: 'permit',
    reason: 'permitted',
    grants: ['everything'],
    facts: {},
  } as const
  return {
    listed: true,
    effects: effect ? [effect] : EFFECT_CLASSES,
    named: effect ? [effect] : [],
    data: [],
    problems: [],
    decide: () => decision,
    explain: () => [],
    possible: () => PERMITTED,
    reads: () => NOTHING,
  }
}

const PERMITTED: ReadonlySet<Outcome> = new Set(['permitted'])
const NOTHING = { names: [], paths: [] }
