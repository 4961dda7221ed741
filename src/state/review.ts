/**
 * The reviews of one mandate while its guard runs: fed by what goes on record and by time, it suspends, or tells somebody,
 * once for each cause. What was a cause once is kept in the store, beside the budgets, and is none again after a restart;
 * refusals are counted in memory, by each guard for itself: one reviewer hears whatever its guard does under the mandate.
 */
import type { DenyReason } from '../model/decision.ts'
import { callId, type Instant, instant } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { Clock, Notifier, OperationalLog, StateStore } from '../model/port.ts'
import type { EntryBody } from '../model/record.ts'
import type { ReviewTrigger } from '../model/review.ts'
import type { BudgetState, Target } from '../model/state.ts'

export interface ReviewOptions {
  readonly mandate: string
  readonly triggers: readonly ReviewTrigger[]
  readonly store: Pick<StateStore, 'hold' | 'settle' | 'budgets' | 'restrict' | 'together'>
  readonly clock: Pick<Clock, 'now'>
  readonly operational: OperationalLog
  readonly notifier?: Notifier | undefined
  /** Puts on record that a trigger fired. */
  readonly record: (facts: JsonObject) => void
}

interface Cause {
  /** Differs from all that would be another cause of the same trigger. */
  readonly id: string
  readonly why: string
  /** What it is about, where that is one tool. */
  readonly tool?: { readonly server: string; readonly name: string }
}

/** What the agent asked for and was not to have; not what the guard, an upstream or an operator could not do or took back. */
const DENIALS: ReadonlySet<DenyReason> = new Set([
  'unknown_tool',
  'unknown_resource',
  'unknown_prompt',
  'tool_changed',
  'definition_changed',
  'outside_mandate',
  'forbidden',
  'evaluation_error',
  'approval_required',
  'budget_exhausted',
  'header_mismatch',
])

const DAY_MS = 86_400_000
const ALWAYS = instant(0)

export class Reviewer {
  readonly #options: ReviewOptions
  /** Refusals of late, the oldest first, numbered as they came. */
  readonly #denials: { readonly at: Instant; readonly number: number }[] = []
  #denied = 0
  /** The last refusal that each trigger has fired for: from there on it counts anew. */
  readonly #firedFor = new Map<ReviewTrigger, number>()
  /** What is known to be no first use: the store is asked once about each. */
  readonly #used = new Set<string>()
  #usedOn: number | undefined

  constructor(options: ReviewOptions) {
    this.#options = options
  }

