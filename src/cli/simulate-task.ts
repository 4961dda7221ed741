/**
 * The tasks of a record as another revision would have marked them: calls count that were let out on record, and leave the
 * labels that the revision gives them. What the record does not tell of a task is not known.
 */
import type { EntryItem } from '../audit/read.ts'
import type { Recorded } from '../audit/recorded.ts'
import type { CallContext, TaskFacts } from '../model/call.ts'
import { isObject, member } from '../model/json.ts'
import type { History, HistoryQuery } from '../model/policy.ts'
import { mayHaveTwin, seen } from '../model/veil.ts'
import { Task } from '../state/task.ts'

/** Tasks, and calls without an outcome, that are remembered; the oldest are let go of. */
const MOST_TASKS = 1000
const MOST_OPEN = 10_000

/** What a revision makes of tasks. */
export interface Marking {
  /** What its conditions ask of the past. */
  readonly queries: readonly HistoryQuery[]
  /** Every label that it may leave. */
  readonly labels: ReadonlySet<string>
}

/** The labels that a call leaves; `maybe` where that hangs on what is not kept. */
export interface Left {
  readonly labels: readonly string[]
  readonly maybe: readonly string[]
}

interface Simulated {
  readonly task: Task
  /** False where calls before the first one that is known may be missing. */
  readonly whole: boolean
  readonly maybe: Set<string>
  /** Labels that calls on record left, by the rules of then. */
  readonly explained: Set<string>
  /** Questions for values that some call may have had. */
  readonly blind: Set<string>
}

interface Open {
  readonly simulated: Simulated
  readonly call: CallContext
  readonly retract: () => void
}

export class SimulatedTasks {
  readonly #marking: Marking
  readonly #tasks = new Map<string, Simulated>()
  readonly #open = new Map<string, Open>()
  /** Logs of which the beginning is there, and nothing was damaged so far. */
  readonly #whole = new Map<string, boolean>()

  constructor(marking: Marking) {
    this.#marking = marking
  }

  /** To be told of every entry, in order, before it is decided about. */
  note({ entry, log }: EntryItem): void {
    if (!this.#whole.has(log)) this.#whole.set(log, entry.seq === 0)
    const call = entry['call']
    if (entry.type === 'outcome' && typeof call === 'string')
      this.#settle(`${log} ${call}`, entry['verdict'])
  }

  /** Something of this log cannot be read: nothing is known of what its tasks did. */
  damaged(log: string): void {
    this.#whole.set(log, false)
    for (const [key, one] of this.#tasks)
      if (key.startsWith(`${log} `)) this.#tasks.set(key, { ...one, whole: false })
  }

  /** The task of a call as it stood before it: two where labels are in doubt, without and with them. */
  before(
    recorded: Recorded,
    kept: { readonly history: History; readonly touch: () => void },
  ): readonly TaskFacts[] {
    const simulated = this.#taskOf(recorded)
    const { facts } = simulated.task
    const said = recorded.labels.filter(
      (label) => this.#marking.labels.has(label) && !simulated.explained.has(label),
    )
    const sure = labelsOf([...facts.labels, ...said])
    const history: History = {
      read: (query, at, value) => {
        // What a decision read then is as it was.
        if (Object.hasOwn(recorded.facts, query.key)) return kept.history.read(query, at, value)
        const found = simulated.whole ? facts.history?.read(query, at, value) : undefined
        const blind = found !== true && simulated.blind.has(query.key)
        if (found === undefined || blind) kept.touch()
        return found
      },
    }
    const of = (labels: readonly string[]): TaskFacts => ({ id: facts.id, labels, history })
    const all = labelsOf([...sure, ...simulated.maybe])
    return all.length === sure.length ? [of(sure)] : [of(sure), of(all)]
  }

  /** A call that was let out on record: it counts, and leaves its labels. */
  letOut(recorded: Recorded, call: CallContext, { labels, maybe }: Left): void {
    const simulated = this.#taskOf(recorded)
    simulated.task.label(labels)
    for (const label of maybe) simulated.maybe.add(label)
    for (const label of labels) simulated.maybe.delete(label)
    for (const duty of recorded.policy?.obligations ?? [])
      for (const label of Array.isArray(duty['add']) ? duty['add'] : [])
        if (typeof label === 'string') simulated.explained.add(label)
    for (const query of this.#marking.queries)
      if (!isRead(query, call)) simulated.blind.add(query.key)
    const retract = simulated.task.begin(call)
    this.#open.set(`${recorded.log} ${recorded.call}`, { simulated, call, retract })
    forget(this.#open, MOST_OPEN)
  }

  #settle(key: string, verdict: EntryItem['entry'][string] | undefined): void {
    const open = this.#open.get(key)
    this.#open.delete(key)
    if (!open || !isObject(verdict)) return
    const { simulated, call, retract } = open
    if (verdict['result'] === 'complete') simulated.task.completed(call)
    if (neverLeft(verdict['stage'], verdict['reason'])) retract()
  }

  #taskOf({ log, task }: Recorded): Simulated {
    const key = `${log} ${task}`
    const known = this.#tasks.get(key)
    if (known) return known
    const made = new Task(task)
    made.track(this.#marking.queries)
    const simulated: Simulated = {
      task: made,
      // One that was let go of may come again.
      whole: this.#whole.get(log) === true && this.#tasks.size < MOST_TASKS,
      maybe: new Set(),
      explained: new Set(),
      blind: new Set(),
    }
    this.#tasks.set(key, simulated)
    forget(this.#tasks, MOST_TASKS)
    return simulated
  }
}

/** Sorted, each once, as a task has them. */
function labelsOf(labels: readonly string[]): readonly string[] {
  return [...new Set(labels)].toSorted()
}

/** Lets go of the oldest. */
function forget(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return
    map.delete(key)
  }
}

/** Is what a question for values asks of this call known? */
function isRead({ kind, matches, argument }: HistoryQuery, call: CallContext): boolean {
  const { resource } = call
  if (kind !== 'called_with' || argument === undefined || resource.kind !== 'tool') return true
  if (!matches(resource.server, resource.name)) return true
  if (mayHaveTwin(call, [argument])) return false
  return seen(call, () => member(call.args, argument)) !== 'unknown'
}

const NOTHING_LEFT: ReadonlySet<unknown> = new Set([
  'cancelled',
  'upstream_unavailable',
  'tool_changed',
  'definition_changed',
])

/** It is no call that was made, as the guard counts. */
export function neverLeft(stage: unknown, reason: unknown): boolean {
  return stage === 'equip' || (stage === 'forward' && NOTHING_LEFT.has(reason))
}
