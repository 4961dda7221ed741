/** Which rows of a record are asked for. Every condition must hold; an absent one holds. */
import { isCall, fullName, type Row, type RowKind } from './row.ts'

export interface RowFilter {
  /** Part of `server/name`, or a glob over it (`*` and `?`) where it has such a sign. */
  readonly tool?: string
  readonly server?: string
  readonly effect?: string
  readonly reason?: string
  /** The verdict, or what came back of a forwarded call. */
  readonly verdict?: string
  readonly call?: string
  readonly agent?: string
  /** By its name. */
  readonly mandate?: string
  /** A rule that decided, in shadow mode or in force; all of a policy by its name, or a pattern with `*` and `?`. */
  readonly rule?: string
  /** RFC 3339 in UTC with milliseconds, half-open: since ≤ ts < until. */
  readonly since?: string
  readonly until?: string
  /** Lists and events as well as calls, refusals and what upstreams asked for. */
  readonly all: boolean
}

/** Rows that are shown whether all of them are asked for or not. */
export const ALWAYS: ReadonlySet<RowKind> = new Set([
  'call',
  'refusal',
  'upstream_request',
  'other',
])

export function matches(row: Row, filter: RowFilter): boolean {
  const { tool, server, effect, reason, verdict, call, rule, since, until, all } = filter
  if (!all && !ALWAYS.has(row.kind)) return false
  if (!isWithin(row.ts, since, until)) return false
  if (server !== undefined && row.server !== server) return false
  if (effect !== undefined && !row.effects.includes(effect)) return false
  if (reason !== undefined && row.reason !== reason) return false
  if (!isBy(row, filter)) return false
  if (call !== undefined && !isCall(row.call, call)) return false
  if (rule !== undefined && !isRuled(rule, row)) return false
  if (verdict !== undefined && row.verdict !== verdict && row.result !== verdict) return false
  return tool === undefined || namedBy(tool, row)
}

function isBy(row: Row, { agent, mandate }: RowFilter): boolean {
  if (agent !== undefined && row.agent !== agent) return false
  return mandate === undefined || row.mandate === mandate
}

function isWithin(ts: string, since: string | undefined, until: string | undefined): boolean {
  return (since === undefined || ts >= since) && (until === undefined || ts < until)
}

export function isRuled(asked: string, { rules, shadow }: Pick<Row, 'rules' | 'shadow'>): boolean {
  const is = (rule: string): boolean => rule.startsWith(`${asked}#`) || globMatches(asked, rule)
  return rules.some(is) || shadow.some(is)
}

export function namedBy(asked: string, row: Pick<Row, 'server' | 'name'>): boolean {
  const name = fullName(row)
  if (!/[*?]/.test(asked)) return name.includes(asked)
  return globMatches(asked, name) || globMatches(asked, row.name)
}

/** `*` is any text, `?` one character; in time proportional to the product of both lengths at worst. */
export function globMatches(glob: string, text: string): boolean {
  let g = 0
  let t = 0
  let star = -1
  let resume = 0
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g
      resume = t
      g += 1
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
      g += 1
      t += 1
    } else if (star >= 0) {
      // The star takes one character more, and the rest is tried again.
      resume += 1
      t = resume
      g = star + 1
    } else return false
  }
  while (glob[g] === '*') g += 1
  return g === glob.length
}
