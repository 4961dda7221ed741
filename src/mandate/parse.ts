/** Parses a mandate document into a `Mandate`: the whole form, every member checked, nothing unknown ignored. */
import type { ReadDocument } from '../document/read.ts'
import { compileAmount } from '../expression/amount.ts'
import { ENVIRONMENTS, UPSTREAM_REQUESTS, type UpstreamRequest } from '../model/call.ts'
import type { DocNode, Place, Problems } from '../model/document.ts'
import type { Sha256 } from '../model/id.ts'
import type { Mandate, Purpose } from '../model/mandate.ts'
import {
  instantOf,
  mapOf,
  type Members,
  membersOf,
  nameOf,
  namesOf,
  required,
  textOf,
  wordsOf,
} from '../document/form.ts'
import { warnOfDeadBudgets } from './budget-findings.ts'
import { parseBudgets } from './budget-form.ts'
import {
  conditionScope,
  GRANT_MEMBERS,
  type GrantScope,
  parseGrants,
  parseNever,
  withRemedy,
} from './grant.ts'
import { refuseOverlaps } from './overlap.ts'
import { parseReview } from './review.ts'
import { resolveRoles } from './role.ts'
import { refuseUnenforced, UNENFORCED } from './unenforced.ts'

/** A mandate file as read, with the hash of its bytes. */
export interface MandateSource {
  readonly node: DocNode
  readonly file: string
  readonly digest: Sha256
}

const MEMBERS: readonly string[] = [
  'mandate',
  'agent',
  'purpose',
  'owner',
  'environment',
  'approved',
  'valid',
  'roles',
  ...Object.keys(GRANT_MEMBERS),
  'requests',
  'never',
  'budgets',
  'context',
  'review',
  ...UNENFORCED,
]

/**
 * The mandate, or undefined when a problem of level error was reported. Roles are read with `read`, which takes a path
 * beside the mandate's own.
 */
export function parseMandate(
  source: MandateSource,
  read: (path: string) => ReadDocument,
  problems: Problems,
): Mandate | undefined {
  const { node } = source
  const members = membersOf(node, MEMBERS, problems)
  if (!members) return undefined
  const need = (key: string, remedy: string): DocNode | undefined =>
    required(node, members, key, { problems, remedy })
  const name = nameOf(need('mandate', 'name it: `mandate: vendor-intake-q4`'), problems)
  const agent = nameOf(need('agent', 'name the agent that may use it: `agent: my-agent`'), problems)
  const purpose = parsePurpose(
    need('purpose', 'say what it is for: `purpose: Read the project files`'),
    problems,
  )
  const valid = parseValid(
    need('valid', 'say when it ends: `valid: { until: 2026-12-31T18:00:00Z }`'),
    problems,
  )
  refuseUnenforced(members, UNENFORCED, problems)
  const authority = parseAuthority(source, members, { purpose, read, problems })
  const header = parseHeader(members, problems)
  if (problems.bad || name === undefined || agent === undefined || !purpose || !valid)
    return undefined
  return {
    name,
    agent,
    purpose,
    valid,
    ...header,
    ...authority,
    file: source.file,
    digest: source.digest,
    signed: false,
  }
}

function parseHeader(
  members: Members,
  problems: Problems,
): Pick<Mandate, 'owner' | 'environment' | 'approved' | 'requests' | 'requestPlaces' | 'review'> {
  const owner = nameOf(members.get('owner'), problems)
  const approved = parseApproved(members.get('approved'), problems)
  const review = parseReview(members.get('review'), problems)
  return {
    ...(owner !== undefined && { owner }),
    ...(approved && { approved }),
    ...(review && { review }),
    environment: wordsOf(members.get('environment'), ENVIRONMENTS, problems) ?? [],
    ...parseRequests(members.get('requests'), problems),
  }
}

function parsePurpose(node: DocNode | undefined, problems: Problems): Purpose | undefined {
  if (!node) return undefined
  if (node.kind === 'scalar') {
    const text = textOf(node, problems)
    return text === undefined ? undefined : { text }
  }
  const members = membersOf(node, ['text', 'ref'], problems)
  if (!members) return undefined
  const remedy = 'say what the mandate is for, in words'
  const text = textOf(required(node, members, 'text', { problems, remedy }), problems)
  const ref = nameOf(members.get('ref'), problems)
  if (text === undefined) return undefined
  return { text, ...(ref !== undefined && { ref }) }
}

