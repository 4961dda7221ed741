/** Parses the grants of a mandate or a role: `tools`, `resources`, `prompts`, and what is `never` permitted. */
import { compileCondition } from '../expression/condition.ts'
import { type ConstraintScope, parseConstraint } from '../expression/constraint.ts'
import { compileGlob } from '../expression/glob.ts'
import { EFFECT_CLASSES } from '../model/call.ts'
import { type DocEntry, type DocNode, type Place, Problems } from '../model/document.ts'
import type { ApprovalDuty, Grant, Mandate } from '../model/mandate.ts'
import {
  durationOf,
  listOf,
  mapOf,
  type Members,
  membersOf,
  namesOf,
  required,
  textOf,
  wordOf,
} from '../document/form.ts'
import { parseLimit } from './limit.ts'
import { refuseUnenforced } from './unenforced.ts'
import { unreachable } from './uri.ts'

/** Where grants are read from, and what their constraints may refer to. */
export interface GrantScope extends ConstraintScope {
  readonly ref?: string
  /** Stands before the rule's name where the grant comes from a role: `role vendor-reader: `. */
  readonly prefix: string
}

export type Never = Mandate['never'][number]

/** The members that hold grants, and the kind of each. */
export const GRANT_MEMBERS = { tools: 'tool', resources: 'resource', prompts: 'prompt' } as const

const MEMBERS = ['effect', 'data', 'args', 'otherArgs', 'when', 'approval', 'limit', 'credential']
/** An approval that says nothing else is good for a quarter of an hour. */
const DEFAULT_EXPIRY_MS = 900_000

/** All grants of a document, in its order. */
export function parseGrants(members: Members, scope: GrantScope, problems: Problems): Grant[] {
  const grants: Grant[] = []
  for (const [member, kind] of Object.entries(GRANT_MEMBERS)) {
    const node = members.get(member)
    const map = node && mapOf(node, problems)
    for (const entry of map?.entries ?? []) {
      const grant = parseGrant(entry, kind, scope, problems)
      if (grant) grants.push(grant)
    }
  }
  return grants
}

function parseGrant(
  entry: DocEntry,
  kind: Grant['kind'],
  scope: GrantScope,
  problems: Problems,
): Grant | undefined {
  const { value } = entry
  const at = { text: entry.key, place: entry.keyPlace }
  const target = parseTarget(at, kind, problems)
  const members = membersOf(value, MEMBERS, problems)
  if (!target || !members) return undefined
  refuseUnenforced(members, ['credential'], problems)
  const effect = wordOf(members.get('effect'), EFFECT_CLASSES, problems)
  const when = members.get('when')
  if (when) checkCondition(when, scope, problems)
  const approval = parseApproval(members.get('approval'), scope, problems)
  const rule = `${scope.prefix}${value.path}`
  const limit = parseLimit(members.get('limit'), rule, problems)
  return {
    kind,
    rule,
    place: entry.keyPlace,
    ...target,
    ...(effect !== undefined && { effect }),
    data: namesOf(members.get('data'), problems) ?? [],
    ...parseArgs(members, kind, scope, problems),
    ...(when && { when }),
    ...(approval && { approval }),
    ...(limit && { limit }),
  }
}

/** A pattern `server/name`, split at its first slash. */
export function parseTarget(
  pattern: { readonly text: string; readonly place: Place },
  kind: Grant['kind'],
  problems: Problems,
): { readonly server: string; readonly name: string } | undefined {
  const slash = pattern.text.indexOf('/')
  const server = pattern.text.slice(0, Math.max(slash, 0))
  const name = pattern.text.slice(slash + 1)
  if (server === '' || name === '') {
    const wanted = kind === 'resource' ? 'server/uri' : `server/${kind}`
    problems.error(
      pattern,
      'invalid_target',
      `\`${pattern.text}\` does not name a server and a ${kind}`,
      `write \`${wanted}\`, with the server's name as it stands in mcp.json`,
    )
    return undefined
  }
  const place = pattern.place
  const globs = [
    compileGlob({ text: server, place }, 'server', problems),
    compileGlob({ text: name, place }, kind === 'resource' ? 'uri' : 'tool', problems),
  ]
  if (globs.includes(undefined)) return undefined
  const why = kind === 'resource' ? unreachable(name) : undefined
  if (why !== undefined) {
    problems.error(
      pattern,
      'unreachable_pattern',
      `\`${name}\` matches no URI: ${why}`,
      'write the URI in its canonical form',
    )
  }
  return { server, name }
}

/**
 * The closed world: with `args` present only the named arguments are permitted, and `args: {}` permits none;
 * without, any arguments are.
 */
function parseArgs(
  members: Members,
  kind: Grant['kind'],
  scope: GrantScope,
  problems: Problems,
): Pick<Grant, 'args' | 'otherArgs'> {
  const node = members.get('args')
  const otherNode = members.get('otherArgs')
  if (kind === 'resource' && (node ?? otherNode)) {
    const at = node ?? otherNode
    if (at)
      problems.error(at, 'no_arguments', 'a resource has no arguments', 'narrow the URI instead')
  }
  const other = wordOf(otherNode, ['refuse', 'permit'] as const, problems)
  const args = new Map<string, DocNode>()
  const map = node && mapOf(node, problems)
  for (const { key, value } of map?.entries ?? []) {
    withRemedy(problems, (found) => parseConstraint(value, scope, found))
    args.set(key, value)
  }
  return { args, otherArgs: other ?? (node ? 'refuse' : 'permit') }
}

function parseApproval(
  node: DocNode | undefined,
  scope: GrantScope,
  problems: Problems,
): ApprovalDuty | undefined {
  const members = node && membersOf(node, ['when', 'from', 'expires'], problems)
  if (!node || !members) return undefined
  const remedy = 'name who may approve: `from: [lee@acme.example]`'
  const from = namesOf(required(node, members, 'from', { problems, remedy }), problems)
  const when = members.get('when')
  if (when) checkCondition(when, scope, problems)
  const expires = members.get('expires')
  const expiresInMs = expires ? durationOf(expires, problems) : DEFAULT_EXPIRY_MS
  return { ...(when && { when }), from: from ?? [], expiresInMs: expiresInMs ?? 0 }
}

function checkCondition(node: DocNode, scope: GrantScope, problems: Problems): void {
  withRemedy(problems, (found) => compileCondition(node, conditionScope(scope), found))
}

/** Not every parser of expressions knows what to do about what it refuses. */
export function withRemedy(problems: Problems, parse: (found: Problems) => unknown): void {
  const found = new Problems()
  parse(found)
  for (const problem of found.list) {
    problems.add({ remedy: 'correct it here: docs/mandate.md shows how it is written', ...problem })
  }
}

/** What a condition may refer to besides the call. */
export function conditionScope(scope: { readonly purpose: string; readonly ref?: string }): {
  readonly purpose: string
  readonly ref?: string
} {
  return { purpose: scope.purpose, ...(scope.ref !== undefined && { ref: scope.ref }) }
}

/** `never: [vendors/delete_*]`. */
export function parseNever(node: DocNode | undefined, problems: Problems): readonly Never[] {
  const list = node && listOf(node, problems)
  const never: Never[] = []
  for (const item of list?.items ?? []) {
    const text = textOf(item, problems)
    const target = text !== undefined && parseTarget({ text, place: item.place }, 'tool', problems)
    if (target) never.push({ ...target, place: item.place })
  }
  return never
}
