/**
 * What happened in a task: the labels that results left behind, the calls that were let out, and what conditions ask of
 * them. It lives in memory, and ends with the guard, unless somebody writes it down (sqlite-task.ts).
 */
import type { CallContext, TaskFacts } from '../model/call.ts'
import { foldTrimmed } from '../model/fold.ts'
import type { Instant } from '../model/id.ts'
import { type Json, type JsonObject, member } from '../model/json.ts'
import type { History, HistoryQuery } from '../model/policy.ts'
import type { TaskName, TaskSummary } from '../model/port.ts'
import { Tally, type WrittenTally } from './tally.ts'
import { type Kept, keptOf, plainly, type Spell, Values, type WrittenValues } from './values.ts'

/** Labels come from policies, which are short; more than this is a fault, and denies. */
const MOST_LABELS = 256
const LONGEST_LABEL = 128
/** Moments of all tools together. */
const MOST_REMEMBERED = 200_000
const MOST_TOOLS = 10_000
/** The names of all tools together, in UTF-16 code units. */
const MOST_NAMES = 2_000_000
/** Each has a room for values of its own, so that none is at the expense of another. */
const MOST_TRACKED = 64
/** Names of arguments that are longer than this are not looked at: any may be a second spelling. */
const LONGEST_NAME = 256

interface Tool {
  readonly server: string
  readonly name: string
  readonly calls: Tally
  readonly completed: Tally
  /** The values that are kept of its arguments, as of one state of what is tracked. */
  kept: { readonly of: number; readonly tracked: readonly Tracked[] }
}

interface Tracked {
  readonly query: HistoryQuery
  /** The name of its argument, folded. */
  readonly folded: string
  values: Values
}

/** The tools that a query is about, as far as the list of tools has been looked through. */
interface Matching {
  seen: number
  readonly tools: Tool[]
}

/** What a task keeps of one call. */
export interface Noted {
  readonly server: string
  readonly name: string
  readonly at: number
  /** By the name of the argument, of those that are tracked. */
  readonly args: ReadonlyMap<string, Kept>
}

/** A task as it is written down. */
export interface WrittenTask {
  readonly labels: readonly string[]
  readonly lost: boolean
  readonly tools: readonly {
    readonly server: string
    readonly name: string
    readonly calls: WrittenTally
    readonly completed: WrittenTally
  }[]
  /** By what asks for them. */
  readonly values: ReadonlyMap<string, WrittenValues>
}

export class Task {
  #facts: TaskFacts
  readonly #tools: Tool[] = []
  readonly #byName = new Map<string, Tool>()
  #names = 0
  /** More tools were called than are told apart: nothing is known of counts from then on. */
  #lost = false
  #remembered = 0
  readonly #matching = new WeakMap<HistoryQuery, Matching>()
  readonly #tracked = new Map<string, Tracked>()
  /** Grows with every change of what is tracked. */
  #tracking = 0
  readonly #spell: Spell

  constructor(id: string, spell: Spell = plainly) {
    const history: History = { read: (query, at, value) => this.#read(query, at, value) }
    this.#facts = { id, labels: [], history }
    this.#spell = spell
  }

  /** What `written` says, of whatever is tracked: for a task in which nothing has happened. */
  restore(written: WrittenTask): void {
    this.label(written.labels)
    this.#lost = written.lost
    for (const { server, name, calls, completed } of written.tools) {
      const tool = this.#tool(server, name, {
        calls: new Tally(calls),
        completed: new Tally(completed),
      })
      this.#remembered += (tool?.calls.remembered ?? 0) + (tool?.completed.remembered ?? 0)
    }
    for (const [key, tracked] of this.#tracked) {
      const values = written.values.get(key)
      const lost = this.#wasCalled(tracked.query)
      tracked.values = new Values(values ?? { lost }, this.#spell)
    }
  }

