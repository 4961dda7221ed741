/** Asks the indexes of all logs of a record for its last rows. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { byTime, type Damage } from '../cursor.ts'
import type { RowFilter } from '../filter.ts'
import { logFolders } from '../read.ts'
import type { Row } from '../row.ts'
import { logFiles } from '../tail.ts'
import { cannotBeHad, type Counted, LogIndex } from './log-index.ts'

export interface IndexQuestion {
  readonly place: string
  readonly filter: RowFilter
  /** How many rows are wanted. */
  readonly last: number
  /** Bytes of files below which it is not worth it. */
  readonly least: number
  readonly signal?: AbortSignal
}

export interface IndexAnswer {
  /** In the order of the record. */
  readonly rows: readonly Row[]
  readonly counts: readonly Counted[]
  readonly damage: readonly Damage[]
}

/**
 * Undefined where the record is to be read itself: it is short, it is damaged, or an index cannot be had or does not fit.
 *
 * @throws GuardError ERR_AUDIT_READ when there is no record
 */
export async function askIndexes(question: IndexQuestion): Promise<IndexAnswer | undefined> {
  const { place, least, signal } = question
  const folders = await logFolders(place)
  const bytes = folders.reduce((sum, folder) => sum + sizeOf(folder), 0)
  if (bytes < least) return undefined
  const answers: IndexAnswer[] = []
  try {
    for (const folder of folders) {
      const answer = await askOne(folder, question)
      if (!answer) return undefined
      answers.push(answer)
    }
  } catch (error) {
    if (signal?.aborted === true) throw error
    // What is wrong with a file under it, the reading of the record itself says.
    if (cannotBeHad(error)) return undefined
    throw error
  }
  return {
    rows: answers
      .flatMap(({ rows }) => rows)
      .sort(byBeginning)
      .slice(-question.last),
    counts: answers.flatMap(({ counts }) => counts),
    damage: answers.flatMap(({ damage }) => damage),
  }
}

function byBeginning(a: Row, b: Row): number {
  const [one, other] = [a.items[0], b.items[0]]
  return one && other ? byTime(one, other) : 0
}

async function askOne(
  folder: string,
  { filter, last, signal }: IndexQuestion,
): Promise<IndexAnswer | undefined> {
  const index = LogIndex.open(folder, 'beside')
  try {
    const { damaged, unfinished } = await index.catchUp(signal)
    if (damaged) return undefined
    const rows = index.last(filter, last)
    return { rows, counts: index.count(filter), damage: unfinished ? [unfinished] : [] }
  } finally {
    index.close()
  }
}

function sizeOf(folder: string): number {
  return logFiles(readdirSync(folder)).reduce(
    (sum, { name }) => sum + statSync(join(folder, name)).size,
    0,
  )
}
