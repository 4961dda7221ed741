/** Every decision on record against another revision: each call by itself, in the state in which it was made. */
import type { EntryItem, Item } from '../audit/read.ts'
import { type Recorded, recordedOf } from '../audit/recorded.ts'
import type { Authority, CompiledMandate } from '../model/authority.ts'
import { type CallContext, type Environment, ENVIRONMENTS, type TaskFacts } from '../model/call.ts'
import type { Conjunct, Outcome } from '../model/decision.ts'
import { digestOf } from '../model/digest.ts'
import { sha256 } from '../model/id.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { CompiledPolicies } from '../policy/compile.ts'
import { guarded, type GuardedAuthority } from '../policy/guarded.ts'
import { seen } from '../model/veil.ts'
import { appliesTo } from '../policy/possible.ts'
import { SimulatedBudgets } from './simulate-budgets.ts'
import { answersHeld, tellingOf } from './simulate-held.ts'
import { Altered, Keepsakes, Library, Unkept } from './keepsakes.ts'
import { authorityOf, callOf, keptOf, refuseAltered } from './replay-call.ts'
import { type Left, SimulatedTasks } from './simulate-task.ts'
import { classOf, ofPolicies, type Verdict, verdictOf } from './simulate-verdict.ts'

export interface Candidate {
  /** Absent: the policies of then. */
  readonly policies?: {
    readonly set: CompiledPolicies
    /** What is asked beside rules: its files, with their hashes. */
    readonly engines: readonly string[]
  }
  /** In place of the mandates with its name. */
  readonly mandate?: CompiledMandate
}

const NOTHING_KNOWN = { raw: {}, definition: digestOf('') }

/** Of one record, from its beginning. */
export class Simulation {
  readonly #candidate: Candidate
  readonly #library = new Library()
  readonly #logs = new Map<string, Keepsakes>()
  readonly #tasks: SimulatedTasks
  readonly #budgets = new SimulatedBudgets()
  readonly #under = new WeakMap<CompiledMandate, Map<string, CompiledMandate>>()
  /** Calls that were refused before any rule was asked. */
  undecided = 0
  /** Of these, the calls of tools that were hidden then and would be shown: what they would come to is not known. */
  shown = 0
  /** Logs in which something was decided by other policies than those to try. */
  readonly #others = new Set<string>()
  readonly #environments = new Map<string, Environment>()

  /** Calls that would be let through, and of which it is not known what they take from budgets. */
  get uncounted(): number {
    return this.#budgets.uncounted
  }