  get written(): WrittenTask {
    return {
      labels: this.#facts.labels,
      lost: this.#lost,
      tools: this.#tools.map(({ server, name, calls, completed }) => ({
        server,
        name,
        calls: calls.written,
        completed: completed.written,
      })),
      values: new Map([...this.#tracked].map(([key, { values }]) => [key, values.written])),
    }
  }

  /** Another object whenever the labels differ. Its `history` reads this task as it is when it is asked. */
  get facts(): TaskFacts {
    return this.#facts
  }

  /**
   * Adds labels, which stay; sorted, each once. True when that changed something.
   *
   * @throws RangeError when there are too many, or one is too long: a label that is lost would be a rule that is lost
   */
  label(labels: readonly string[]): boolean {
    const known = this.#facts.labels
    if (labels.every((label) => known.includes(label))) return false
    const all = [...new Set([...known, ...labels])].toSorted()
    if (all.length > MOST_LABELS || all.some(({ length }) => length > LONGEST_LABEL))
      throw new RangeError('more labels than a task holds')
    this.#facts = { ...this.#facts, labels: all }
    return true
  }

  /** A call leaves: it and its tracked arguments are counted. The returned function takes it back, where nothing left after all. */
  begin(call: CallContext): () => void {
    const noted = this.note(call)
    return noted ? this.add(noted) : NOTHING
  }

  /** It came back without an error. It counts at the time of the call, so that these are never more than the calls. */
  completed(call: CallContext): void {
    if (call.action !== 'tools/call' || call.resource.kind !== 'tool') return
    const { server, name } = call.resource
    this.complete({ server, name, at: call.at })
  }

  /** What is kept of a call; undefined for what is no call of a tool. */
  note(call: CallContext): Noted | undefined {
    if (call.action !== 'tools/call' || call.resource.kind !== 'tool') return undefined
    const { server, name } = call.resource
    const kept = this.#keptOf(server, name, this.#tool(server, name))
    const args = new Map<string, Kept>()
    if (kept.length > 0) {
      const spellings = spellingsOf(call.args)
      for (const { query, folded } of kept) {
        const argument = query.argument ?? ''
        const others = (spellings.get(folded) ?? 0) > 1 || spellings.has(LONG)
        args.set(argument, this.#keptIn(member(call.args, argument), others))
      }
    }
    return { server, name, at: call.at, args }
  }

  /** It was let out. The returned function takes it back, once. */
  add(noted: Noted): () => void {
    const { server, name, at } = noted
    const tool = this.#tool(server, name)
    if (tool) this.#change(tool.calls, (calls) => calls.add(at))
    const undo = this.#keptOf(server, name, tool).map(({ query, values }) => {
      const kept = noted.args.get(query.argument ?? '')
      if (kept) return values.add(kept)
      values.lose()
      return NOTHING
    })
    let taken = false
    return () => {
      if (taken) return
      taken = true
      if (tool) this.#change(tool.calls, (calls) => calls.remove(at))
      for (const one of undo) one()
    }
  }

  /** One that was added, elsewhere or before, is taken back. */
  remove({ server, name, at, args }: Noted): void {
    const tool = this.#tool(server, name)
    if (tool) this.#change(tool.calls, (calls) => calls.remove(at))
    for (const { query, values } of this.#keptOf(server, name, tool)) {
      const kept = args.get(query.argument ?? '')
      if (kept) values.remove(kept)
    }
  }

  complete({ server, name, at }: Omit<Noted, 'args'>): void {
    const tool = this.#tool(server, name)
    if (tool) this.#change(tool.completed, (completed) => completed.add(at))
  }

  /** What conditions ask of the past: values of arguments are kept from now on for `called_with` queries. */
  track(queries: readonly HistoryQuery[]): void {
    const wanted = queries.filter(({ kind }) => kind === 'called_with')
    const keys = new Set(wanted.map(keyOf))
    this.#tracking += 1
    for (const query of wanted) {
      const key = keyOf(query)
      if (this.#tracked.has(key)) continue
      if (this.#tracked.size >= MOST_TRACKED) this.#forgetOthers(keys)
      if (this.#tracked.size >= MOST_TRACKED) return
      const folded = foldTrimmed(query.argument ?? '')
      const values = new Values({ lost: this.#wasCalled(query) }, this.#spell)
      this.#tracked.set(key, { query, folded, values })
    }
  }

  #read(query: HistoryQuery, at: Instant, value?: Json): number | boolean | undefined {
    return query.kind === 'called_with' ? this.#calledWith(query, value) : this.#count(query, at)
  }

  #count(query: HistoryQuery, at: Instant): number | undefined {
    if (this.#lost) return undefined
    let sum = 0
    for (const tool of this.#toolsOf(query)) {
      const tally = query.kind === 'calls' ? tool.calls : tool.completed
      const { windowMs } = query
      const count = windowMs === undefined ? tally.total : tally.since(at - windowMs)
      if (count === undefined) return undefined
      sum += count
    }
    return sum
  }

  /** Which of the values were there in a window is not kept. */
  #calledWith(query: HistoryQuery, value: Json | undefined): boolean | undefined {
    if (query.windowMs !== undefined) return undefined
    const tracked = this.#tracked.get(keyOf(query))
    if (tracked) return tracked.values.has(value)
    return this.#wasCalled(query) ? undefined : false
  }

  /** Also true where that is not known. */
  #wasCalled(query: HistoryQuery): boolean {
    return this.#lost || this.#toolsOf(query).some(({ calls }) => calls.total > 0)
  }

  #toolsOf(query: HistoryQuery): readonly Tool[] {
    const known = this.#matching.get(query) ?? { seen: 0, tools: [] }
    if (known.seen === 0) this.#matching.set(query, known)
    for (let tool = this.#tools[known.seen]; tool; tool = this.#tools[known.seen]) {
      if (query.matches(tool.server, tool.name)) known.tools.push(tool)
      known.seen += 1
    }
    return known.tools
  }

  /** Which value was meant is not known where there is none under this name, or another beside it under a like name. */
  #keptIn(value: Json | undefined, others: boolean): Kept {
    const { words, misses } = value === undefined ? NO_VALUE : keptOf(value, this.#spell)
    return { words, misses: misses + (others && value !== undefined ? 1 : 0) }
  }

  #tool(
    server: string,
    name: string,
    tallies?: Pick<Tool, 'calls' | 'completed'>,
  ): Tool | undefined {
    const key = `${server}\n${name}`
    const known = this.#byName.get(key)
    if (known) return known
    if (this.#tools.length >= MOST_TOOLS || this.#names + key.length > MOST_NAMES) {
      this.#lost = true
      return undefined
    }
    const { calls, completed } = tallies ?? { calls: new Tally(), completed: new Tally() }
    const tool = { server, name, calls, completed, kept: { of: -1, tracked: [] } }
    this.#names += key.length
    this.#byName.set(key, tool)
    this.#tools.push(tool)
    return tool
  }

  #keptOf(server: string, name: string, tool: Tool | undefined): readonly Tracked[] {
    if (this.#tracked.size === 0) return NONE
    if (tool?.kept.of === this.#tracking) return tool.kept.tracked
    const tracked = [...this.#tracked.values()].filter(({ query }) => query.matches(server, name))
    if (tool) tool.kept = { of: this.#tracking, tracked }
    return tracked
  }

  /** What nobody asks for any more makes room. */
  #forgetOthers(wanted: ReadonlySet<string>): void {
    for (const [key, { values }] of this.#tracked) {
      if (wanted.has(key)) continue
      values.clear()
      this.#tracked.delete(key)
    }
  }

  #change(tally: Tally, change: (tally: Tally) => void): void {
    const before = tally.remembered
    change(tally)
    this.#remembered += tally.remembered - before
    while (this.#remembered > MOST_REMEMBERED) this.#forgetHalfOfTheMost()
  }

  #forgetHalfOfTheMost(): void {
    let most = new Tally()
    for (const { calls, completed } of this.#tools) {
      if (calls.remembered > most.remembered) most = calls
      if (completed.remembered > most.remembered) most = completed
    }
    const gone = Math.ceil(most.remembered / 2)
    most.forget(gone)
    this.#remembered -= gone
  }
}

const NONE: readonly Tracked[] = []
const NO_VALUE: Kept = { words: [], misses: 1 }
const NOTHING = (): void => undefined

/** Stands for all names that are too long, and is none. */
const LONG = ' '

/** How many arguments have a name that folds to this. */
function spellingsOf(args: JsonObject): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const name of Object.keys(args)) {
    const folded = name.length > LONGEST_NAME ? LONG : foldTrimmed(name)
    found.set(folded, (found.get(folded) ?? 0) + 1)
  }
  return found
}

function keyOf({ key, argument }: HistoryQuery): string {
  return `${key}\n${argument ?? ''}`
}

/** Names it, in decisions and on record. */
export function taskKey({ mandate, agent, task }: TaskName): string {
  return JSON.stringify([mandate, agent, task])
}

/** How much happened in it. */
export function summaryOf(task: Task): Pick<TaskSummary, 'labels' | 'calls' | 'completed'> {
  const { labels, tools } = task.written
  const sum = (kind: 'calls' | 'completed'): number =>
    tools.reduce((total, tool) => total + tool[kind].total, 0)
  return { labels, calls: sum('calls'), completed: sum('completed') }
}
