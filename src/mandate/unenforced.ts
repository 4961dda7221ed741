/**
 * Members that the mandate form has and this version does not enforce. They are checked for form and then refused,
 * so that nobody relies on a limit that nothing keeps.
 */
import type { DocNode, Problems } from '../model/document.ts'
import { type Members, membersOf, nameOf, namesOf, wrongType } from '../document/form.ts'

type Check = (node: DocNode, problems: Problems) => boolean

/** Checks the form of a member; false when this version can keep what it says. */
const CHECKS: Readonly<Record<string, Check>> = {
  credential: (node, problems) => {
    nameOf(node, problems)
    return true
  },
  delegation: (node, problems) => {
    const members = membersOf(node, ['depth', 'to'], problems)
    const depth = members?.get('depth')
    if (members?.has('to')) namesOf(members.get('to'), problems)
    if (!depth) return true
    const value = depth.kind === 'scalar' ? depth.value : undefined
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      wrongType(depth, 'a whole number', problems, 'write 0: the mandate cannot be passed on')
    }
    return value !== 0
  },
  onBehalfOf: (node, problems) => {
    if (node.kind === 'scalar') {
      if (node.value === 'none') return false
      wrongType(node, '`none` or a map', problems, 'write `none`')
      return false
    }
    const members = membersOf(node, ['issuer', 'subject', 'groups'], problems)
    nameOf(members?.get('issuer'), problems)
    nameOf(members?.get('subject'), problems)
    if (members?.has('groups')) namesOf(members.get('groups'), problems)
    return true
  },
}

/** The members of a mandate that are refused so. */
export const UNENFORCED = ['delegation', 'onBehalfOf'] as const

/** Refuses the named members where they are present and ask for something. */
export function refuseUnenforced(
  members: Members,
  names: readonly string[],
  problems: Problems,
): void {
  for (const name of names) {
    const node = members.get(name)
    if (!node || CHECKS[name]?.(node, problems) !== true) continue
    problems.error(
      node,
      'not_enforced',
      `\`${name}\` is part of the mandate form but this version does not enforce it`,
      REMEDIES[name] ?? 'remove it: the guard does not run with a promise that it cannot keep',
    )
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  delegation: 'remove it, or write `delegation: { depth: 0 }`',
  onBehalfOf: 'write `onBehalfOf: none`, or remove it',
}