function parseValid(node: DocNode | undefined, problems: Problems): Mandate['valid'] | undefined {
  const members = node && membersOf(node, ['from', 'until'], problems)
  if (!node || !members) return undefined
  const remedy = 'say when it ends: `until: 2026-12-31T18:00:00Z`'
  const untilNode = required(node, members, 'until', { problems, remedy })
  const until = instantOf(untilNode, problems)
  const from = instantOf(members.get('from'), problems)
  if (!untilNode || until === undefined) return undefined
  if (from !== undefined && until <= from) {
    const message = 'the mandate ends before it begins: `valid.until` is not after `valid.from`'
    problems.error(untilNode, 'end_before_start', message, 'correct one of the two times')
  }
  return { until, ...(from !== undefined && { from }) }
}

function parseApproved(node: DocNode | undefined, problems: Problems): Mandate['approved'] {
  const members = node && membersOf(node, ['by', 'at'], problems)
  if (!node || !members) return undefined
  const need = (key: string, remedy: string): DocNode | undefined =>
    required(node, members, key, { problems, remedy })
  const by = namesOf(need('by', 'name who approved it: `by: [lee@acme.example]`'), problems)
  const at = instantOf(need('at', 'say when: `at: 2026-11-20T09:00:00Z`'), problems)
  return by && at !== undefined ? { by, at } : undefined
}

function parseRequests(
  node: DocNode | undefined,
  problems: Problems,
): Pick<Mandate, 'requests' | 'requestPlaces'> {
  const requests = new Map<string, readonly UpstreamRequest[]>()
  const requestPlaces = new Map<string, Place>()
  const map = node && mapOf(node, problems)
  for (const { key, keyPlace, value } of map?.entries ?? []) {
    if (/[/*?]/.test(key) || key.trim() !== key || key === '') {
      const message = `\`${key}\` does not name one server`
      problems.error({ place: keyPlace }, 'invalid_target', message, 'name each server in full')
    }
    requests.set(key, wordsOf(value, UPSTREAM_REQUESTS, problems) ?? [])
    requestPlaces.set(key, keyPlace)
  }
  return { requests, requestPlaces }
}

function parseContext(
  node: DocNode | undefined,
  problems: Problems,
): ReadonlyMap<string, readonly string[]> {
  const context = new Map<string, readonly string[]>()
  const map = node && mapOf(node, problems)
  for (const { key, value } of map?.entries ?? []) context.set(key, namesOf(value, problems) ?? [])
  return context
}

/** Everything that gives or takes: the mandate's own grants and those of its roles. */
function parseAuthority(
  source: MandateSource,
  members: Members,
  given: {
    readonly purpose: Purpose | undefined
    readonly read: (path: string) => ReadDocument
    readonly problems: Problems
  },
): Pick<Mandate, 'context' | 'grants' | 'never' | 'roles' | 'budgets'> {
  const { purpose, read, problems } = given
  const context = parseContext(members.get('context'), problems)
  const scope: GrantScope = {
    purpose: purpose?.text ?? '',
    ...(purpose?.ref !== undefined && { ref: purpose.ref }),
    context,
    prefix: '',
  }
  const own = parseGrants(members, scope, problems)
  const resolved = resolveRoles(namesNode(members), { file: source.file, scope, read }, problems)
  const grants = [...own, ...resolved.grants]
  refuseOverlaps(grants, problems)
  const never = [...parseNever(members.get('never'), problems), ...resolved.never]
  if (grants.length === 0 && !problems.bad) {
    const remedy = 'add `tools`, `resources` or `prompts`'
    problems.warning(source.node, 'no_grants', 'the mandate permits nothing at all', remedy)
  }
  const budgets = parseBudgets(
    members.get('budgets'),
    (node, into) => withRemedy(into, (found) => compileAmount(node, conditionScope(scope), found)),
    problems,
  )
  warnOfDeadBudgets(budgets, grants, problems)
  return { context, grants, never, roles: resolved.roles, budgets }
}

/** `roles: []` says that there are none; every other empty list is a mistake. */
function namesNode(members: Members): DocNode | undefined {
  const node = members.get('roles')
  return node?.kind === 'list' && node.items.length === 0 ? undefined : node
}
