/** Parses one rule of a policy. */
import {
  durationOf,
  mapOf,
  membersOf,
  type Members,
  namesOf,
  required,
  textOf,
  wordOf,
  wordsOf,
} from '../document/form.ts'
import { EFFECT_CLASSES, ENVIRONMENTS, RISK_POSTURES } from '../model/call.ts'
import { APPROVAL_ASSURANCES } from '../model/decision.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { POLICY_MODES, type PolicyMode, RULE_EFFECTS } from '../model/policy.ts'
import type { ApprovalSource, RuleSource } from './language.ts'
import { parseObligation } from './obligation-form.ts'
import { idOf, labelsOf, missing } from './form.ts'
import { patternsOf, targetsOf } from './target.ts'

const SELECTORS = [
  'tools',
  'resources',
  'prompts',
  'effects',
  'data',
  'agents',
  'purposes',
  'environments',
  'risk',
  'labels',
]
const MEMBERS = [
  'id',
  'effect',
  'mode',
  'description',
  ...SELECTORS,
  'when',
  'unless',
  'unlessArgs',
  'otherArgs',
  'approval',
  'obligation',
]
const DEFAULT_EXPIRY_MS = 900_000

/** The rule, or undefined when it could not be read and the problem was reported. */
export function parseRule(
  node: DocNode,
  policy: { readonly name: string; readonly mode: PolicyMode },
  problems: Problems,
): RuleSource | undefined {
  refuseArgs(node, problems)
  const members = membersOf(node, MEMBERS, problems)
  if (!members) return undefined
  const need = (key: string, remedy: string): DocNode | undefined =>
    required(node, members, key, { problems, remedy })
  const id = idOf(need('id', 'name it: `id: no-exfiltration`'), problems)
  const effect = wordOf(
    need('effect', `say what it does: ${RULE_EFFECTS.join(', ')}`),
    RULE_EFFECTS,
    problems,
  )
  const mode = wordOf(members.get('mode'), POLICY_MODES, problems)
  const description = textOf(members.get('description'), problems)
  const parsed = { ...parseSelectors(members, problems), ...parseExempt(members, problems) }
  const duties = parseDuties(node, effect, members, problems)
  if (id === undefined || effect === undefined) return undefined
  return {
    id,
    name: `${policy.name}#${id}`,
    place: node.place,
    effect,
    // A policy that is in shadow has no rule that is not.
    mode: policy.mode === 'shadow' ? 'shadow' : (mode ?? 'enforce'),
    ...(description !== undefined && { description }),
    ...parsed,
    ...duties,
  }
}

/** A list of bad arguments misses what it does not know; whoever expects one is told what to write. */
function refuseArgs(node: DocNode, problems: Problems): void {
  const args = node.kind === 'map' ? node.entries.find(({ key }) => key === 'args') : undefined
  if (!args) return
  const remedy = 'write `when: args.amount > 1000`, or what is exempt: `unlessArgs: { … }`'
  problems.error({ place: args.keyPlace }, 'args_in_rule', 'a rule has no `args`', remedy)
}

type Selectors = Pick<
  RuleSource,
  'targets' | 'effects' | 'data' | 'agents' | 'purposes' | 'environments' | 'risk' | 'labels'
>

function parseSelectors(members: Members, problems: Problems): Selectors {
  const targets = targetsOf(members, problems)
  const labels = members.get('labels')
  return {
    ...(targets && { targets }),
    effects: wordsOf(members.get('effects'), EFFECT_CLASSES, problems) ?? [],
    data: namesOf(members.get('data'), problems) ?? [],
    agents: patternsOf(members.get('agents'), 'tool', problems),
    purposes: patternsOf(members.get('purposes'), 'tool', problems),
    environments: wordsOf(members.get('environments'), ENVIRONMENTS, problems) ?? [],
    risk: wordsOf(members.get('risk'), RISK_POSTURES, problems) ?? [],
    labels: labels ? labelsOf(labels, problems) : [],
  }
}

