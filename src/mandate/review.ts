/** The `review` of a mandate: what makes somebody look at it again, and what is done until they have. */
import {
  durationOf,
  instantOf,
  listOf,
  type Members,
  membersOf,
  nameOf,
  required,
  textOf,
  wordOf,
  wrongType,
} from '../document/form.ts'
import type { DocNode, Problems } from '../model/document.ts'
import {
  REVIEW_ACTIONS,
  REVIEW_KINDS,
  type ReviewAction,
  type ReviewKind,
  type ReviewTrigger,
} from '../model/review.ts'

/** Every member that a trigger may have; which of them belong to one is said by its kind. */
const MEMBERS = ['on', 'then', 'to', 'over', 'within', 'of', 'after', 'at']
const COMMON = ['on', 'then', 'to']
const OWN: Readonly<Record<ReviewKind, readonly string[]>> = {
  tool_changed: [],
  first_use: [],
  denials: ['over', 'within'],
  budget: ['over', 'of'],
  dormant: ['after'],
  due: ['at'],
}

/** What is known of a tool is known by these alone. */
const OF_A_TOOL: ReadonlySet<ReviewKind> = new Set(['tool_changed', 'first_use'])

const DAY_MS = 86_400_000
const MOST_TRIGGERS = 64
const MOST_DENIALS = 1000

export function parseReview(
  node: DocNode | undefined,
  problems: Problems,
): readonly ReviewTrigger[] | undefined {
  const list = node && listOf(node, problems)
  if (!list) return undefined
  if (list.items.length > MOST_TRIGGERS)
    problems.error(
      list,
      'too_many',
      `more than ${MOST_TRIGGERS} triggers`,
      'keep those that matter',
    )
  return list.items.flatMap((item) => triggerOf(item, problems) ?? [])
}

function triggerOf(node: DocNode, problems: Problems): ReviewTrigger | undefined {
  const members = membersOf(node, MEMBERS, problems)
  if (!members) return undefined
  const need = (key: string, remedy: string): DocNode | undefined =>
    required(node, members, key, { problems, remedy })
  const on = wordOf(need('on', 'say what it waits for: `on: denials`'), REVIEW_KINDS, problems)
  const action = wordOf(need('then', 'say what is done: `then: suspend`'), REVIEW_ACTIONS, problems)
  const to = nameOf(members.get('to'), problems)
  if (on === undefined || action === undefined) return undefined
  refuseOthers(on, members, problems)
  refuseUnfit(node, { on, action, told: members.has('to') }, problems)
  const common = { action, ...(to !== undefined && { to }) }
  return ofKind(on, common, { members, need, problems })
}

interface Parts {
  readonly members: Members
  readonly need: (key: string, remedy: string) => DocNode | undefined
  readonly problems: Problems
}

function ofKind(
  on: ReviewKind,
  common: { readonly action: ReviewAction; readonly to?: string },
  { members, need, problems }: Parts,
): ReviewTrigger | undefined {
  switch (on) {
    case 'tool_changed':
    case 'first_use':
      return { ...common, on }
    case 'denials': {
      const over = countOf(need('over', 'say how many: `over: 5`'), problems)
      const withinMs = durationOf(need('within', 'say in what time: `within: 10m`'), problems)
      return over === undefined || withinMs === undefined
        ? undefined
        : { ...common, on, over, withinMs }
    }
    case 'budget': {
      const percent = percentOf(need('over', 'say how much: `over: 80%`'), problems)
      const of = nameOf(members.get('of'), problems)
      return percent === undefined
        ? undefined
        : { ...common, on, percent, ...(of !== undefined && { of }) }
    }
    case 'dormant': {
      const node = need('after', 'say how long: `after: 30d`')
      const afterMs = durationOf(node, problems)
      if (!node || afterMs === undefined) return undefined
      if (afterMs < DAY_MS)
        problems.error(node, 'too_short', 'uses are kept by the day', 'write at least 1d')
      return { ...common, on, afterMs }
    }
    case 'due': {
      const at = instantOf(need('at', 'say when: `at: 2026-12-01T09:00:00Z`'), problems)
      return at === undefined ? undefined : { ...common, on, at }
    }
  }
}

/** A member of another kind would be a limit that nothing keeps. */
function refuseOthers(on: ReviewKind, members: Members, problems: Problems): void {
  const known = [...COMMON, ...OWN[on]]
  for (const key of MEMBERS) {
    const node = members.get(key)
    if (!node || known.includes(key)) continue
    const message = `\`${key}\` says nothing about \`on: ${on}\``
    problems.error(node, 'unknown_member', message, `remove it, or keep to ${known.join(', ')}`)
  }
}

function refuseUnfit(
  node: DocNode,
  {
    on,
    action,
    told,
  }: { readonly on: ReviewKind; readonly action: ReviewAction; readonly told: boolean },
  problems: Problems,
): void {
  if (action === 'suspend_tool' && !OF_A_TOOL.has(on)) {
    const message = `\`on: ${on}\` is about no one tool that could be suspended`
    problems.error(node, 'invalid_action', message, 'write `then: suspend` or `then: notify`')
  }
  if (action === 'notify' && !told) {
    const message = '`then: notify` does not say who is told'
    problems.error(
      node,
      'missing_member',
      message,
      'add `to:` with a name of `webhooks` in the settings',
    )
  }
}

function countOf(node: DocNode | undefined, problems: Problems): number | undefined {
  if (!node) return undefined
  const value = node.kind === 'scalar' ? node.value : undefined
  if (
    typeof value === 'number' &&
    Number.isSafeInteger(value) &&
    value > 0 &&
    value <= MOST_DENIALS
  )
    return value
  return wrongType(node, 'a whole number', problems, `write one from 1 to ${MOST_DENIALS}`)
}

function percentOf(node: DocNode | undefined, problems: Problems): number | undefined {
  const text = textOf(node, problems)
  if (!node || text === undefined) return undefined
  const [, digits] = /^(\d{1,3})%$/.exec(text) ?? []
  const percent = Number(digits)
  if (percent >= 1 && percent <= 100) return percent
  return wrongType(node, 'a share', problems, 'write it as `80%`')
}
