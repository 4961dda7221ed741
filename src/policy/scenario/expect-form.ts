/** Parses what a case expects: `expect: deny`, or member by member. */
import { mapOf, membersOf, namesOf, wordOf, wrongType } from '../../document/form.ts'
import { DENY_REASONS } from '../../model/decision.ts'
import type { DocNode, Problems } from '../../model/document.ts'
import { isEmpty } from './circumstances-form.ts'
import { EFFECTS, type Effect, type Expectation } from './language.ts'

const MEMBERS = [
  'effect',
  'reason',
  'by',
  'errors',
  'obligations',
  'shadow',
  'labels',
  'debits',
  'approvers',
  'quorum',
  'listed',
]

export function parseExpectation(node: DocNode, problems: Problems): Expectation | undefined {
  const { place } = node
  if (node.kind === 'scalar') {
    const effect = wordOf(node, EFFECTS, problems)
    return effect && { place, effect }
  }
  const members = membersOf(node, MEMBERS, problems)
  if (!members) return undefined
  if (members.size === 0) {
    problems.error(node, 'empty_list', '`expect` expects nothing', 'write `expect: deny`')
    return undefined
  }
  const effect = wordOf(members.get('effect'), EFFECTS, problems)
  const reason = wordOf(members.get('reason'), DENY_REASONS, problems)
  refuseContradiction(node, effect, reason, problems)
  const errors = countOf(members.get('errors'), problems)
  const quorum = countOf(members.get('quorum'), problems)
  const listed = booleanOf(members.get('listed'), problems)
  const debits = debitsOf(members.get('debits'), problems)
  const lists = {
    by: listFrom(members.get('by'), problems),
    obligations: listFrom(members.get('obligations'), problems),
    shadow: listFrom(members.get('shadow'), problems),
    labels: listFrom(members.get('labels'), problems),
    approvers: listFrom(members.get('approvers'), problems),
  }
  return {
    place,
    ...(effect && { effect }),
    ...(reason && { reason }),
    ...(errors !== undefined && { errors }),
    ...(quorum !== undefined && { quorum }),
    ...(listed !== undefined && { listed }),
    ...(debits && { debits }),
    ...(lists.by && { by: lists.by }),
    ...(lists.obligations && { obligations: lists.obligations }),
    ...(lists.shadow && { shadow: lists.shadow }),
    ...(lists.labels && { labels: lists.labels }),
    ...(lists.approvers && { approvers: lists.approvers }),
  }
}

function refuseContradiction(
  node: DocNode,
  effect: Effect | undefined,
  reason: string | undefined,
  problems: Problems,
): void {
  if (effect === undefined || reason === undefined) return
  const approval = reason === 'approval_required'
  if (effect !== 'permit' && (effect === 'approval') === approval) return
  const message = `\`effect: ${effect}\` never comes with \`reason: ${reason}\``
  problems.error(node, 'contradiction', message, 'remove one of the two')
}

/** One name, a list of them, or an empty list for none. */
function listFrom(node: DocNode | undefined, problems: Problems): readonly string[] | undefined {
  if (!node || isEmpty(node)) return node && []
  if (node.kind !== 'scalar') return namesOf(node, problems)
  if (typeof node.value === 'string') return [node.value]
  return wrongType(node, 'a name or a list of names', problems, 'write `[]` for none')
}

function countOf(node: DocNode | undefined, problems: Problems): number | undefined {
  const value = node?.kind === 'scalar' ? node.value : undefined
  if (!node || (typeof value === 'number' && Number.isInteger(value) && value >= 0))
    return typeof value === 'number' ? value : undefined
  return wrongType(node, 'a count', problems, 'write a whole number from 0')
}

function booleanOf(node: DocNode | undefined, problems: Problems): boolean | undefined {
  const value = node?.kind === 'scalar' ? node.value : undefined
  if (!node || typeof value === 'boolean') return typeof value === 'boolean' ? value : undefined
  return wrongType(node, '`true` or `false`', problems, 'write one of the two')
}

/** Amounts by the digits that are written. */
function debitsOf(
  node: DocNode | undefined,
  problems: Problems,
): ReadonlyMap<string, string> | undefined {
  const map = node && mapOf(node, problems)
  if (!map) return undefined
  const debits = new Map<string, string>()
  for (const { key, value } of map.entries) {
    if (value.kind === 'scalar' && typeof value.value === 'number')
      debits.set(key, value.source ?? String(value.value))
    else wrongType(value, 'a number', problems, 'write what is taken: `calls: 1`')
  }
  return debits
}
