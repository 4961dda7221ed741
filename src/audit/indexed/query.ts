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

const AMONG = 'IN (SELECT value FROM json_each(?))'

type Part = readonly [sql: string, ...values: SQLInputValue[]]

/** What an index can tell of a filter. */
export function conditionOf(db: DatabaseSync, filter: RowFilter): Condition {
  const { tool, call } = filter
  const parts = [...ownParts(filter), ...wordParts(db, filter)]
  const values = parts.flatMap(([, ...given]) => given)
  const loose = call !== undefined ? '1' : tool !== undefined ? 'sealed = 1' : undefined
  const through = values.length === 0 || call !== undefined ? '' : 'NOT INDEXED'
  const sql = parts.map(([text]) => text).join(' AND ')
  return { sql: sql === '' ? '1' : sql, values, loose, through }
}

function ownParts({ all, since, until, call }: RowFilter): readonly Part[] {
  const kinds = KINDS.flatMap((kind, at) => (ALWAYS.has(kind) ? [at] : []))
  const parts: Part[] = all ? [] : [[`kind IN (${kinds.join(', ')})`]]
  if (since !== undefined) parts.push(['ts >= ?', Date.parse(since)])
  if (until !== undefined) parts.push(['ts < ?', Date.parse(until)])
  if (call !== undefined) parts.push(['short = ?', shortId(call)])
  return parts
}

/** Words are few, and are judged here as they are for a row. */
function wordParts(db: DatabaseSync, filter: RowFilter): readonly Part[] {
  const { tool, server, effect, verdict, rule } = filter
  const ids = (kind: WordKind, fits: (text: string) => boolean): string =>
    JSON.stringify(wordsOf(db, kind).flatMap(([id, text]) => (fits(text) ? [id] : [])))
  const is = (wanted: string) => (text: string) => text === wanted
  const parts: Part[] = []
  for (const kind of ['agent', 'mandate', 'reason'] as const) {
    const wanted = filter[kind]
    if (wanted !== undefined) parts.push([`${kind} ${AMONG}`, ids(kind, is(wanted))])
  }
  if (effect !== undefined)
    parts.push([`effects ${AMONG}`, ids('effects', (text) => textsIn(text).includes(effect))])
  if (server !== undefined)
    parts.push([`target ${AMONG}`, ids('target', (text) => targetOf(text).server === server)])
  if (rule !== undefined)
    parts.push([`rules ${AMONG}`, ids('rules', (text) => isRuled(rule, rulesOf(text)))])
  if (verdict !== undefined) {
    const sql = `(verdict ${AMONG} OR result ${AMONG})`
    parts.push([sql, ids('verdict', is(verdict)), ids('result', is(verdict))])
  }
  if (tool !== undefined) {
    const named = ids('target', (text) => namedBy(tool, targetOf(text)))
    parts.push([`(sealed = 1 OR target ${AMONG})`, named])
  }
  return parts
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
