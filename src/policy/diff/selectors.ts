/** Selectors compared: what is a rule no longer about, and what is it about now? */
import type { RuleSource } from '../language.ts'
import { covers, type Selector, SELECTORS } from '../logic/selectors.ts'
import type { Direction } from './change.ts'

export interface SelectorChange {
  readonly direction: Direction
  readonly message: string
}

const NAMES: Readonly<Record<Selector, string>> = {
  targets: 'tools, resources and prompts',
  effects: 'effects',
  data: 'data',
  agents: 'agents',
  purposes: 'purposes',
  environments: 'environments',
}

export function selectorChanges(before: RuleSource, after: RuleSource): readonly SelectorChange[] {
  return SELECTORS.flatMap((selector): readonly SelectorChange[] => {
    const lost = missing(selector, before, after)
    const gained = missing(selector, after, before)
    const name = NAMES[selector]
    return [
      ...(lost.length > 0
        ? [{ direction: 'widened', message: `${name}: no longer ${lost.join(', ')}` } as const]
        : []),
      ...(gained.length > 0
        ? [{ direction: 'narrowed', message: `${name}: now also ${gained.join(', ')}` } as const]
        : []),
    ]
  })
}

/** What the one selects and the other does not. */
function missing(selector: Selector, from: RuleSource, other: RuleSource): readonly string[] {
  if (covers(selector, other, from)) return []
  const parts = singles(selector, from)
  if (parts.length === 0) return [`any but ${textsOf(selector, other).join(', ')}`]
  return parts.filter(({ part }) => !covers(selector, other, part)).map(({ text }) => `\`${text}\``)
}

/** The rule as if it named only one of what it names. */
function singles(
  selector: Selector,
  rule: RuleSource,
): readonly { readonly text: string; readonly part: RuleSource }[] {
  switch (selector) {
    case 'targets':
      return (rule.targets ?? []).map((one) => ({
        text: targetText(one),
        part: { ...rule, targets: [one] },
      }))
    case 'agents':
    case 'purposes':
      return rule[selector].map((one) => ({
        text: one.text,
        part: { ...rule, [selector]: [one] },
      }))
    case 'effects':
      return rule.effects.map((one) => ({ text: one, part: { ...rule, effects: [one] } }))
    case 'data':
      return rule.data.map((one) => ({ text: one, part: { ...rule, data: [one] } }))
    case 'environments':
      return rule.environments.map((one) => ({ text: one, part: { ...rule, environments: [one] } }))
  }
}

function textsOf(selector: Selector, rule: RuleSource): readonly string[] {
  return singles(selector, rule).map(({ text }) => `\`${text}\``)
}

export function targetText({
  kind,
  server,
  name,
}: NonNullable<RuleSource['targets']>[number]): string {
  return `${kind === 'tool' ? '' : `${kind} `}${server}/${name}`
}
