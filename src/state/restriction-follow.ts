/** A guard follows what is taken back: it takes effect, goes on record where it is about this guard, and counts as seen. */
import type { Instant } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { RunningGuard } from '../model/port.ts'
import type { Restriction, Target } from '../model/state.ts'
import {
  type RestrictionChange,
  RestrictionWatch,
  type RestrictionWatchOptions,
} from './restriction-watch.ts'

export interface FollowOptions extends Omit<RestrictionWatchOptions, 'onEffect'> {
  readonly self: Pick<RunningGuard, 'mandates' | 'upstreams'>
  /** Puts it on record; never rejects. */
  readonly record: (event: 'restricted' | 'lifted', facts: JsonObject) => Promise<void>
}

/** Not started yet: whoever is to be told says so first. */
export function followRestrictions({ self, record, ...options }: FollowOptions): RestrictionWatch {
  return new RestrictionWatch({
    ...options,
    onEffect: async (change) => {
      const now = options.clock.now()
      await Promise.all(entriesOf(change, self, now).map(([event, facts]) => record(event, facts)))
    },
  })
}

/** What a guard puts on record of a change, as far as it is about the guard. */
export function entriesOf(
  { added, ended, when }: RestrictionChange,
  self: FollowOptions['self'],
  now: Instant,
): readonly (readonly ['restricted' | 'lifted', JsonObject])[] {
  const lifted = ended
    .filter(({ restriction, how }) => how !== 'replaced' && touches(restriction.target, self))
    .map(({ restriction, how, lifted }) => {
      // Who ended it, and why, where that is kept; what is over has ended itself.
      const said = lifted ?? { by: undefined, why: undefined, at: restriction.until }
      const facts = {
        ...factsOf(restriction),
        how,
        by: said.by ?? null,
        why: said.why ?? null,
        ...timesOf(said.at, when, now),
      }
      return ['lifted', facts] as const
    })
  const restricted = added
    .filter(({ target }) => touches(target, self))
    .map((one) => {
      const facts = { ...factsOf(one), ...timesOf(one.at, when, now) }
      return ['restricted', facts] as const
    })
  return [...lifted, ...restricted]
}

/** The time from the command to its effect is measured between two processes of one machine. */
function timesOf(
  at: Instant | undefined,
  when: RestrictionChange['when'],
  now: Instant,
): JsonObject {
  if (at === undefined) return {}
  const effect = when === 'running' ? { effect_ms: Math.max(0, now - at) } : {}
  return { at: iso(at), ...effect }
}

function factsOf({ id, target, kind, why, by, until }: Restriction): JsonObject {
  return {
    id,
    target: { ...target },
    kind,
    why,
    by,
    ...(until !== undefined && { until: iso(until) }),
  }
}

/** Whether a guard serves what a target names. */
export function touches(target: Target, { mandates, upstreams }: FollowOptions['self']): boolean {
  switch (target.kind) {
    case 'everything':
      return true
    case 'mandate':
      return mandates.some(({ name }) => name === target.name)
    case 'agent':
      return mandates.some(({ agent }) => agent === target.name)
    case 'upstream':
      return upstreams.includes(target.name)
    case 'tool':
      return upstreams.includes(target.server)
  }
}

function iso(at: Instant): string {
  return new Date(at).toISOString()
}
