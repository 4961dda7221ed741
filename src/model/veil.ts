/** Reading a call that is taken from the record: whatever read a value that is not kept has no answer. */
import type { CallContext } from './call.ts'

/** Said of a conjunct that read such a value. */
export const NOT_KEPT = 'it reads what is not kept'

/** Stands among the names of arguments for one whose name is not kept: no call that is admitted has it. */
export const OTHER = '\u0000'

/** What `read` finds out, or `unknown` where it read something that is not known. */
export function seen<T>({ veil }: CallContext, read: () => T): T | 'unknown' {
  const before = veil?.touched
  const found = read()
  return veil?.touched === before ? found : 'unknown'
}

/**
 * Is there an argument beside these? Members that are inherited count as well: a polluted prototype must deny, not permit.
 */
export function hasOthers(
  { args, veil }: CallContext,
  names: ReadonlySet<string>,
): boolean | 'unknown' {
  if (!veil) {
    for (const key in args) if (!names.has(key)) return true
    return false
  }
  const known = Object.keys(args)
  if (known.some((key) => key !== OTHER && !names.has(key))) return true
  if (veil.others === 'none') return false
  // What is there beside the known ones may be one of these, where nobody knows whether it is there.
  return veil.others === 'some' && [...names].every((name) => veil.knows(name)) ? true : 'unknown'
}

/** May there be a second spelling of one of these arguments that nobody knows of? */
export function mayHaveTwin({ veil }: CallContext, names: readonly string[]): boolean {
  return (
    veil !== undefined && veil.others !== 'none' && !names.every((name) => veil.plain.has(name))
  )
}
