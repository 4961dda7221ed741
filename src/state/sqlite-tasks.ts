/**
 * Tasks in the database: what happened in each since it was written down last, in order, and what had been before. Values of
 * arguments stand there as keyed hashes only.
 */
import { createHmac } from 'node:crypto'
import type { Instant } from '../model/id.ts'
import type { TaskEnd, TaskName } from '../model/port.ts'
import {
  type Connection,
  instantIn,
  known,
  numberIn,
  type Row,
  textIn,
} from './sqlite-connection.ts'
import type { Spell } from './values.ts'

const FIND = `
  SELECT id FROM tasks WHERE mandate = ? AND agent = ? AND task = ? AND ended_at IS NULL`
const MAKE = 'INSERT INTO tasks (mandate, agent, task, began, last) VALUES (?, ?, ?, ?, ?)'
const STATE = 'SELECT seq, base, ended_at, ended_by, ended_why FROM tasks WHERE id = ?'
const WRITTEN = 'SELECT written FROM task_written WHERE task = ?'
const NEXT = `
  UPDATE tasks SET seq = seq + ?, last = max(last, ?) WHERE id = ? AND ended_at IS NULL
  RETURNING seq`
const ADD = 'INSERT INTO task_events (task, seq, writer, event) VALUES (?, ?, ?, ?)'
const EVENTS = 'SELECT seq, writer, event FROM task_events WHERE task = ? AND seq > ? ORDER BY seq'
const BASE = 'UPDATE tasks SET base = seq WHERE id = ? AND seq = ?'
const WRITE = `
  INSERT INTO task_written (task, written) VALUES (?, ?)
  ON CONFLICT (task) DO UPDATE SET written = excluded.written`
const FORGET = 'DELETE FROM task_written WHERE task = ?'
const DROP = 'DELETE FROM task_events WHERE task = ? AND seq <= ?'
const ALL = 'SELECT * FROM tasks WHERE ended_at IS NULL ORDER BY mandate, agent, task'
const END = `
  UPDATE tasks SET ended_at = ?, ended_by = ?, ended_why = ?, base = seq WHERE id = ?`
const KEY = 'SELECT word_key FROM secrets WHERE id = 1'

/** How far a task has come; `base`: what was up to there is written down as a whole. */
export interface TaskState {
  readonly seq: number
  readonly base: number
  readonly ended?: TaskEnd
}

export interface TaskRow extends TaskName {
  readonly id: number
  readonly base: number
  readonly began: Instant
  readonly last: Instant
}

export interface EventRow {
  readonly seq: number
  readonly writer: string
  readonly event: string
}

/** Its number, made where there is none. */
export function taskId(connection: Connection, who: TaskName, now: Instant): number {
  const names = [who.mandate, who.agent, who.task] as const
  const find = (): number | undefined => {
    const row = connection.sql(FIND).get(...names)
    return row && numberIn(row, 'id')
  }
  const found = connection.guarded(find)
  if (found !== undefined) return found
  return connection.transaction(() => {
    // Another process may have made it in between.
    const made = find()
    if (made !== undefined) return made
    return Number(connection.sql(MAKE).run(...names, now, now).lastInsertRowid)
  })
}

/** Undefined where it was never made after all. */
export function stateOf(connection: Connection, id: number): TaskState | undefined {
  const row = connection.sql(STATE).get(id)
  if (!row) return undefined
  const { ended_at: ended } = row
  return {
    seq: numberIn(row, 'seq'),
    base: numberIn(row, 'base'),
    ...(ended !== null && {
      ended: {
        at: instantIn(row, 'ended_at'),
        by: textIn(row, 'ended_by'),
        why: textIn(row, 'ended_why'),
      },
    }),
  }
}

export function writtenOf(connection: Connection, id: number): string | undefined {
  const row = connection.sql(WRITTEN).get(id)
  return row && textIn(row, 'written')
}

export function eventsAfter(connection: Connection, id: number, seq: number): readonly EventRow[] {
  return connection
    .sql(EVENTS)
    .all(id, seq)
    .map((row) => ({
      seq: numberIn(row, 'seq'),
      writer: textIn(row, 'writer'),
      event: textIn(row, 'event'),
    }))
}

export interface NewEvent extends Omit<EventRow, 'seq'> {
  readonly at: number
}

/** The numbers of what was added. */
export interface Added {
  readonly first: number
  readonly last: number
}

/** Adds them one after the other, in a transaction; undefined where the task was ended. */
export function addEvents(
  connection: Connection,
  id: number,
  events: readonly NewEvent[],
): Added | undefined {
  const latest = events.reduce((last, { at }) => Math.max(last, at), 0)
  const row = connection.sql(NEXT).get(events.length, latest, id)
  if (!row) return undefined
  const last = numberIn(row, 'seq')
  const first = last - events.length + 1
  const add = connection.sql(ADD)
  for (const [index, { writer, event }] of events.entries())
    add.run(id, first + index, writer, event)
  return { first, last }
}

/** Everything up to `seq`, which is all there is, is written down as a whole. */
export function writeDown(connection: Connection, id: number, seq: number, written: string): void {
  connection.transaction(() => {
    if (connection.sql(BASE).run(id, seq).changes === 0) return
    connection.sql(WRITE).run(id, written)
    connection.sql(DROP).run(id, seq)
  })
}

export function taskRows(connection: Connection): readonly TaskRow[] {
  return connection.guarded(() => connection.sql(ALL).all().map(taskIn))
}

function taskIn(row: Row): TaskRow {
  return {
    id: numberIn(row, 'id'),
    base: numberIn(row, 'base'),
    mandate: textIn(row, 'mandate'),
    agent: textIn(row, 'agent'),
    task: textIn(row, 'task'),
    began: instantIn(row, 'began'),
    last: instantIn(row, 'last'),
  }
}

/** What happened in it is forgotten; that it was ended is not. False where there is none. */
export function endTask(connection: Connection, who: TaskName, { at, by, why }: TaskEnd): boolean {
  const act = (): boolean => {
    const row = connection.sql(FIND).get(who.mandate, who.agent, who.task)
    if (!row) return false
    const id = numberIn(row, 'id')
    connection.sql(END).run(at, by, why, id)
    connection.sql(FORGET).run(id)
    connection.sql(DROP).run(id, Number.MAX_SAFE_INTEGER)
    return true
  }
  return connection.durably(() => connection.transaction(act))
}

/** Enough that no two words are taken for one another. */
const BYTES = 16

/** Words as hashes under the key of this database: whoever has another cannot compare them. */
export function wordsOf(connection: Connection): Spell {
  const key = connection.guarded(() => textIn(known(connection.sql(KEY).get()), 'word_key'))
  const bytes = Buffer.from(key, 'base64url')
  return (word) =>
    createHmac('sha256', bytes).update(word).digest().subarray(0, BYTES).toString('base64url')
}
