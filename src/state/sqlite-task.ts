/**
 * A task that outlives the guard, and is the same for all guards of one machine: kept in memory, where conditions ask for it,
 * and written down as it happens. What others wrote is read before anything is asked.
 */
import { randomUUID } from 'node:crypto'
import type { CallContext, TaskFacts } from '../model/call.ts'
import type { Instant } from '../model/id.ts'
import type { History, HistoryQuery } from '../model/policy.ts'
import type { TaskHistory, TaskName, TaskOptions, TaskSummary } from '../model/port.ts'
import type { Connection } from './sqlite-connection.ts'
import {
  addEvents,
  eventsAfter,
  stateOf,
  taskId,
  taskRows,
  type TaskState,
  wordsOf,
  writeDown,
  writtenOf,
} from './sqlite-tasks.ts'
import { summaryOf, Task, taskKey } from './task.ts'
import { eventIn, eventText, happen, type TaskEvent, writtenIn, writtenText } from './task-text.ts'
import type { Spell, WrittenValues } from './values.ts'

/** How long what nobody asks about may wait to be written, in milliseconds, and how much of it. */
const BEHIND_MS = 1000
const BEHIND = 256
const MOST_BEHIND = 10_000
/** So much may have happened since it was written down as a whole. */
const MOST_EVENTS = 20_000
const MOST_REMEMBERED_TOOLS = 10_000
const MOST_OTHERS = 64

const NOTHING = (): void => undefined

export interface PersistedOptions extends TaskOptions {
  readonly now: () => Instant
}

export class PersistedTask implements TaskHistory {
  readonly #connection: Connection
  readonly #who: TaskName
  readonly #options: PersistedOptions
  readonly #writer = randomUUID()
  readonly #spell: Spell
  #id: number
  #task: Task
  #facts: TaskFacts
  /** What happened up to here is in `#task`. */
  #applied = 0
  #queries: readonly HistoryQuery[] = []
  /** Values that were written down for conditions of other guards. */
  #others: ReadonlyMap<string, WrittenValues> = new Map()
  readonly #asked = new Map<string, boolean>()
  #behind: TaskEvent[] = []
  #takeBack: (() => void) | undefined
  #trouble = false
  /** How much was written by this process when it was looked last, in this turn of the event loop. */
  #looked: number | undefined

  /** @throws GuardError ERR_STATE_UNUSABLE */
  constructor(connection: Connection, who: TaskName, options: PersistedOptions) {
    this.#connection = connection
    this.#who = who
    this.#options = options
    this.#spell = wordsOf(connection)
    this.#id = taskId(connection, who, options.now())
    this.#task = this.#newTask()
    // The task as it is when it is asked, though another object may hold it by then.
    const read: History['read'] = (...asked) => this.#task.facts.history?.read(...asked)
    this.#facts = { ...this.#task.facts, history: { read } }
    this.#rebuild()
  }