  constructor(candidate: Candidate) {
    this.#candidate = candidate
    const set = candidate.policies?.set
    this.#tasks = new SimulatedTasks({
      queries: [...(set?.queries ?? []), ...(candidate.mandate?.queries ?? [])],
      labels: labelsIn(set),
    })
  }

  /** What becomes of a call, where the item is the decision about one. To be told of every item, in order. */
  take(item: Item): Verdict | undefined {
    if (item.kind === 'damage') {
      this.#tasks.damaged(item.log)
      return undefined
    }
    const { entry, folder } = item
    const keepsakes = this.#logs.get(folder) ?? new Keepsakes(folder, this.#library)
    this.#logs.set(folder, keepsakes)
    keepsakes.note(item)
    this.#tasks.note(item)
    this.#budgets.note(item)
    const said = textAt(entry, 'facts', 'environment')
    const known = ENVIRONMENTS.find((one) => one === said)
    if (entry['event'] === 'guard_started' && known) this.#environments.set(folder, known)
    // Nothing follows in this log.
    if (entry['event'] === 'guard_stopped') this.#logs.delete(folder)
    if (entry.type !== 'intent' && entry.type !== 'refusal') return undefined
    const read = recordedOf(item)
    if ('recorded' in read) return this.#judge(read.recorded, keepsakes)
    this.undecided += 1
    if (this.#wouldShow(item, keepsakes)) this.shown += 1
    return undefined
  }

  /** A hidden tool is refused before anything is known of the call but its name. */
  #wouldShow({ entry, folder }: EntryItem, keepsakes: Keepsakes): boolean {
    const [server, name] = [textAt(entry, 'request', 'server'), textAt(entry, 'request', 'name')]
    const environment = this.#environments.get(folder) ?? 'dev'
    if (entry['reason'] !== 'unknown_tool' || server === '' || name === '') return false
    const { mandate: other, policies } = this.#candidate
    try {
      const own = keepsakes.mandate(sha256(textAt(entry, 'mandate', 's256')))
      const tried = other && other.mandate.name === own.mandate.name ? other : own
      if (!tried.names(server, name)) return false
      if (!policies) return tried !== own
      const bare = { ...NOTHING_KNOWN, server, name }
      const authority = this.#guarded(tried, policies.set, environment).tool(bare)
      return authority.listed || authority.problems.length > 0
    } catch (error) {
      if (error instanceof Unkept || error instanceof RangeError) return true
      throw error
    }
  }

  #judge(recorded: Recorded, keepsakes: Keepsakes): Verdict {
    const was = classOf(recorded.outcome)
    try {
      return this.#judged(recorded, keepsakes)
    } catch (error) {
      if (!(error instanceof Unkept)) throw error
      // What it left in its task is not known, either.
      this.#tasks.damaged(recorded.log)
      return {
        change: 'unknown',
        recorded,
        was,
        outcomes: [],
        by: [],
        why: error.message,
        unkept: error instanceof Altered ? 'altered' : 'missing',
      }
    }
  }

  #judged(recorded: Recorded, keepsakes: Keepsakes): Verdict {
    const only = this.#isOnly(recorded)
    const own = keepsakes.mandate(recorded.mandate.digest)
    const base = authorityOf(own, recorded, keepsakes)
    const before = then(recorded, base, keepsakes)
    const kept = keptOf(recorded, before, keepsakes.check)
    if (before)
      refuseAltered(recorded, kept, keepsakes.check, () =>
        before.whole.possible(callOf(recorded, own, kept)),
      )
    const { mandate: other } = this.#candidate
    const mandate = other && other.mandate.name === own.mandate.name ? other : own
    const restricted = this.#restricted(mandate, recorded, keepsakes)
    const authority = authorityOf(restricted, recorded, keepsakes)
    const touch = (): void => kept.touch()
    const states = this.#tasks.before(recorded, { history: kept.history, touch })
    const same = isSame(mandate, own)
    const held = same && before ? this.#held(recorded, before.whole, keepsakes) : undefined
    const calls = states
      .map((task) => this.#call(recorded, mandate, { kept, task, keepsakes }))
      .map((call) => (held && stands(recorded, call) ? telling(call, held) : call))
    const from = same ? saidBy(recorded, base) : undefined
    const outcomes = new Set(calls.flatMap((call) => [...possible(authority, call, from)]))
    const [call] = calls
    if (call && recorded.kind === 'intent')
      this.#tasks.letOut(recorded, call, this.#left(authority, call))
    const conjuncts = call ? authority.explain(call) : []
    // What the same mandate says is on record.
    const asked = from ? conjuncts.filter(ofPolicies) : conjuncts
    const found = verdictOf(recorded, outcomes, { conjuncts, asked })
    const verdict = call ? this.#counted(found, { authority, call, conjuncts }) : found
    const decided = verdict.change !== 'unknown' || !same || !this.#isThen(recorded)
    if (decided || !(only || calls.every((one) => stands(recorded, one)))) return verdict
    // By the very same documents, in the same state, it was what it was.
    const { outcome } = recorded
    return { change: 'unchanged', recorded, was: verdict.was, outcomes: [outcome], by: [] }
  }

  /** What would be let through takes from the budgets, where there is so much left. */
  #counted(
    verdict: Verdict,
    {
      authority,
      call,
      conjuncts,
    }: {
      readonly authority: Authority
      readonly call: CallContext
      readonly conjuncts: readonly Conjunct[]
    },
  ): Verdict {
    const { recorded, outcomes } = verdict
    // What a later stage refused took nothing.
    if (recorded.kind !== 'intent' || outcomes.some((one) => one !== 'permitted')) return verdict
    const decision = seen(call, () => authority.decide(call))
    if (decision === 'unknown') {
      if (conjuncts.some(({ budget, shadow }) => budget === true && shadow !== true))
        this.#budgets.uncounted += 1
      return verdict
    }
    const debits = decision.effect === 'permit' ? (decision.debits ?? []) : []
    const by = this.#budgets.take(`${recorded.log} ${recorded.call}`, debits)
    if (by.length === 0) return verdict
    return { ...verdict, change: 'newly_denied', outcomes: ['budget_exhausted'], by }
  }

  /** Are the policies to try those that it was decided by? */
  #isThen({ policy }: Recorded): boolean {
    const { policies } = this.#candidate
    return !policies || policies.set.revision === policy?.revision
  }

  /** Has all of this log been decided by the policies to try, so that its tasks are what they were? */
  #isOnly(recorded: Recorded): boolean {
    if (!this.#isThen(recorded)) this.#others.add(recorded.log)
    return !this.#others.has(recorded.log)
  }

  #held(
    recorded: Recorded,
    whole: Authority,
    keepsakes: Keepsakes,
  ): ReturnType<typeof answersHeld> {
    const { policy } = recorded
    if (!policy || !isGuarded(whole)) return new Map()
    const before = keepsakes.policies(policy.revision).policies
    const about = whole.rules
    const after = this.#candidate.policies?.set ?? before
    return answersHeld(recorded, about, { before, after })
  }

  /** The mandate under the candidate's policies, or those of then. */
  #restricted(
    mandate: CompiledMandate,
    { policy, environment }: Recorded,
    keepsakes: Keepsakes,
  ): CompiledMandate {
    const { policies } = this.#candidate
    if (policies) return this.#guarded(mandate, policies.set, environment)
    if (!policy) return mandate
    return this.#guarded(mandate, keepsakes.policies(policy.revision).policies, environment)
  }

  #guarded(
    mandate: CompiledMandate,
    policies: CompiledPolicies,
    environment: Environment,
  ): CompiledMandate {
    const known = this.#under.get(mandate) ?? new Map<string, CompiledMandate>()
    this.#under.set(mandate, known)
    const key = `${policies.revision} ${environment}`
    const found = known.get(key) ?? guarded(mandate, policies, environment)
    known.set(key, found)
    return found
  }

  #call(
    recorded: Recorded,
    mandate: CompiledMandate,
    given: {
      readonly kept: ReturnType<typeof keptOf>
      readonly task: TaskFacts
      readonly keepsakes: Keepsakes
    },
  ): CallContext {
    const { kept, task, keepsakes } = given
    const call = callOf(recorded, mandate, kept, task)
    const { policies } = this.#candidate
    if (!policies || !call.engines || sameEngines(recorded, policies.engines, keepsakes))
      return call
    // Another policy of an engine, or another engine of that name, may have answered otherwise.
    return { ...call, engines: [] }
  }

  /** The labels that a call leaves by the rules of the candidate. */
  #left(authority: Authority, call: CallContext): Left {
    const { policies } = this.#candidate
    if (!policies || !isGuarded(authority)) return { labels: [], maybe: [] }
    const { kind, server } = call.resource
    const name = call.resource.kind === 'resource' ? call.resource.uri : call.resource.name
    const always = policies.set
      .labelling({ kind, server, name })
      .flatMap((duty) => (duty.type === 'label' ? duty.add : []))
    const [labels, maybe]: [string[], string[]] = [[...always], []]
    for (const { rule } of authority.examine(call)) {
      const { obligation, mode } = rule.source
      if (mode !== 'enforce' || obligation?.type !== 'label') continue
      const applies = appliesTo(rule, call)
      if (applies !== 'no') (applies === 'unknown' ? maybe : labels).push(...obligation.add)
    }
    return { labels, maybe }
  }
}

