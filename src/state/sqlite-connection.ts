/** One connection to the store: statements that are kept, transactions that nest, faults that people understand. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { instant, type Instant } from '../model/id.ts'
import type { Json } from '../model/json.ts'
import { storeFault } from './sqlite-fault.ts'
import { patiently } from './sqlite-patience.ts'

export type Row = Readonly<Record<string, SQLOutputValue>>

export class Connection {
  readonly path: string
  readonly #raw: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #depth = 0
  /** Grows with every transaction that may have written. */
  writes = 0
  /** Grows with every transaction that is undone as a whole. */
  undone = 0

  constructor(raw: DatabaseSync, path: string) {
    this.#raw = raw
    this.path = path
  }

  get inTransaction(): boolean {
    return this.#depth > 0
  }

  /** The statement for this text, prepared once. */
  sql(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known) return known
    const statement = this.#raw.prepare(text)
    this.#statements.set(text, statement)
    return statement
  }

  /** @throws GuardError ERR_STATE_UNUSABLE for whatever goes wrong in it */
  guarded<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw storeFault(this.path, error)
    }
  }

  /**
   * All of it or nothing, alone among all writers. Within another it is all or nothing for itself, and as durable as that.
   * Nothing, too, where `keep` says no to its result.
   *
   * @throws GuardError ERR_STATE_UNUSABLE for whatever goes wrong in it
   */
  transaction<T>(act: () => T, keep: (result: T) => boolean = ALWAYS): T {
    return this.guarded(() => {
      const nested = this.#depth > 0
      const begin = this.sql(nested ? 'SAVEPOINT inner' : 'BEGIN IMMEDIATE')
      patiently(() => begin.run())
      this.#depth += 1
      try {
        const result = act()
        if (keep(result)) this.sql(nested ? 'RELEASE inner' : 'COMMIT').run()
        else this.#undo(nested)
        this.writes += 1
        return result
      } catch (error) {
        this.#undo(nested)
        throw error
      } finally {
        this.#depth -= 1
      }
    })
  }

  /**
   * What is written in it has reached the disk when it returns, and is not lost by a power cut. Within a transaction that is
   * that one's matter.
   *
   * @throws GuardError ERR_STATE_UNUSABLE
   */
  durably<T>(act: () => T): T {
    if (this.inTransaction) return act()
    this.guarded(() => this.#raw.exec('PRAGMA synchronous = FULL'))
    try {
      return act()
    } finally {
      this.guarded(() => this.#raw.exec('PRAGMA synchronous = NORMAL'))
    }
  }

  /** One statement that writes, alone. */
  write(text: string, ...values: readonly SQLInputValue[]): void {
    this.guarded(() => {
      const statement = this.sql(text)
      patiently(() => statement.run(...values))
      this.writes += 1
    })
  }

  close(): void {
    this.#statements.clear()
    if (this.#raw.isOpen) this.#raw.close()
  }

  /** SQLite ends a transaction by itself where the disk is full or fails. */
  #undo(nested: boolean): void {
    if (!nested || !this.#raw.isTransaction) this.undone += 1
    if (!this.#raw.isTransaction) return
    if (nested) this.#raw.exec('ROLLBACK TO inner; RELEASE inner')
    else this.#raw.exec('ROLLBACK')
  }
}

const ALWAYS = (): boolean => true

/** The row of a statement that always has one. */
export function known(row: Row | undefined): Row {
  if (!row) throw new TypeError('a row is missing')
  return row
}

/** @throws TypeError where it is no text */
export function textIn(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new TypeError(`\`${column}\` is no text`)
  return value
}

/** @throws TypeError where it is no number */
export function numberIn(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new TypeError(`\`${column}\` is no number`)
  return value
}

export function instantIn(row: Row, column: string): Instant {
  return instant(numberIn(row, column))
}

/** The member where the column has a value, to be spread. */
export function optional<T, K extends string>(
  row: Row,
  column: string,
  name: K,
  read: (row: Row, column: string) => T,
): { readonly [key in K]?: T } {
  if (row[column] === null || row[column] === undefined) return {}
  const given: { [key in K]?: T } = {}
  given[name] = read(row, column)
  return given
}

/** @throws TypeError or SyntaxError where the column holds no JSON of that form */
export function jsonIn<T>(row: Row, column: string, is: (value: Json) => value is Json & T): T {
  const value: unknown = JSON.parse(textIn(row, column))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON.parse makes nothing else
  const json = value as Json
  if (!is(json)) throw new TypeError(`\`${column}\` is not of its form`)
  return json
}
