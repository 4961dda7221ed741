/**
 * What a record says of the state of things at a moment: which guards ran, whom they served under which mandate, and what
 * was in force. Folded from the entries in their order; nothing of it is asked of anything but the record.
 */
import { type Instant, type Sha256 } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { Entry } from '../model/record.ts'
import type { BudgetState } from '../model/state.ts'
import type { EntryItem } from './read.ts'
import { budgetsIn } from './moment-budget.ts'
import { restrictionIn, type SeenRestriction, targetKey } from './moment-restriction.ts'
import { hashIn, momentIn, numberIn, objectIn, objectsIn, textIn, textsIn } from './said.ts'

/** Where something stands on record. */
export interface Mark {
  readonly log: string
  readonly seq: number
  readonly ts: string
}

/** Something that is in force since an entry. */
export interface Since<T> {
  readonly value: T
  readonly at: Mark
}

/** A call whose intent is on record and whose outcome is not. */
export interface Flying {
  readonly call: string
  readonly server: string
  readonly name: string
  readonly at: Mark
}

/** An agent under a mandate, as one guard serves it. */
export interface Standing {
  readonly agent: string
  readonly assurance: string
  readonly mandate: { readonly name: string; readonly digest: Sha256; readonly signed: boolean }
  /** What the guard said of it when it was loaded. */
  loaded?: Since<JsonObject>
  /** The hash of the catalog; undefined where it could not be kept. */
  catalog?: Since<Sha256 | undefined>
  /** The task of its latest call. */
  task?: string
  /** How many connections to each upstream are up. */
  readonly upstreams: Map<string, Since<UpstreamState>>
  readonly flying: Map<string, Flying>
  /** Keys of the budgets that its calls took from. */
  readonly budgets: Set<string>
}

export interface UpstreamState {
  readonly up: number
  readonly last: string
}

/** One life of a guard, in one log. */
export interface Run {
  /** As its folder is called now. */
  readonly log: string
  readonly folder: string
  started?: Since<JsonObject>
  settings?: Since<JsonObject>
  policies?: Since<Sha256>
  risk?: Since<SeenRisk>
  environment?: string
  stopped?: Since<string>
  last: Mark
  readonly standings: Map<string, Standing>
}

export interface SeenRisk {
  readonly risk: string
  readonly why?: string
  readonly until?: Instant
}

/** What is left on a task. */
export interface SeenTask {
  readonly task: string
  readonly labels: ReadonlySet<string>
  readonly at: Mark
}

export class MomentFold {
  /** The latest life in each log, by the log's folder. */
  readonly runs: Map<string, Run> = new Map()
  /** Counters, by their key: guards of a machine share them. */
  readonly budgets: Map<string, Since<BudgetState>> = new Map()
  readonly restrictions: Map<string, Since<SeenRestriction>> = new Map()
  /** Every agent that any guard served, and where it was last told of. */
  readonly agents: Map<string, Mark> = new Map()
  readonly #tasks = new Map<string, SeenTask>()

  /** To be told of all entries, in the order of the record. */
  take({ entry, log, folder }: EntryItem): void {
    // A folder may have been copied under another name: entries say which log they are of.
    const at: Mark = { log: textIn(entry, 'log') ?? log, seq: entry.seq, ts: entry.ts }
    const run = this.#runOf({ entry, log, folder }, at)
    run.last = at
    const standing = standingIn(run, entry)
    if (standing) this.agents.set(standing.agent, at)
    if (entry.type === 'event') this.#event(entry, { run, standing, at })
    else if (standing && (entry.type === 'intent' || entry.type === 'refusal'))
      this.#decided(entry, { run, standing, at })
    else if (entry.type === 'outcome') landed(entry, run)
  }

  task({ mandate, agent }: Standing, task: string): SeenTask | undefined {
    const named = (name: string): SeenTask | undefined =>
      this.#tasks.get(JSON.stringify([mandate.name, agent, name]))
    // A guard names a task after its mandate and agent, and people by what they called it.
    return named(task) ?? named(JSON.stringify([mandate.name, agent, task]))
  }