/** Conditions are compiled with the whole set, whose named sets they may read. */
function parseExempt(
  members: Members,
  problems: Problems,
): Pick<RuleSource, 'when' | 'unless' | 'unlessArgs'> {
  const [when, unless] = [members.get('when'), members.get('unless')]
  const node = members.get('unlessArgs')
  const other = members.get('otherArgs')
  if (other && !node)
    problems.error(
      other,
      'contradiction',
      '`otherArgs` says nothing without `unlessArgs`',
      'remove it',
    )
  const otherArgs = wordOf(other, ['refuse', 'permit'] as const, problems) ?? 'refuse'
  const map = node && mapOf(node, problems)
  const args = new Map((map?.entries ?? []).map(({ key, value }) => [key, value]))
  if (map && args.size === 0)
    problems.error(map, 'empty_list', '`unlessArgs` names no argument', 'name at least one')
  return {
    ...(when && { when }),
    ...(unless && { unless }),
    ...(map && { unlessArgs: { place: map.place, args, otherArgs } }),
  }
}

function parseDuties(
  node: DocNode,
  effect: RuleSource['effect'] | undefined,
  members: Members,
  problems: Problems,
): Pick<RuleSource, 'approval' | 'obligation'> {
  const approval = members.get('approval')
  const obligation = members.get('obligation')
  const belongs = { approval: 'require_approval', obligation: 'oblige' } as const
  for (const [member, owner] of Object.entries(belongs)) {
    const given = members.get(member)
    if (given && effect !== undefined && effect !== owner)
      problems.error(
        given,
        'contradiction',
        `\`${member}\` belongs to \`effect: ${owner}\``,
        'remove one of the two',
      )
  }
  if (effect === 'require_approval' && !approval)
    missing(
      node,
      'approval',
      'say who may approve: `approval: { from: [lee@acme.example] }`',
      problems,
    )
  if (effect === 'oblige' && !obligation)
    missing(node, 'obligation', 'say what is due: `obligation: { type: redact, … }`', problems)
  const asked = approval && parseApproval(approval, problems)
  const due = obligation && parseObligation(obligation, problems)
  return { ...(asked && { approval: asked }), ...(due && { obligation: due }) }
}

const MOST_APPROVERS = 16

function parseApproval(node: DocNode, problems: Problems): ApprovalSource | undefined {
  const known = ['from', 'quorum', 'expires', 'assurance', 'except']
  const members = membersOf(node, known, problems)
  if (!members) return undefined
  const remedy = 'name who may approve: `from: [lee@acme.example]`'
  const from = namesOf(required(node, members, 'from', { problems, remedy }), problems) ?? []
  const expires = members.get('expires')
  const expiresInMs = expires ? durationOf(expires, problems) : DEFAULT_EXPIRY_MS
  const assurance = wordOf(members.get('assurance'), APPROVAL_ASSURANCES, problems)
  const except = wordsOf(members.get('except'), ['owner', 'approvers'] as const, problems) ?? []
  const quorum = quorumOf(members.get('quorum'), from, problems)
  return {
    from,
    quorum,
    expiresInMs: expiresInMs ?? 0,
    except,
    ...(assurance && { assurance }),
  }
}

/** A group may have any number of members; names are counted. */
function quorumOf(node: DocNode | undefined, from: readonly string[], problems: Problems): number {
  if (!node) return 1
  const value = node.kind === 'scalar' ? node.value : undefined
  if (
    typeof value !== 'number' ||
    !Number.isInteger(value) ||
    value < 1 ||
    value > MOST_APPROVERS
  ) {
    const remedy = `write a whole number from 1 to ${MOST_APPROVERS}`
    problems.error(node, 'wrong_type', '`quorum` is no number of approvers', remedy)
    return 1
  }
  if (value > from.length && from.every((one) => !one.startsWith('group:')))
    problems.error(
      node,
      'impossible_quorum',
      'more have to agree than are named',
      'name more, or ask fewer',
    )
  return value
}
