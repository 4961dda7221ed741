/** What is taken back, in the database: every change of it is one row, and none is ever changed itself. */
import type { Lifted, Restriction, Restrictions, Target } from '../model/state.ts'
import {
  type Connection,
  instantIn,
  known,
  numberIn,
  optional,
  type Row,
  textIn,
} from './sqlite-connection.ts'
import {
  apply,
  type Change,
  type Lift,
  liftable,
  restrictionsOf,
  type Standing,
  stronger,
  targetOf,
  targetText,
} from './standing.ts'

const REVISION = 'SELECT restriction FROM marks WHERE id = 1'
const CHANGES = 'SELECT * FROM restrictions WHERE id > ? ORDER BY id'
const CHANGE = `
  INSERT INTO restrictions (id, target, kind, at, why, said_by, until)
  VALUES (?, ?, ?, ?, ?, ?, ?)`
const NEXT = 'UPDATE marks SET restriction = restriction + 1 WHERE id = 1 RETURNING restriction'

export class RestrictionTable {
  readonly #connection: Connection
  readonly #standing: Standing = new Map()
  readonly #lifted: Lifted[] = []
  #current: Restrictions = { revision: 0, all: [] }

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** One row of the database is read, and no more as long as nothing changed: the same object then. */
  restrictions(): Restrictions {
    return this.#connection.guarded(() => this.#read())
  }

  restrict(restriction: Omit<Restriction, 'id'>): Restriction {
    return this.#durable(() => {
      const counts = stronger(this.#fresh(), restriction)
      if (counts) return counts
      const id = this.#add(restriction)
      return { ...restriction, id }
    })
  }

  lift(target: Target, { revoked, ...said }: Lift): Restriction | undefined {
    return this.#durable(() => {
      const found = liftable(this.#fresh(), target, revoked)
      if (found) this.#add({ ...said, target, kind: 'lifted' })
      return found
    })
  }

  #durable<T>(act: () => T): T {
    return this.#connection.durably(() => this.#connection.transaction(act))
  }

  #read(): Restrictions {
    const revision = numberIn(known(this.#connection.sql(REVISION).get()), 'restriction')
    if (revision === this.#current.revision) return this.#current
    // What is written in a transaction that has not ended may never have been.
    if (this.#connection.inTransaction) return { revision, all: [...this.#fresh().values()] }
    this.#catchUp(this.#standing, this.#current.revision, this.#lifted)
    this.#current = restrictionsOf(revision, this.#standing, this.#lifted)
    return this.#current
  }

  /** As of now, also within a transaction that has written. */
  #fresh(): Standing {
    const standing: Standing = new Map(this.#standing)
    this.#catchUp(standing, this.#current.revision)
    return standing
  }

  #catchUp(standing: Standing, from: number, lifted?: Lifted[]): void {
    for (const row of this.#connection.sql(CHANGES).all(from))
      apply(standing, changeIn(row), lifted)
  }

  #add({ target, kind, at, why, by, until }: Omit<Change, 'id'>): number {
    const id = numberIn(known(this.#connection.sql(NEXT).get()), 'restriction')
    this.#connection.sql(CHANGE).run(id, targetText(target), kind, at, why, by, until ?? null)
    return id
  }
}

function changeIn(row: Row): Change {
  const kind = textIn(row, 'kind')
  if (kind !== 'revoked' && kind !== 'suspended' && kind !== 'lifted')
    throw new TypeError('a restriction is of an unknown kind')
  return {
    id: numberIn(row, 'id'),
    target: targetOf(textIn(row, 'target')),
    kind,
    at: instantIn(row, 'at'),
    why: textIn(row, 'why'),
    by: textIn(row, 'said_by'),
    ...optional(row, 'until', 'until', instantIn),
  }
}