  /** A life ends with its last word. What begins after one that died without it is another one. */
  #runOf({ entry, log, folder }: Pick<EntryItem, 'entry' | 'log' | 'folder'>, at: Mark): Run {
    const { event } = entry
    const before = this.runs.get(folder)
    const again =
      (event === 'guard_started' && before?.started !== undefined) ||
      (event === 'settings_loaded' && before?.settings !== undefined)
    if (before && !before.stopped && !again) return before
    const run: Run = { log, folder, last: at, standings: new Map() }
    // A guard loads its policies before it says that it runs; what it decides by later names them again.
    if (event === 'guard_started' && before?.policies && !before.stopped)
      run.policies = before.policies
    this.runs.set(folder, run)
    return run
  }

  #event(
    entry: Entry,
    { run, standing, at }: { run: Run; standing: Standing | undefined; at: Mark },
  ): void {
    const facts = objectIn(entry, 'facts')
    const s256 = hashIn(facts, 's256')
    switch (entry['event']) {
      case 'guard_started':
        run.started = { value: facts, at }
        run.environment = textIn(facts, 'environment') ?? run.environment ?? 'dev'
        noteRisk(run, facts, at)
        break
      case 'guard_stopped':
        run.stopped = { value: textIn(facts, 'reason') ?? '', at }
        break
      case 'settings_loaded':
        run.settings = { value: facts, at }
        break
      case 'policies_loaded':
        if (s256 !== undefined) run.policies = { value: s256, at }
        break
      case 'risk_changed':
        noteRisk(run, facts, at)
        break
      case 'restricted':
        noteRestricted(this.restrictions, facts, at)
        break
      case 'lifted':
        noteLifted(this.restrictions, facts)
        break
      default:
        if (standing) ofStanding(entry, standing, at)
    }
  }

  #decided(entry: Entry, { run, standing, at }: { run: Run; standing: Standing; at: Mark }): void {
    const call = textIn(entry, 'call')
    const state = objectIn(entry, 'state')
    if (call === undefined) return
    const environment = textIn(state, 'environment')
    if (environment !== undefined) run.environment = environment
    const risk = textIn(state, 'risk')
    if (risk !== undefined && risk !== run.risk?.value.risk) run.risk = { value: { risk }, at }
    const decision = objectIn(entry, 'decision')
    const policy = objectIn(decision, 'policy')
    const revision = hashIn(policy, 's256')
    if (revision !== undefined && revision !== run.policies?.value)
      run.policies = { value: revision, at }
    if (entry.type === 'intent') {
      const request = objectIn(entry, 'request')
      const [server = '', name = ''] = [textIn(request, 'server'), textIn(request, 'name')]
      standing.flying.set(call, { call, server, name, at })
      if (revision === undefined) delete run.policies
      for (const budget of budgetsIn(entry)) {
        standing.budgets.add(budget.key)
        this.budgets.set(budget.key, { value: budget, at })
      }
    }
    this.#label(standing, { state, policy, left: entry.type === 'intent', at })
  }

  /** What the task had before the call, and what the call leaves on it. */
  #label(
    standing: Standing,
    given: { state: JsonObject; policy: JsonObject; left: boolean; at: Mark },
  ): void {
    const task = textIn(given.state, 'task')
    if (task === undefined) return
    standing.task = task
    const duties = given.left ? objectsIn(given.policy, 'obligations') : []
    const leaves = duties
      .filter(({ type }) => type === 'label')
      .flatMap((one) => textsIn(one, 'add'))
    const key = JSON.stringify([standing.mandate.name, standing.agent, task])
    const labels = new Set([...textsIn(given.state, 'labels'), ...leaves])
    this.#tasks.set(key, { task, labels, at: given.at })
  }
}

/** Whoever acts in an entry; undefined where it is about the guard itself. */
function standingIn(run: Run, entry: Entry): Standing | undefined {
  const [principal, mandate] = [objectIn(entry, 'principal'), objectIn(entry, 'mandate')]
  const [agent, name] = [textIn(principal, 'agent'), textIn(mandate, 'name')]
  const digest = hashIn(mandate, 's256')
  if (agent === undefined || name === undefined || digest === undefined) return undefined
  const key = JSON.stringify([agent, digest])
  const known = run.standings.get(key)
  if (known) return known
  const standing: Standing = {
    agent,
    assurance: textIn(principal, 'assurance') ?? 'unknown',
    mandate: { name, digest, signed: mandate['signed'] === true },
    upstreams: new Map(),
    flying: new Map(),
    budgets: new Set(),
  }
  run.standings.set(key, standing)
  return standing
}

const UPSTREAM: Readonly<Record<string, number>> = {
  upstream_ready: 1,
  upstream_exited: -1,
  upstream_failed: 0,
  upstream_started: 0,
}

function ofStanding(entry: Entry, standing: Standing, at: Mark): void {
  const facts = objectIn(entry, 'facts')
  const event = textIn(entry, 'event') ?? ''
  if (event === 'mandate_loaded') standing.loaded = { value: facts, at }
  if (event === 'catalog_listed') standing.catalog = { value: hashIn(facts, 's256'), at }
  const server = textIn(facts, 'server')
  const step = Object.hasOwn(UPSTREAM, event) ? UPSTREAM[event] : undefined
  if (step === undefined || server === undefined) return
  const up = Math.max(0, (standing.upstreams.get(server)?.value.up ?? 0) + step)
  standing.upstreams.set(server, { value: { up, last: event.replace('upstream_', '') }, at })
}

function landed(entry: Entry, run: Run): void {
  const call = textIn(entry, 'call') ?? ''
  for (const { flying } of run.standings.values()) flying.delete(call)
}

function noteRisk(run: Run, facts: JsonObject, at: Mark): void {
  const [risk, why, until] = [textIn(facts, 'risk'), textIn(facts, 'why'), momentIn(facts, 'until')]
  if (risk === undefined) return
  const said = { ...(why !== undefined && { why }), ...(until !== undefined && { until }) }
  run.risk = { value: { risk, ...said }, at }
}

/** A suspension never weakens a revocation. */
function noteRestricted(
  all: Map<string, Since<SeenRestriction>>,
  facts: JsonObject,
  at: Mark,
): void {
  const restriction = restrictionIn(facts, at.ts)
  if (!restriction) return
  const key = targetKey(restriction.target)
  const before = all.get(key)
  const weaker = before?.value.kind === 'revoked' && restriction.kind === 'suspended'
  // Every guard of the machine says so when it has seen it: the first one tells when it began.
  if (weaker || (before && before.value.id === restriction.id)) return
  all.set(key, { value: restriction, at })
}

/** One guard may say that it is over when another has said already what stands in its place. */
function noteLifted(all: Map<string, Since<SeenRestriction>>, facts: JsonObject): void {
  const key = targetKey(objectIn(facts, 'target'))
  const id = numberIn(facts, 'id')
  const stands = all.get(key)?.value.id
  if (id === undefined || stands === undefined || stands === id) all.delete(key)
}
