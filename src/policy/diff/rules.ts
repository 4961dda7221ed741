/** Rules that came, went or changed, each said as what it does to calls. */
import { type DocNode, plain } from '../../model/document.ts'
import { canonical } from '../../model/json.ts'
import type { RuleSource } from '../language.ts'
import { setsIn } from '../logic/prop.ts'
import { impliedBy } from '../logic/rule-prop.ts'
import { selectsAll } from '../logic/selectors.ts'
import type { Direction, PolicyChange } from './change.ts'
import { dutyChanges } from './duties.ts'
import { exampleOf } from './example.ts'
import { differenceOf, type Only } from './matching.ts'
import { selectorChanges } from './selectors.ts'
import { type DiffSide, type Version, versionsOf } from './version.ts'

export function ruleChanges(before: DiffSide, after: DiffSide): readonly PolicyChange[] {
  const old = versionsOf(before.policies)
  const now = versionsOf(after.policies)
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted()
  return names.flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)]
    if (was && is) return changesOf(was, is)
    if (was) return [presence(was, 'removed', now)]
    return is ? [presence(is, 'added', old)] : []
  })
}

function change(
  { rule }: Version,
  direction: Direction,
  message: string,
  example?: PolicyChange['example'],
): PolicyChange {
  const { name, place } = rule.source
  return { direction, kind: 'rule', about: name, message, place, ...(example && { example }) }
}

const DOES = {
  forbid: 'forbids',
  require_approval: 'asks for an approval',
  oblige: 'lays on a duty',
} as const

/** A rule that only the one set has; the other may do the same by another name. */
function presence(
  version: Version,
  how: 'added' | 'removed',
  others: ReadonlyMap<string, Version>,
): PolicyChange {
  const { source } = version.rule
  if (source.mode === 'shadow')
    return change(version, 'none', `${how}; in shadow, it decides nothing`)
  const same = [...others.values()].find((other) => replaces(other, version))
  const does = `it ${DOES[source.effect]}`
  if (same) {
    const name = same.rule.source.name
    const when = how === 'added' ? 'did as much before' : 'does as much now'
    return change(version, 'none', `${how}; \`${name}\` ${when}`)
  }
  return how === 'added'
    ? change(version, 'narrowed', `added: ${does}`)
    : change(version, 'widened', `removed: ${does} no longer`)
}

/** Does the one do all that the other does? */
function replaces({ rule, scope }: Version, other: Version): boolean {
  const [a, b] = [rule.source, other.rule.source]
  if (a.mode === 'shadow' || (a.effect !== 'forbid' && dutyOf(a) !== dutyOf(b))) return false
  return selectsAll(a, b) && impliedBy({ rule, scope }, other) === true
}

function dutyOf({ effect, approval, obligation }: RuleSource): string {
  return JSON.stringify([effect, approval, obligation])
}

function changesOf(before: Version, after: Version): readonly PolicyChange[] {
  const [was, is] = [before.rule.source, after.rule.source]
  if (was.mode === 'shadow' && is.mode === 'shadow') {
    const same = essence(was) === essence(is)
    return same ? [] : [change(after, 'none', 'changed; in shadow, it decides nothing')]
  }
  if (is.mode === 'shadow')
    return [change(after, 'widened', 'in shadow now: it is recorded and decides nothing')]
  if (was.mode === 'shadow')
    return [change(after, 'narrowed', `in force now: it ${DOES[is.effect]}`)]
  return [
    ...effectChange(before, after),
    ...selectorChanges(was, is).map(({ direction, message }) => change(after, direction, message)),
    ...conditionChanges(before, after),
    ...dutyChanges(was, is).map(({ direction, message }) => change(after, direction, message)),
  ]
}

/** All of a rule but its places and descriptions. */
function essence(source: RuleSource): string {
  const { place: _, description: __, ...rest } = source
  return JSON.stringify(rest, (key, value: unknown) =>
    key === 'place' || key === 'keyPlace' ? undefined : value instanceof Map ? [...value] : value,
  )
}

const STRICTER = { oblige: 0, require_approval: 1, forbid: 2 } as const

