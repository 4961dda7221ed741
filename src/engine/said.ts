/** What an engine said, before it is a fact. */
import { isList, isObject, type Json, member } from '../model/json.ts'
import { spelt } from '../model/plain-name.ts'
import type { EngineFact } from '../model/policy.ts'

export interface Said {
  readonly effect: EngineFact['effect']
  readonly detail?: string
  /** No answer came: enough of these in a row, and it is not asked for a while. */
  readonly unreachable?: true
}

/** One way to ask an engine. May reject; whatever goes wrong is an `error` in the end. */
export interface Asking<Question> {
  ask(question: Question, signal: AbortSignal): Promise<Said>
  close(): Promise<void>
}

const LONGEST_DETAIL = 256

/** Text from outside for operators: cut, and nothing hidden in it. */
export function detailOf(text: string): string {
  return spelt(text.slice(0, LONGEST_DETAIL).toWellFormed()).slice(0, LONGEST_DETAIL)
}

export function failed(detail: string): Said {
  return { effect: 'error', detail: detailOf(detail) }
}

export function unreachable(detail: string): Said {
  return { ...failed(detail), unreachable: true }
}

/** Why something was thrown, whatever was. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message
  if (typeof error === 'string') return error
  return isObject(error) && typeof error['message'] === 'string' ? error['message'] : 'it broke'
}

/**
 * A permit or a denial; a permit that comes with obligations is neither, as nobody here meets a duty of theirs.
 */
export function decided(permits: boolean, obligations: Json | undefined, why: string): Said {
  if (permits && !isNone(obligations))
    return failed('it permits with an obligation, and no duty of an engine can be met here')
  const detail = detailOf(why)
  return { effect: permits ? 'permit' : 'deny', ...(detail !== '' && { detail }) }
}

function isNone(obligations: Json | undefined): boolean {
  return obligations === undefined || (isList(obligations) && obligations.length === 0)
}

/**
 * What a Rego rule answered: a boolean, or `{ allow, reasons, obligations }`. Undefined, which a rule is when a fact is
 * missing, is no permit and no denial.
 */
export function regoSaid(result: Json | undefined): Said {
  if (typeof result === 'boolean') return decided(result, undefined, '')
  if (result === undefined)
    return failed('the rule is undefined: a fact is missing, or the path is wrong')
  const allow = isObject(result) ? member(result, 'allow') : undefined
  if (!isObject(result) || typeof allow !== 'boolean')
    return failed('the rule answers neither a boolean nor an object with the boolean `allow`')
  const reasons = member(result, 'reasons')
  const why = isList(reasons) ? reasons.filter((one) => typeof one === 'string').join('; ') : ''
  return decided(allow, member(result, 'obligations'), why)
}