  /** What goes on record. Never throws. */
  hear(entry: EntryBody): void {
    this.#safely(() => {
      if (entry.type === 'intent') this.#intent(entry)
      else if (entry.type === 'refusal') this.#refusal(entry)
      else if (entry.type === 'event' && entry.event === 'catalog_changed')
        this.#changed(entry.facts)
    })
  }

  /** Time passes; also asked at the start. Never throws. */
  tick(): void {
    this.#safely(() => {
      const now = this.#options.clock.now()
      for (const trigger of this.#options.triggers) {
        if (trigger.on === 'due' && now >= trigger.at)
          this.#fire(trigger, { id: iso(trigger.at), why: `due since ${iso(trigger.at)}` })
        else if (trigger.on === 'dormant') this.#dormant(trigger, now)
      }
    })
  }

  #intent({ at, call, budgets = [] }: EntryBody & { readonly type: 'intent' }): void {
    const { resource } = call
    for (const trigger of this.#options.triggers) {
      if (trigger.on === 'first_use' && resource.kind === 'tool') this.#firstUse(trigger, resource)
      else if (trigger.on === 'budget') this.#spent(trigger, budgets)
      else if (trigger.on === 'dormant') this.#use(at)
    }
  }

  #firstUse(
    trigger: ReviewTrigger,
    { server, name }: { readonly server: string; readonly name: string },
  ): void {
    const tool = `${server}/${name}`
    if (this.#used.has(tool)) return
    this.#fire(trigger, { id: tool, why: `first use of ${tool}`, tool: { server, name } })
    if (this.#options.triggers.filter(({ on }) => on === 'first_use').at(-1) === trigger)
      this.#used.add(tool)
  }

  #spent(
    trigger: ReviewTrigger & { readonly on: 'budget' },
    budgets: readonly BudgetState[],
  ): void {
    for (const { budget, key, used, limit, from } of budgets) {
      const named = trigger.of === undefined || isCalled(budget, trigger.of)
      if (!named || used * 100 < limit * trigger.percent) continue
      const why = `${trigger.percent}% of ${budget} are used: ${used} of ${limit}`
      this.#fire(trigger, { id: `${key} ${from}`, why })
    }
  }

  #refusal({ at, refusal }: EntryBody & { readonly type: 'refusal' }): void {
    if (!DENIALS.has(refusal.reason)) return
    const longest = this.#options.triggers.reduce(
      (most, one) => (one.on === 'denials' ? Math.max(most, one.withinMs) : most),
      0,
    )
    if (longest === 0) return
    this.#denied += 1
    this.#denials.push({ at, number: this.#denied })
    while ((this.#denials[0]?.at ?? at) <= at - longest) this.#denials.shift()
    for (const trigger of this.#options.triggers)
      if (trigger.on === 'denials') this.#refused(trigger, at)
  }

  #refused(trigger: ReviewTrigger & { readonly on: 'denials' }, at: Instant): void {
    const before = this.#firedFor.get(trigger) ?? 0
    const since = at - trigger.withinMs
    const count = this.#denials.filter((one) => one.number > before && one.at > since).length
    if (count <= trigger.over) return
    const [id, why] = [
      `${iso(at)} ${trigger.over} ${trigger.withinMs}`,
      `${count} refusals within ${trigger.withinMs / 1000} s`,
    ]
    this.#fire(trigger, { id, why })
    // Another so many are another cause, for this trigger: others go on counting.
    this.#firedFor.set(trigger, this.#denied)
  }

  #changed({ server, tool, before, after, drift }: JsonObject): void {
    if (typeof server !== 'string' || typeof tool !== 'string') return
    if (drift !== 'changed' && drift !== 'held') return
    // What was approved meanwhile and changes back is another cause.
    const hashes = [before, after].map((hash) => (typeof hash === 'string' ? hash : '')).join(' ')
    for (const trigger of this.#options.triggers) {
      if (trigger.on !== 'tool_changed') continue
      const why = `the definition of ${server}/${tool} changed`
      this.#fire(trigger, { id: `${server}/${tool} ${hashes}`, why, tool: { server, name: tool } })
    }
  }

  /** Kept by the day: one write a day, whatever is called. */
  #use(at: Instant): void {
    const day = Math.floor(at / DAY_MS)
    if (this.#usedOn !== undefined && day <= this.#usedOn) return
    const { store } = this.#options
    const debit = { budget: 'review', key: this.#key('used'), amount: 1 }
    const limit = Number.MAX_SAFE_INTEGER
    const held = store.hold({
      call: callId('review'),
      at,
      debits: [{ ...debit, limit, from: instant(day * DAY_MS) }],
    })
    if ('held' in held) store.settle(held.held)
    this.#usedOn = day
  }

  #dormant(trigger: ReviewTrigger & { readonly on: 'dormant' }, now: Instant): void {
    const [last] = this.#options.store.budgets(this.#key('used'))
    // A mandate that was never used is dormant from the time on at which a guard was first started under it.
    if (!last) this.#use(now)
    else if (now - last.from >= trigger.afterMs)
      this.#fire(trigger, {
        id: iso(last.from),
        why: `not used since ${iso(last.from).slice(0, 10)}`,
      })
  }

  #fire(trigger: ReviewTrigger, cause: Cause): void {
    const { on, action, to } = trigger
    const { mandate, store, clock, record, operational } = this.#options
    const { why, tool } = cause
    const target = targetOf(trigger, mandate, cause)
    // Both or neither: a cause that is known, and suspended nothing, would never be one again.
    const isNew = store.together(() => {
      if (!this.#isNew(trigger, cause)) return false
      const by = `review ${on}`
      if (target) store.restrict({ target, kind: 'suspended', at: clock.now(), why, by })
      return true
    })
    if (!isNew) return
    const facts = { on, action, mandate, why, ...(tool && { tool: `${tool.server}/${tool.name}` }) }
    operational.warn(facts, 'a review of the mandate is due')
    record(facts)
    if (to !== undefined) void this.#tell(to, facts)
  }

  /** True once for each cause, whichever guard of the machine asks. */
  #isNew(trigger: ReviewTrigger, { id }: Cause): boolean {
    const { store, clock } = this.#options
    const key = this.#key(trigger.on, trigger.action, trigger.to ?? '', id)
    const debit = { budget: 'review', key, amount: 1, limit: 1, from: ALWAYS }
    const held = store.hold({ call: callId('review'), at: clock.now(), debits: [debit] })
    if (!('held' in held)) return false
    store.settle(held.held)
    return true
  }

  #key(...parts: readonly string[]): string {
    return JSON.stringify(['review', this.#options.mandate, ...parts])
  }

  async #tell(to: string, facts: JsonObject): Promise<void> {
    const told = await this.#options.notifier?.notify(to, { event: 'review_triggered', ...facts })
    if (told !== 'delivered')
      this.#options.operational.error({ to, ...facts }, 'nobody could be told of a review')
  }

  /** The call is on record and goes on: where nothing can be kept, the line refuses it by itself. */
  #safely(action: () => void): void {
    try {
      action()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#options.operational.error({ error: why }, 'a review could not be made')
    }
  }
}

function targetOf({ action }: ReviewTrigger, mandate: string, { tool }: Cause): Target | undefined {
  if (action === 'notify') return undefined
  return action === 'suspend_tool' && tool
    ? { kind: 'tool', ...tool }
    : { kind: 'mandate', name: mandate }
}

/** `eur` is `budgets.eur` of the mandate; whole names are meant as they are. */
function isCalled(budget: string, name: string): boolean {
  return budget === name || budget === `budgets.${name}`
}

function iso(at: Instant): string {
  return new Date(at).toISOString()
}