/** The same file, with the same roles. */
function isSame(one: CompiledMandate, other: CompiledMandate): boolean {
  const text = ({ mandate }: CompiledMandate): string =>
    [mandate.digest, ...mandate.roles.map(({ name, digest }) => `${name} ${digest}`)].join('\n')
  return one === other || text(one) === text(other)
}

/** Is its session marked as it was? */
function stands({ labels }: Recorded, { session }: CallContext): boolean {
  return labels.toSorted().join('\n') === session.labels.toSorted().join('\n')
}

function telling(call: CallContext, held: ReturnType<typeof answersHeld>): CallContext {
  return call.veil ? { ...call, veil: tellingOf(call.veil, held) } : call
}

/** A text in a member of an entry; empty where there is none. */
function textAt(entry: JsonObject, member: string, name: string): string {
  const object = entry[member]
  const text = isObject(object) ? object[name] : undefined
  return typeof text === 'string' ? text : ''
}

function labelsIn(set: CompiledPolicies | undefined): ReadonlySet<string> {
  const always = set?.files.flatMap(({ labels }) => labels.flatMap(({ add }) => add)) ?? []
  const duties = set?.rules.flatMap(({ source: { obligation } }) =>
    obligation?.type === 'label' ? obligation.add : [],
  )
  return new Set([...always, ...(duties ?? [])])
}

