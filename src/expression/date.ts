/** Dates and times of RFC 3339: `2026-11-22`, `2026-11-22T10:00:00Z`, `2026-11-22T11:00:00.5+01:00`. */
import type { DocNode, Problems } from '../model/document.ts'
import type { Json } from '../model/json.ts'
import { rfc3339 } from '../model/time.ts'
import { clause, type ClauseParser, TAKES, textSteps } from './clause.ts'
import { membersOf, wrongForm } from './reader.ts'

interface Moment {
  /** Milliseconds since 1970 in UTC; a date counts from its midnight in UTC. */
  readonly at: number
  readonly day: boolean
}

const DAY_MS = 86_400_000

/** Reads a full-date or a date-time with its offset; a local time, a space for `T` and leap seconds are undefined. */
function readMoment(text: string): Moment | undefined {
  if (text.length > 40) return undefined
  const day = text.length === 10
  const at = rfc3339(day ? `${text}T00:00:00Z` : text)
  return at === undefined ? undefined : { at, day }
}

/**
 * `date: { after: 2026-11-01, before: 2026-12-01 }`: at or after the one, earlier than the other. A date in a bound is
 * its midnight in UTC. A value that is a date without a time lies within only as a whole day of UTC.
 */
export const date: ClauseParser = (node, { problems }) => {
  const members = membersOf(node, ['after', 'before'], problems)
  if (!members) return undefined
  const after = boundOf(members.get('after'), -Infinity, problems)
  const before = boundOf(members.get('before'), Infinity, problems)
  if (!after || !before) return undefined
  if (after.at >= before.at) {
    problems.error(
      node,
      'empty_range',
      `\`${node.path}\` is empty: it ends before it begins`,
      'exchange the two',
    )
    return undefined
  }
  const from = after.text === '' ? '' : ` from ${after.text} on`
  const until = before.text === '' ? '' : ` and earlier than ${before.text}`
  const words = `${from}${until}`.replace(/^ and/, '')
  const describe = `is an RFC 3339 date or date-time${words}`
  const holds = (value: Json): boolean => {
    const found = typeof value === 'string' ? readMoment(value) : undefined
    if (!found || found.at < after.at) return false
    return found.day ? found.at + DAY_MS <= before.at : found.at < before.at
  }
  return { ...clause('date', describe, TAKES.text, holds), cost: textSteps(150, 8) }
}

function boundOf(
  node: DocNode | undefined,
  open: number,
  problems: Problems,
): { readonly at: number; readonly text: string } | undefined {
  if (!node) return { at: open, text: '' }
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : ''
  const found = readMoment(text)
  // A bound is compared in whole milliseconds.
  if (found && !/\.\d{4}/.test(text)) return { at: found.at, text }
  return wrongForm(
    node,
    problems,
    'an RFC 3339 date or date-time',
    'write `2026-11-22` or `2026-11-22T10:00:00Z`',
  )
}
