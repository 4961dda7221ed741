/** What a guard does, counted from what goes on record. The one source of what Prometheus and OpenTelemetry are told. */
import type { Clock } from '../../model/port.ts'
import type { EntryBody } from '../../model/record.ts'
import type { BudgetState, Restriction } from '../../model/state.ts'
import type { Seen } from '../observe.ts'
import { effectOf, methodOf, shownName, toolOf } from './call-facts.ts'
import { guardMetrics } from './metrics.ts'
import { TOOL_ERROR } from './names.ts'
import { type Collected, LabelSet, MOST_SERIES, OTHER } from './registry.ts'

const MOST_TOOLS = 200
const MOST_BUDGETS = 200
/** Calls under way whose times are remembered. */
const MOST_OPEN = 10_000

type Body<Type extends EntryBody['type']> = Extract<EntryBody, { readonly type: Type }>

export interface MeasureOptions {
  readonly clock: Clock
  readonly version: string
  /** The upstreams of the settings: no other is ever named. */
  readonly servers: readonly string[]
  /** What is taken back now, asked when somebody looks. */
  readonly restrictions?: () => readonly Restriction[]
  /** What else is counted. */
  readonly more?: () => readonly Collected[]
}

interface Open {
  readonly labels: readonly [method: string, tool: string]
  readonly server: string
  readonly effect: string
  readonly leftAt: number
}

export class Measures {
  readonly #options: MeasureOptions
  readonly #servers: LabelSet
  readonly #tools = new LabelSet(MOST_TOOLS)
  readonly #open = new Map<string, Open>()
  readonly #budgets = new Map<string, BudgetState>()
  readonly #m = guardMetrics()

  constructor(options: MeasureOptions) {
    this.#options = options
    this.#servers = new LabelSet(options.servers.length, options.servers)
    this.#m.info.set([options.version], 1)
  }

  /** An observer of the record. */
  readonly see = (seen: Seen): void => {
    const { entry, receipt } = seen
    this.#m.appends.add([entry.type, receipt ? 'written' : 'failed'])
    switch (entry.type) {
      case 'intent':
        if (receipt) this.#left(entry)
        return
      case 'outcome':
        // Without it on record the answer is withheld, and the call is over all the same.
        this.#cameBack(entry, receipt !== undefined)
        return
      case 'refusal':
        this.#refused(entry)
        return
      case 'listed':
        this.#m.lists.add([])
        return
      case 'upstream_request':
        this.#m.asked.add([this.#servers.known(entry.server), entry.verdict])
        return
      case 'event':
        this.#happened(entry)
    }
  }

  collect(): readonly Collected[] {
    this.#m.inFlight.set([], this.#open.size)
    this.#readBudgets()
    this.#readRestrictions()
    const own = Object.values(this.#m).map((metric) => metric.collect())
    return [...own, ...(this.#options.more?.() ?? [])]
  }

  #left({ call, request, budgets = [] }: Body<'intent'>): void {
    const tool = toolOf(request)
    const server = this.#servers.known(request.server ?? '')
    const effect = effectOf(request.effects)
    const labels = [
      methodOf(request) ?? OTHER,
      tool === undefined ? '' : this.#tools.admit(tool),
    ] as const
    const [oldest] = this.#open.keys()
    if (this.#open.size >= MOST_OPEN && oldest !== undefined) this.#open.delete(oldest)
    const leftAt = this.#options.clock.monotonic()
    this.#open.set(call.id, { labels, server, effect, leftAt })
    this.#decided(call.at)
    for (const state of budgets) this.#tookFrom(state)
  }

  #cameBack({ call, verdict, tookMs }: Body<'outcome'>, recorded: boolean): void {
    const open = this.#open.get(call)
    this.#open.delete(call)
    const { server = OTHER, effect = 'none', labels: [method, tool] = [OTHER, ''] } = open ?? {}
    const [outcome, reason] = recorded
      ? verdict.outcome === 'forwarded'
        ? [verdict.result, 'permitted']
        : [verdict.outcome, verdict.reason]
      : ['refused', 'audit_unavailable']
    this.#m.calls.add([outcome, reason, server, effect])
    this.#m.operations.record([method, tool, errorOf(outcome, reason)], tookMs / 1000)
    if (!open) return
    if (tool !== '') this.#m.tools.add([server, tool, outcome])
    const seconds = (this.#options.clock.monotonic() - open.leftAt) / 1000
    this.#m.upstream.record([server], Math.max(0, seconds))
  }

  #refused({ request, refusal, call }: Body<'refusal'>): void {
    const tool = toolOf(request)
    const server = request.server === undefined ? '' : this.#servers.known(request.server)
    const { reason } = refusal
    this.#m.calls.add(['refused', reason, server, effectOf(request.effects)])
    if (reason === 'approval_required') this.#m.approvals.add([])
    // An agent may call whatever it likes, as often as it likes: that lets no name in.
    const known = tool === undefined ? '' : this.#tools.known(tool)
    if (tool !== undefined) this.#m.tools.add([server, known, 'refused'])
    if (!call) return
    const seconds = this.#decided(call.at)
    const labels = [methodOf(request) ?? OTHER, known, errorOf('refused', reason)]
    this.#m.operations.record(labels, seconds)
  }

  #decided(at: number): number {
    const seconds = Math.max(0, this.#options.clock.now() - at) / 1000
    this.#m.decision.record([], seconds)
    return seconds
  }

  #happened({ event, facts }: Body<'event'>): void {
    this.#m.events.add([event])
    const state = /^upstream_(started|ready|failed|exited)$/.exec(event)?.[1]
    const server = facts['server']
    if (state === undefined || typeof server !== 'string') return
    const known = this.#servers.known(server)
    this.#m.upstreamUp.set([known], state === 'ready' ? 1 : 0)
  }

  #tookFrom(state: BudgetState): void {
    this.#budgets.delete(state.key)
    this.#budgets.set(state.key, state)
    const [oldest] = this.#budgets.keys()
    if (this.#budgets.size > MOST_SERIES && oldest !== undefined) this.#budgets.delete(oldest)
  }

  /** Of counters of the same budget, the one that is fullest: how many tasks there are is nobody's label. */
  #readBudgets(): void {
    const now = this.#options.clock.now()
    const names = new LabelSet(MOST_BUDGETS)
    const shares = new Map<string, number>()
    for (const { budget, used, limit, until } of this.#budgets.values()) {
      const over = until !== undefined && until <= now
      const share = over ? 0 : limit > 0 ? used / limit : 1
      const name = names.admit(shownName(budget))
      shares.set(name, Math.max(shares.get(name) ?? 0, share))
    }
    this.#m.budgets.clear()
    for (const [name, share] of shares) this.#m.budgets.set([name], share)
  }

  /** What cannot be looked up is not said: a 0 would be wrong. */
  #readRestrictions(): void {
    this.#m.restrictions.clear()
    const all = this.#restrictions()
    if (!all) return
    for (const kind of ['revoked', 'suspended'] as const)
      this.#m.restrictions.set([kind], all.filter((one) => one.kind === kind).length)
  }

  #restrictions(): readonly Restriction[] | undefined {
    try {
      return this.#options.restrictions?.()
    } catch {
      return undefined
    }
  }
}

/** What the convention calls `error.type`; empty where nothing went wrong. */
function errorOf(outcome: string, reason: string): string {
  if (outcome === 'refused') return reason
  if (outcome === 'tool_error') return TOOL_ERROR
  return outcome === 'error' ? 'upstream_error' : ''
}