function effectChange(before: Version, after: Version): readonly PolicyChange[] {
  const [was, is] = [before.rule.source.effect, after.rule.source.effect]
  if (was === is) return []
  const message = `it was \`${was}\`, and is \`${is}\` now`
  // A duty that is gone for an approval, or the other way round, is less and more at once.
  const mixed = was !== 'forbid' && is !== 'forbid'
  const direction = mixed ? 'unclear' : STRICTER[is] > STRICTER[was] ? 'narrowed' : 'widened'
  return [change(after, direction, message)]
}

function conditionChanges(before: Version, after: Version): readonly PolicyChange[] {
  if (asked(before) === asked(after)) return []
  const { onlyBefore, onlyAfter } = differenceOf(before, after)
  const how = howChanged(before, after)
  if (onlyBefore === 'no' && onlyAfter === 'no')
    return [change(after, 'none', `${how}; it matches the same calls`)]
  if (onlyBefore === 'unknown' && onlyAfter === 'unknown')
    return [change(after, 'unclear', `${how}; the two cannot be compared`)]
  const one = (
    direction: 'widened' | 'narrowed',
    only: Only,
    other: Only,
  ): readonly PolicyChange[] => {
    if (only === 'no' || (only === 'unknown' && other !== 'no')) return []
    const less = direction === 'widened' ? 'fewer' : 'more'
    const doubt = other === 'unknown' ? '; whether it also does the opposite cannot be told' : ''
    const example = only === 'unknown' ? undefined : exampleFor(only, before, after)
    return [change(after, direction, `${how}; it matches ${less} calls${doubt}`, example)]
  }
  return [...one('widened', onlyBefore, onlyAfter), ...one('narrowed', onlyAfter, onlyBefore)]
}

function exampleFor(
  only: Exclude<Only, string>,
  before: Version,
  after: Version,
): PolicyChange['example'] {
  return exampleOf(only, after.rule.source, [before.policies, after.policies])
}

/** What a call has to meet, with everything that the names in it stand for. */
function asked({ rule, scope }: Version): string {
  const { source, when, unless } = rule
  const { risk, labels, unlessArgs } = source
  const exprs = [...(when?.conjuncts ?? []), ...(unless?.conjuncts ?? [])]
  const args = [...(unlessArgs?.args ?? [])].map(([name, node]) => [name, canonical(plain(node))])
  const written = JSON.stringify(args)
  const read = exprs.flatMap(setsIn)
  const sets = [...scope.sets].filter(
    ([name]) => read.includes(name) || written.includes(`$${name}`),
  )
  const text = `${textOf(source.when)} ${textOf(source.unless)}`
  const zone = text.includes('within') ? scope.timezone : undefined
  const labelled = labels.toSorted()
  return JSON.stringify([text, risk.toSorted(), labelled, args, unlessArgs?.otherArgs, sets, zone])
}

function textOf(node: DocNode | undefined): string {
  return node?.kind === 'scalar' ? String(node.value) : ''
}

function howChanged(before: Version, after: Version): string {
  const [was, is] = [before.rule.source, after.rule.source]
  const changes = (['when', 'unless'] as const).flatMap((member) => {
    const [a, b] = [textOf(was[member]), textOf(is[member])]
    if (a === b) return []
    if (a === '') return [`new \`${member}: ${b}\``]
    return b === '' ? [`no more \`${member}: ${a}\``] : [`\`${member}: ${a}\` is now \`${b}\``]
  })
  const lists = (['risk', 'labels'] as const).flatMap((member) => {
    const [a, b] = [was[member].join(', '), is[member].join(', ')]
    return a === b ? [] : [`\`${member}: [${a}]\` is now \`[${b}]\``]
  })
  const args = argsText(was) === argsText(is) ? [] : ['`unlessArgs` is changed']
  const all = [...changes, ...lists, ...args]
  return all.length > 0 ? all.join(', ') : 'a set or the time zone that it reads is changed'
}

function argsText({ unlessArgs }: RuleSource): string {
  const args = [...(unlessArgs?.args ?? [])].map(([name, node]) => [name, plain(node)])
  return JSON.stringify([args, unlessArgs?.otherArgs])
}