function isGuarded(authority: Authority): authority is GuardedAuthority {
  return 'possibleFrom' in authority
}

/** What was read for the decision then; undefined where the documents of then are not kept. */
function then(
  recorded: Recorded,
  base: Authority,
  keepsakes: Keepsakes,
): { readonly base: Authority; readonly whole: Authority } | undefined {
  const { mandate, policy, environment } = recorded
  try {
    const under = keepsakes.under(mandate.digest, policy?.revision, environment)
    return { base, whole: authorityOf(under, recorded, keepsakes) }
  } catch (error) {
    if (error instanceof Unkept) return undefined
    throw error
  }
}

/** The same mandate said then what it would say now, whatever of it is kept. */
function saidBy(recorded: Recorded, base: Authority): (call: CallContext) => ReadonlySet<Outcome> {
  const { outcome, policy, remedy, grants } = recorded
  const determining = policy?.determining ?? []
  if (outcome === 'permitted') return () => new Set<Outcome>(['permitted'])
  if (outcome === 'approval_required') {
    const asked = remedy?.['asked_by']
    const own = Array.isArray(asked) && asked.some((one) => grants.includes(String(one)))
    return () => new Set<Outcome>([own || determining.length === 0 ? outcome : 'permitted'])
  }
  if (determining.length === 0) return () => new Set<Outcome>([outcome])
  return (call) => {
    const open = [...base.possible(call)].filter(
      (one) => one === 'permitted' || one === 'approval_required',
    )
    return new Set<Outcome>(open.length === 0 ? ['permitted', 'approval_required'] : open)
  }
}

function possible(
  authority: Authority,
  call: CallContext,
  from: ((call: CallContext) => ReadonlySet<Outcome>) | undefined,
): ReadonlySet<Outcome> {
  if (!from) return authority.possible(call)
  return isGuarded(authority) ? authority.possibleFrom(from(call), call) : from(call)
}

function sameEngines(
  { policy }: Recorded,
  engines: readonly string[],
  keepsakes: Keepsakes,
): boolean {
  if (!policy) return false
  try {
    const before = keepsakes.policies(policy.revision).engines.toSorted()
    return before.join('\n') === engines.toSorted().join('\n')
  } catch (error) {
    if (error instanceof Unkept) return false
    throw error
  }
}
