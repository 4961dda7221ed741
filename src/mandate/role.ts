/** Resolves the roles that a mandate names: templates of grants in files beside it, recorded by their hash. */
import { dirname, join } from 'node:path'
import type { ReadDocument } from '../document/read.ts'
import type { DocNode, Problems } from '../model/document.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import { membersOf, nameOf, namesOf, required, textOf } from '../document/form.ts'
import { GRANT_MEMBERS, type GrantScope, type Never, parseGrants, parseNever } from './grant.ts'

export interface ResolvedRoles {
  readonly grants: readonly Grant[]
  readonly never: readonly Never[]
  readonly roles: Mandate['roles']
}

interface RoleSource {
  /** The mandate's own file; roles stand beside it. */
  readonly file: string
  readonly scope: GrantScope
  readonly read: (path: string) => ReadDocument
}

const MEMBERS = ['role', 'description', ...Object.keys(GRANT_MEMBERS), 'never']

/** Reads every role named; a role only adds grants, and their duties add up with the mandate's own. */
export function resolveRoles(
  node: DocNode | undefined,
  source: RoleSource,
  problems: Problems,
): ResolvedRoles {
  const grants: Grant[] = []
  const never: Never[] = []
  const roles: Mandate['roles'][number][] = []
  for (const name of namesOf(node, problems) ?? []) {
    const at = itemNamed(node, name)
    const found = at && findRole(name, at, source, problems)
    if (!found?.node || found.digest === undefined) continue
    roles.push({ name, file: found.file, digest: found.digest })
    const scope = { ...source.scope, prefix: `role ${name}: ` }
    const members = membersOf(found.node, MEMBERS, problems)
    if (!members) continue
    const remedy = `write \`role: ${name}\``
    const nameNode = required(found.node, members, 'role', { problems, remedy })
    const written = nameOf(nameNode, problems)
    if (nameNode && written !== undefined && written !== name) {
      const message = `the role calls itself \`${written}\`, the mandate asks for \`${name}\``
      problems.error(nameNode, 'role_name', message, remedy)
    }
    textOf(members.get('description'), problems)
    grants.push(...parseGrants(members, scope, problems))
    never.push(...parseNever(members.get('never'), problems))
  }
  return { grants, never, roles }
}

function itemNamed(node: DocNode | undefined, name: string): DocNode | undefined {
  const items = node?.kind === 'list' ? node.items : []
  return items.find((item) => item.kind === 'scalar' && item.value === name)
}

/** The name becomes part of a path: no separators, no dots at its start. */
const ROLE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

function findRole(
  name: string,
  at: DocNode,
  source: RoleSource,
  problems: Problems,
): (ReadDocument & { readonly file: string }) | undefined {
  if (!ROLE_NAME.test(name)) {
    const message = `\`${name}\` is not the name of a role: letters, digits, \`.\`, \`_\` and \`-\``
    problems.error(at, 'invalid_name', message, 'name the role file without its folder and ending')
    return undefined
  }
  const folder = dirname(source.file)
  const files = [
    join(folder, 'policies', 'roles', `${name}.yaml`),
    join(folder, 'roles', `${name}.yaml`),
  ]
  const present = files
    .map((file) => ({ file, ...source.read(file) }))
    .filter((role) => !role.problems.some((problem) => problem.id === 'no_such_file'))
  const [first, second] = present
  if (!first) {
    const message = `the role \`${name}\` has no file`
    problems.error(
      at,
      'missing_role',
      message,
      `write ${files.map((file) => `\`${file}\``).join(' or ')}`,
    )
    return undefined
  }
  if (second) {
    const message = `the role \`${name}\` stands in two files: \`${first.file}\` and \`${second.file}\``
    problems.error(at, 'ambiguous_role', message, 'keep one of the two')
    return undefined
  }
  for (const problem of first.problems) problems.add({ place: at.place, ...problem })
  return first
}
