/** Asks an index for rows as `matches` would choose them. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { isList, type Json } from '../../model/json.ts'
import { ALWAYS, isRuled, namedBy, type RowFilter } from '../filter.ts'
import { shortId } from '../row.ts'
import { WORD, type WordKind } from './schema.ts'
import { KINDS } from './writer.ts'

export interface Condition {
  readonly sql: string
  readonly values: readonly SQLInputValue[]
  /** Rows that it lets through may not match all the same: what they are about is sealed, or a part of an id is not in the index. */
  readonly loose: string | undefined
  /** How the table is to be gone through, where SQLite would guess wrong. */
  readonly through: string
}

/** What an index can tell of a filter. */
export function conditionOf(db: DatabaseSync, filter: RowFilter): Condition {
  const parts: string[] = []
  const values: SQLInputValue[] = []
  const add = (sql: string, ...given: readonly SQLInputValue[]): void => {
    parts.push(sql)
    values.push(...given)
  }
  const { tool, server, effect, reason, verdict, call, rule, since, until, agent, mandate } = filter
  const ids = (kind: WordKind, fits: (text: string) => boolean): string =>
    JSON.stringify(wordsOf(db, kind).flatMap(([id, text]) => (fits(text) ? [id] : [])))
  const among = 'IN (SELECT value FROM json_each(?))'
  if (!filter.all) {
    const kinds = KINDS.flatMap((kind, at) => (ALWAYS.has(kind) ? [at] : []))
    add(`kind IN (${kinds.join(', ')})`)
  }
  if (since !== undefined) add('ts >= ?', Date.parse(since))
  if (until !== undefined) add('ts < ?', Date.parse(until))
  if (agent !== undefined)
    add(
      `agent ${among}`,
      ids('agent', (text) => text === agent),
    )
  if (mandate !== undefined)
    add(
      `mandate ${among}`,
      ids('mandate', (text) => text === mandate),
    )
  if (reason !== undefined)
    add(
      `reason ${among}`,
      ids('reason', (text) => text === reason),
    )
  if (effect !== undefined)
    add(
      `effects ${among}`,
      ids('effects', (text) => textsIn(text).includes(effect)),
    )
  if (server !== undefined)
    add(
      `target ${among}`,
      ids('target', (text) => targetOf(text).server === server),
    )
  if (rule !== undefined)
    add(
      `rules ${among}`,
      ids('rules', (text) => isRuled(rule, rulesOf(text))),
    )
  if (call !== undefined) add('short = ?', shortId(call))
  if (verdict !== undefined) {
    const same = (text: string): boolean => text === verdict
    add(`(verdict ${among} OR result ${among})`, ids('verdict', same), ids('result', same))
  }
  if (tool !== undefined)
    add(
      `(sealed = 1 OR target ${among})`,
      ids('target', (text) => namedBy(tool, targetOf(text))),
    )
  const loose = call !== undefined ? '1' : tool !== undefined ? 'sealed = 1' : undefined
  const kindOnly = values.length === 0
  const through = kindOnly || call !== undefined ? '' : 'NOT INDEXED'
  return { through, sql: parts.length === 0 ? '1' : parts.join(' AND '), values, loose }
}

export function wordsOf(db: DatabaseSync, kind: WordKind): readonly (readonly [number, string])[] {
  return db
    .prepare('SELECT id, text FROM word WHERE kind = ?')
    .all(WORD[kind])
    .flatMap(({ id, text }): [number, string][] =>
      typeof id === 'number' && typeof text === 'string' ? [[id, text]] : [],
    )
}

function listIn(text: string): readonly Json[] {
  const value: unknown = JSON.parse(text)
  return isList(value) ? value : []
}

function textsIn(text: string): readonly string[] {
  return listIn(text).filter((one) => typeof one === 'string')
}

function targetOf(text: string): { readonly name: string; readonly server?: string } {
  const [server, name] = listIn(text)
  const named = { name: typeof name === 'string' ? name : '' }
  return typeof server === 'string' ? { ...named, server } : named
}

function rulesOf(text: string): Parameters<typeof isRuled>[1] {
  const [rules, shadow] = listIn(text)
  const strings = (list: Json | undefined): readonly string[] =>
    isList(list) ? list.filter((one) => typeof one === 'string') : []
  return { rules: strings(rules), shadow: strings(shadow) }
}
