/**
 * What is taken back takes effect on what is under way: calls are called off and answers to them withheld, nobody is asked
 * anything more on their account, subscriptions and upstreams end, and agents hear that their lists changed.
 */
import type { CallContext, Resource } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import { GuardError } from '../model/error.ts'
import type { OperationalLog, Timers } from '../model/port.ts'
import type { Departure, ForwardPort, RestrictedPort } from '../pipeline/port.ts'
import { isUnusable, thingTakenBack } from '../pipeline/taken-back.ts'
import type { Asks, Question } from './asks.ts'
import type { Audience } from './audience.ts'
import type { Notices } from './notice.ts'
import type { Parking } from './parking.ts'
import type { Relay } from './relay.ts'
import { type Session, Underway } from './session.ts'
import type { Link } from './upstream/link.ts'
import type { Watch } from './watch.ts'

/** What is taken back of one mandate and its agent, with a name for all of it together. */
export interface Restricted extends RestrictedPort {
  /** Another text whenever something else is taken back. */
  stamp(): string
}

/** Says that something was taken back, or lifted; what the listener returns is waited for before that counts as in effect. */
export interface Changes {
  /** The returned function ends it. */
  onChange(listener: () => Promise<void>): () => void
}

export interface TakenBackOptions {
  readonly restricted: Restricted
  readonly links: readonly Link[]
  readonly timers: Timers
  readonly asks: Pick<Asks, 'callOff'>
  readonly parking: Pick<Parking, 'callOff'>
  readonly watch: Pick<Watch, 'withdraw'>
  readonly notices: Pick<Notices, 'swapped' | 'overturned'>
  readonly audience: Pick<Audience, 'dismiss'>
  /** Knows the calls under way, whether they have left or not. */
  readonly relay: Pick<Relay, 'calls'>
  readonly operational: OperationalLog
}

/** How long what was called off may take to be concluded, and lists to be read again, before the change counts as in effect. */
const PATIENCE_MS = 1000

/** Why nothing of an upstream, or this of it, may be used now; undefined where it may. What cannot be looked up may not. */
export function takenNow(
  restricted: RestrictedPort,
  of: Resource | string,
): DenyReason | undefined {
  try {
    const thing = typeof of === 'string' ? restricted.thing(of) : thingTakenBack(of, restricted)
    return restricted.standing() ?? thing
  } catch (error) {
    if (isUnusable(error)) return 'state_unavailable'
    throw error
  }
}

/** @throws what the port under it throws, for what is not taken back */
export function unlessTaken(upstreams: ForwardPort, restricted: RestrictedPort): ForwardPort {
  return { forward: (departure) => leave(departure, upstreams, restricted) }
}

/** What comes back of a call that was taken back meanwhile is withheld, also where nobody has called it off yet. */
async function leave(
  departure: Departure,
  upstreams: ForwardPort,
  restricted: RestrictedPort,
): Promise<Awaited<ReturnType<ForwardPort['forward']>>> {
  const { call, cancelled } = departure
  const taken = (): boolean => {
    const why = takenNow(restricted, call.resource)
    if (why !== undefined && cancelled instanceof Underway) cancelled.callOff(why)
    return why !== undefined
  }
  try {
    const answer = await upstreams.forward(departure)
    return typeof answer !== 'string' && taken() ? 'called_off' : answer
  } catch (error) {
    if (!(error instanceof GuardError) || !taken()) throw error
    return NOTHING_LEFT.has(error.code) ? 'cancelled' : 'called_off'
  }
}

const NOTHING_LEFT: ReadonlySet<string> = new Set(['ERR_UPSTREAM_DOWN', 'ERR_DEFINITION_CHANGED'])

type Standing = ReturnType<RestrictedPort['standing']> | 'state_unavailable'

export class TakenBack {
  readonly #options: TakenBackOptions
  #standing: Standing
  #stamp = ''

  constructor(options: TakenBackOptions) {
    this.#options = options
    this.#standing = this.#standingNow()
    this.#stamp = this.#stampNow()
    this.#barLinks()
  }

  /** Puts into effect what is taken back now, and lifts what no longer is. */
  async effect(): Promise<void> {
    const { notices, audience } = this.#options
    const [before, stamp] = [this.#standing, this.#stamp]
    this.#standing = this.#standingNow()
    this.#stamp = this.#stampNow()
    if (before === this.#standing && stamp === this.#stamp) return
    const concluded = this.#callOff().map((underway) => underway.over())
    this.#barLinks()
    if (before !== this.#standing) notices.overturned()
    const told = before === this.#standing ? notices.swapped() : Promise.resolve()
    if (this.#standing === 'mandate_revoked') audience.dismiss()
    await this.#patiently(Promise.all([...concluded, told]))
  }

  /** What cannot be looked up now lets nothing new out, and withholds what comes back; it may be looked up again in a moment. */
  #callOff(): readonly Underway[] {
    const { restricted, asks, parking, watch, links } = this.#options
    if (this.#standing === 'state_unavailable') return []
    const why = ({ resource }: CallContext): DenyReason | undefined =>
      takenNow(restricted, resource)
    const called = this.#underWay().filter(({ underway, call }) => {
      const reason = call ? why(call) : this.#standing
      if (reason !== undefined) underway.callOff(reason)
      return reason !== undefined
    })
    parking.callOff((call) => why(call) !== undefined)
    asks.callOff((question, session) => this.#isTaken(question, session))
    const withdrawn = watch.withdraw(({ call }) => why(call) !== undefined, links)
    withdrawn.catch((fault: unknown) => this.#fault(fault))
    return called.map(({ underway }) => underway)
  }

  /** Calls under way, with what they are where they have left; of others the line finds out before they do. */
  #underWay(): readonly { readonly underway: Underway; readonly call?: CallContext }[] {
    const { links, relay } = this.#options
    const calls = new Map<Underway, CallContext>()
    for (const { session, request, letOut } of links.flatMap((link) => link.errands())) {
      const one = session.inflight.get(request)
      if (one) calls.set(one, letOut.call)
    }
    return [...relay.calls()].map((one) => {
      const call = calls.get(one)
      return call ? { underway: one, call } : { underway: one }
    })
  }

  #isTaken({ server, about }: Question, session: Session): boolean {
    if (takenNow(this.#options.restricted, server) !== undefined) return true
    return about !== undefined && session.inflight.get(about)?.aborted === true
  }

  /** What is suspended goes on where it stopped; what is revoked has no use for a process. */
  #barLinks(): void {
    const { links, restricted } = this.#options
    // Nothing is known: what runs stays, and nobody reaches it.
    if (this.#standing === 'state_unavailable') return
    for (const link of links) {
      const revoked =
        this.#standing === 'mandate_revoked' || restricted.thing(link.server) === 'revoked'
      if (revoked) link.bar()
      else link.unbar()
    }
  }

  #fault(fault: unknown): void {
    const error = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
    this.#options.operational.error({ error }, 'a fault in the guard')
  }

  #standingNow(): Standing {
    try {
      return this.#options.restricted.standing()
    } catch (error) {
      if (isUnusable(error)) return 'state_unavailable'
      throw error
    }
  }

  #stampNow(): string {
    return this.#standing === 'state_unavailable' ? this.#stamp : this.#options.restricted.stamp()
  }

  async #patiently(all: Promise<unknown>): Promise<void> {
    let stop = (): void => undefined
    const patience = new Promise<void>((resolve) => {
      stop = this.#options.timers.after(PATIENCE_MS, resolve)
    })
    await Promise.race([all, patience])
    stop()
  }
}
