/** Members that several parts of a policy have: names, labels, lists. */
import { listOf, nameOf, namesOf } from '../document/form.ts'
import type { DocNode, Problems } from '../model/document.ts'

const ID = /^[A-Za-z0-9][\w.-]{0,63}$/

/** A short name that stands in the record and on command lines. */
export function idOf(node: DocNode | undefined, problems: Problems): string | undefined {
  const text = nameOf(node, problems)
  if (!node || text === undefined || ID.test(text)) return text
  const remedy = 'use letters, digits, `.`, `_` and `-`, at most 64'
  problems.error(node, 'invalid_name', `\`${text}\` is no name of a policy or a rule`, remedy)
  return undefined
}

/** The items of a list; none where it is absent. An empty list is fine: it says that there are none. */
export function itemsOf(node: DocNode | undefined, problems: Problems): readonly DocNode[] {
  return (node && listOf(node, problems))?.items ?? []
}

const LABEL = /^[a-z][a-z0-9_-]{0,63}$/

/** Names of labels: what conditions compare has one spelling. */
export function labelsOf(node: DocNode | undefined, problems: Problems): readonly string[] {
  const names = namesOf(node, problems) ?? []
  for (const name of node ? names : []) {
    if (LABEL.test(name) || !node) continue
    const message = `\`${name}\` is no name of a label`
    problems.error(node, 'invalid_name', message, 'use small letters, digits, `_` and `-`')
  }
  return names
}

/** Reports that a member is missing. */
export function missing(at: DocNode, member: string, remedy: string, problems: Problems): void {
  const where = at.path === '' ? member : `${at.path}.${member}`
  problems.error(at, 'missing_member', `\`${where}\` is missing`, remedy)
}
