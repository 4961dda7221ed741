/** What is taken back, as the line asks it: for one mandate and its agent, for one upstream and one of its tools. */
import { type Instant, instant } from '../model/id.ts'
import type { Clock, StateStore } from '../model/port.ts'
import type { Restriction, Restrictions, Target } from '../model/state.ts'

/** Who asks. */
export interface Who {
  readonly mandate: string
  /** Undefined where nobody knows which agent it is. */
  readonly agent: string | undefined
}

/**
 * Every answer holds for the turn of the event loop that it is given in, and no longer: what another process took back
 * before a later turn is seen there.
 *
 * @throws GuardError ERR_STATE_UNUSABLE from every method when the store cannot be read
 */
export interface Restricted {
  /** Why nothing at all may be done. */
  standing(): 'mandate_revoked' | 'mandate_suspended' | undefined
  /** Why nothing of an upstream, or this tool of it, may be used. */
  thing(server: string, tool?: string): 'revoked' | 'suspended' | undefined
  /** Another text whenever another set of restrictions counts. */
  stamp(): string
}

/** Everything that counts at one moment, ready to be asked. */
interface Effective {
  readonly stamp: string
  readonly standing: ReturnType<Restricted['standing']>
  /** By `server`, or `server` and tool on two lines. */
  readonly things: ReadonlyMap<string, Restriction['kind']>
}

interface Compiled extends Effective {
  readonly of: Restrictions
  /** It holds from here to there, unless something else is taken back. */
  readonly from: Instant
  readonly to: Instant
}

export function restrictedFor(
  store: Pick<StateStore, 'restrictions'>,
  clock: Pick<Clock, 'now'>,
  who: Who,
): Restricted {
  let compiled: Compiled | undefined
  let known: Effective | undefined
  const forget = (): void => {
    known = undefined
  }
  const effect = (): Effective => {
    if (known) return known
    const view = store.restrictions()
    const now = clock.now()
    if (compiled?.of !== view || now < compiled.from || now >= compiled.to)
      compiled = compile(view, who, now)
    known = compiled
    // Whoever asks next in this turn is answered alike, and nobody after it.
    queueMicrotask(forget)
    return known
  }
  return {
    standing: () => effect().standing,
    thing: (server, tool) => {
      const { things } = effect()
      if (things.size === 0) return undefined
      const whole = things.get(server)
      const own = tool === undefined ? undefined : things.get(toolKey(server, tool))
      return whole === 'revoked' ? whole : (own ?? whole)
    },
    stamp: () => effect().stamp,
  }
}

function toolKey(server: string, tool: string): string {
  return `${server}\n${tool}`
}

/** A suspension that has an end is over from that moment on. */
export function counts({ until }: Restriction, now: Instant): boolean {
  return until === undefined || now < until
}

/** Whether a restriction is about all that somebody does. */
export function isAbout(target: Target, { mandate, agent }: Who): boolean {
  switch (target.kind) {
    case 'everything':
      return true
    case 'mandate':
      return target.name === mandate
    case 'agent':
      return target.name === agent
    case 'upstream':
    case 'tool':
      return false
  }
}

/** When the first suspension that counts now ends. */
export function nextEnd({ all }: Restrictions, now: Instant): Instant {
  let end = instant(Number.MAX_SAFE_INTEGER)
  for (const one of all)
    if (one.until !== undefined && now < one.until && one.until < end) end = one.until
  return end
}

function compile(view: Restrictions, who: Who, now: Instant): Compiled {
  const ids: number[] = []
  const things = new Map<string, Restriction['kind']>()
  let standing: Effective['standing']
  for (const one of view.all) {
    const { target, kind } = one
    if (!counts(one, now)) continue
    if (isAbout(target, who)) {
      if (standing !== 'mandate_revoked')
        standing = kind === 'revoked' ? 'mandate_revoked' : 'mandate_suspended'
    } else if (target.kind === 'upstream') put(things, target.name, kind)
    else if (target.kind === 'tool') put(things, toolKey(target.server, target.name), kind)
    else continue
    ids.push(one.id)
  }
  const stamp = ids.toSorted((one, other) => one - other).join()
  return { of: view, from: now, to: nextEnd(view, now), stamp, standing, things }
}

/** A suspension never weakens a revocation. */
function put(
  things: Map<string, Restriction['kind']>,
  key: string,
  kind: Restriction['kind'],
): void {
  if (things.get(key) !== 'revoked') things.set(key, kind)
}