  get facts(): TaskFacts {
    this.#look()
    const { labels } = this.#task.facts
    if (labels !== this.#facts.labels) this.#facts = { ...this.#facts, labels }
    return this.#facts
  }

  label(labels: readonly string[]): boolean {
    this.#look()
    const known = this.#task.facts.labels
    if (labels.every((label) => known.includes(label))) return false
    // Where they do not fit they are not written, either.
    this.#task.label(labels)
    this.#write({ kind: 'label', labels })
    // A task that was ended meanwhile is another now.
    this.#task.label(labels)
    return true
  }

  begin(call: CallContext): () => void {
    this.#look()
    const noted = this.#task.note(call)
    if (!noted) return NOTHING
    const event: TaskEvent = { kind: 'call', noted }
    const before = this.#connection.inTransaction ? this.#connection.undone : undefined
    const atOnce = this.#asks(noted.server, noted.name)
    if (atOnce) this.#write(event)
    const [id, task] = [this.#id, this.#task]
    const undo = task.add(noted)
    if (!atOnce) this.#later(event)
    let taken = false
    return () => {
      if (taken || id !== this.#id) return
      taken = true
      if (task === this.#task) undo()
      else this.#task.remove(noted)
      const waiting = this.#behind.indexOf(event)
      if (waiting !== -1) this.#behind.splice(waiting, 1)
      // What was written together with other things may have been undone with them.
      else if (before === undefined || before === this.#connection.undone)
        this.#later({ kind: 'back', noted })
    }
  }

  completed(call: CallContext): void {
    if (call.action !== 'tools/call' || call.resource.kind !== 'tool') return
    const { server, name } = call.resource
    const event: TaskEvent = { kind: 'done', noted: { server, name, at: call.at } }
    happen(this.#task, event)
    this.#behind.push(event)
    if (this.#asks(server, name)) this.#tryFlush()
    else this.#arm()
  }

  track(queries: readonly HistoryQuery[]): void {
    this.#queries = queries
    this.#asked.clear()
    // What was written down is read anew with what is asked of it.
    this.#flush()
    this.#rebuild()
  }

  /** What waits is written; what cannot be is said, and lost. */
  close(): void {
    this.#tryFlush()
    this.#takeBack?.()
    this.#takeBack = undefined
  }

  #newTask(): Task {
    const made = new Task(taskKey(this.#who), this.#spell)
    made.track(this.#queries)
    return made
  }

  /** What others did, once in each turn of the event loop, and again after whatever this process wrote. */
  #look(): void {
    const { writes } = this.#connection
    if (this.#looked === writes) return
    this.#connection.guarded(() => this.#catchUp())
    this.#looked = writes
    queueMicrotask(() => {
      this.#looked = undefined
    })
  }

  #catchUp(): void {
    const state = stateOf(this.#connection, this.#id)
    if (!state || state.ended) this.#renew(state)
    else if (state.base > this.#applied) this.#rebuild()
    else if (state.seq > this.#applied) {
      for (const { seq, writer, event } of eventsAfter(this.#connection, this.#id, this.#applied)) {
        if (writer !== this.#writer) happen(this.#task, eventIn(event))
        this.#applied = seq
      }
    }
    if (state && state.seq - state.base >= MOST_EVENTS) this.#shorten()
  }

  /** From what is written down, and what still waits. */
  #rebuild(): void {
    this.#connection.transaction(() => {
      const state = stateOf(this.#connection, this.#id)
      if (!state || state.ended) return this.#renew(state)
      const task = this.#newTask()
      const text = writtenOf(this.#connection, this.#id)
      if (text !== undefined) {
        const written = writtenIn(text)
        task.restore(written)
        this.#others = written.values
      }
      for (const { event } of eventsAfter(this.#connection, this.#id, state.base))
        happen(task, eventIn(event))
      for (const event of this.#behind) happen(task, event)
      this.#task = task
      this.#applied = state.seq
    })
  }

  /** Somebody ended the task: what is done from now on is done in a new one. */
  #renew(state: TaskState | undefined): void {
    if (state?.ended) this.#options.onEnded?.(state.ended)
    this.#behind = []
    this.#others = new Map()
    this.#id = taskId(this.#connection, this.#who, this.#options.now())
    this.#applied = 0
    this.#task = this.#newTask()
    this.#rebuild()
  }

  /** At once: what waits may come later, as nothing depends on which was first. */
  #write(event: TaskEvent): void {
    this.#connection.transaction(() => {
      if (this.#add([event])) return
      this.#renew(stateOf(this.#connection, this.#id))
      this.#add([event])
    })
  }

  #later(event: TaskEvent): void {
    this.#behind.push(event)
    if (this.#behind.length > MOST_BEHIND) this.#flush()
    else if (this.#behind.length % BEHIND === 0) this.#tryFlush()
    else this.#arm()
  }

  #arm(): void {
    this.#takeBack ??= this.#options.timers.after(BEHIND_MS, () => {
      this.#takeBack = undefined
      this.#tryFlush()
    })
  }

  #tryFlush(): void {
    try {
      this.#flush()
      this.#trouble = false
    } catch (error) {
      // What waits waits on: who asks for the task meanwhile is told that it cannot be read.
      if (!this.#trouble) {
        const said = error instanceof Error ? error.message : String(error)
        this.#options.operational?.error({ error: said }, 'what happened in a task is not written')
      }
      this.#trouble = true
      this.#arm()
    }
  }

  #flush(): void {
    if (this.#behind.length === 0) return
    // Of a task that was ended meanwhile nothing is kept.
    this.#add(this.#behind)
    this.#behind = []
  }

  /** False where the task was ended. */
  #add(events: readonly TaskEvent[]): boolean {
    const alone = !this.#connection.inTransaction
    const said = events.map((event) => ({
      writer: this.#writer,
      event: eventText(event),
      at: event.kind === 'label' ? this.#options.now() : event.noted.at,
    }))
    const added = this.#connection.transaction(() => addEvents(this.#connection, this.#id, said))
    // Its own is in the task already, unless it was never written: then somebody else's has this number.
    if (alone && added?.first === this.#applied + 1) this.#applied = added.last
    return added !== undefined
  }

  /** Writes the task down as a whole, so that what happened in it needs not be kept. */
  #shorten(): void {
    if (this.#connection.inTransaction) return
    this.#flush()
    const { values, ...written } = this.#task.written
    const others = [...this.#others]
      .slice(-MOST_OTHERS)
      .map(([key, one]) => [key, { ...one, lost: true }] as const)
    const text = writtenText({ ...written, values: new Map([...others, ...values]) })
    writeDown(this.#connection, this.#id, this.#applied, text)
  }

  /** Does a condition ask of this tool? */
  #asks(server: string, name: string): boolean {
    const key = `${server}\n${name}`
    const known = this.#asked.get(key)
    if (known !== undefined) return known
    if (this.#asked.size >= MOST_REMEMBERED_TOOLS) this.#asked.clear()
    const asks = this.#queries.some((query) => query.matches(server, name))
    this.#asked.set(key, asks)
    return asks
  }
}

/** What happened in each task, of which nothing is asked. */
export function summaries(connection: Connection): readonly TaskSummary[] {
  return connection.guarded(() =>
    taskRows(connection).map(({ id, base, ...row }) => {
      const task = new Task(row.task)
      const text = writtenOf(connection, id)
      if (text !== undefined) task.restore(writtenIn(text))
      for (const { event } of eventsAfter(connection, id, base)) happen(task, eventIn(event))
      return { ...row, ...summaryOf(task) }
    }),
  )
}
