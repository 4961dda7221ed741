/** What an engine said, before it is a fact. */
import { fold } from '../model/fold.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
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

/** A permit with anything beside it that is not understood is none: it may take back what it says. */
export interface Beside {
  /** The object that says yes or no, and the members that it may have. */
  readonly of: JsonObject
  readonly known: readonly string[]
}

/**
 * A permit or a denial; a permit that comes with obligations or advice is neither, as nobody here meets a duty of theirs.
 */
export function decided(permits: boolean, why: string, beside?: Beside): Said {
  const doubt = permits && beside ? doubtOf(beside) : undefined
  if (doubt !== undefined) return failed(doubt)
  const detail = detailOf(why)
  return { effect: permits ? 'permit' : 'deny', ...(detail !== '' && { detail }) }
}

function doubtOf({ of, known }: Beside): string | undefined {
  if (hasDuty(of)) return 'it permits with an obligation, and no duty of an engine can be met here'
  const other = Object.keys(of).find((name) => !known.includes(name) && !DUTY.test(fold(name)))
  return other === undefined
    ? undefined
    : `it permits with \`${other}\` beside it, which is not understood here`
}

const DUTY = /obligation|advice/

/** Is there a member, however deep, whose name says that it is a duty, and which is more than an empty list? */
function hasDuty(value: Json | undefined): boolean {
  if (isList(value)) return value.some(hasDuty)
  if (!isObject(value)) return false
  return Object.entries(value).some(
    ([name, item]) =>
      (DUTY.test(fold(name)) && !(isList(item) && item.length === 0)) || hasDuty(item),
  )
}

/**
 * What a Rego rule answered: a boolean, or `{ allow, reasons, obligations }`. Undefined, which a rule is when a fact is
 * missing, is no permit and no denial.
 */
export function regoSaid(result: Json | undefined): Said {
  if (typeof result === 'boolean') return decided(result, '')
  if (result === undefined)
    return failed('the rule is undefined: a fact is missing, or the path is wrong')
  const allow = isObject(result) ? member(result, 'allow') : undefined
  if (!isObject(result) || typeof allow !== 'boolean')
    return failed('the rule answers neither a boolean nor an object with the boolean `allow`')
  const reasons = member(result, 'reasons')
  const why = isList(reasons) ? reasons.filter((one) => typeof one === 'string').join('; ') : ''
  return decided(allow, why, { of: result, known: ['allow', 'reasons'] })
}
