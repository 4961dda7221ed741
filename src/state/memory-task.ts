/** A task that several stores in memory share. */
import type { CallContext, TaskFacts } from '../model/call.ts'
import type { Instant } from '../model/id.ts'
import type { HistoryQuery } from '../model/policy.ts'
import type { TaskEnd, TaskHistory, TaskName, TaskOptions } from '../model/port.ts'
import { Task, taskKey } from './task.ts'

export interface OpenTask {
  readonly who: TaskName
  readonly task: Task
  readonly began: Instant
  last: Instant
  ended?: TaskEnd
}

export interface MemoryTaskOptions extends TaskOptions {
  readonly now: () => Instant
}

export class MemoryTask implements TaskHistory {
  readonly #tasks: Map<string, OpenTask>
  readonly #who: TaskName
  readonly #options: MemoryTaskOptions
  #queries: readonly HistoryQuery[] = []
  #current: OpenTask

  constructor(tasks: Map<string, OpenTask>, who: TaskName, options: MemoryTaskOptions) {
    this.#tasks = tasks
    this.#who = who
    this.#options = options
    this.#current = this.#find()
  }

  get facts(): TaskFacts {
    return this.#look().task.facts
  }

  label(labels: readonly string[]): boolean {
    return this.#touch(this.#options.now()).label(labels)
  }

  begin(call: CallContext): () => void {
    return this.#touch(call.at).begin(call)
  }

  completed(call: CallContext): void {
    this.#touch(call.at).completed(call)
  }

  track(queries: readonly HistoryQuery[]): void {
    this.#queries = queries
    this.#look().task.track(queries)
  }

  close(): void {
    this.#queries = []
  }

  #touch(at: Instant): Task {
    const current = this.#look()
    if (at > current.last) current.last = at
    return current.task
  }

  #look(): OpenTask {
    const { ended } = this.#current
    if (ended) {
      this.#options.onEnded?.(ended)
      this.#current = this.#find()
    }
    return this.#current
  }

  #find(): OpenTask {
    const key = taskKey(this.#who)
    const known = this.#tasks.get(key)
    if (known) return known
    const { mandate, agent, task: name } = this.#who
    const task = new Task(key)
    task.track(this.#queries)
    const now = this.#options.now()
    const made: OpenTask = { who: { mandate, agent, task: name }, task, began: now, last: now }
    this.#tasks.set(key, made)
    return made
  }
}
