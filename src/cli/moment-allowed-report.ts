/** How the allowed set is shown: each thing with what was asked of a call of it, in words. */
import type { Conjunct } from '../model/decision.ts'
import { type CliIo, paint, printable } from './io.ts'
import type { Allowed } from './moment-allowed.ts'
import type { MomentState } from './moment-state.ts'

export function allowedLines(
  allowed: readonly Allowed[],
  state: MomentState,
  { all, io }: { readonly all: boolean; readonly io: CliIo },
): readonly string[] {
  const listed = allowed.filter((one) => one.listed)
  const hidden = allowed.filter((one) => !one.listed)
  const { grants = [] } = state.mandate?.mandate ?? {}
  const open = grants.filter(({ kind }) => kind === 'resource')
  return [
    paint(io, 'bold', listed.length === 0 ? 'offered: nothing' : 'offered'),
    ...listed.flatMap((one) => entryLines(one, io)),
    ...open.map(({ server, name }) => printable(`  any resource ${server}/${name}`)),
    ...hiddenLines(hidden, all, io),
  ]
}

function hiddenLines(hidden: readonly Allowed[], all: boolean, io: CliIo): readonly string[] {
  if (hidden.length === 0) return []
  if (!all) return [`hidden: ${hidden.length} (--all says which, and why)`]
  return [
    paint(io, 'bold', 'hidden'),
    ...hidden.map(({ server, name, hidden: why = '' }) => printable(`  ${server}/${name}  ${why}`)),
  ]
}

function entryLines(one: Allowed, io: CliIo): readonly string[] {
  const { kind, server, name, effects, data, conjuncts } = one
  const about = [
    ...(kind === 'tool' ? [] : [kind]),
    effects.length > 2 ? 'no effect said: it counts as every one' : effects.join(' and '),
    ...(data.length > 0 ? [`data ${data.join(' ')}`] : []),
  ].join(', ')
  const head = `  ${paint(io, 'bold', printable(`${server}/${name}`))}  ${printable(about)}${outcomeText(one)}`
  return [
    head,
    ...conjuncts.flatMap((conjunct) => conjunctLines(conjunct, conjuncts, io)),
    ...one.leaves.map((label) => printable(`    ✓ its calls leave the label ${label}`)),
  ]
}

/** What it could have come to; nothing is said where a call may have been permitted without more. */
function outcomeText({ outcomes }: Allowed): string {
  if (outcomes.length === 0 || outcomes.includes('permitted')) return ''
  if (outcomes.includes('approval_required')) return ': only with an approval'
  return `: no call of it would have been let out (${outcomes.join(', ')})`
}

/** A rule that did not apply at that moment, whatever the call, is not shown, nor are its conditions. */
function conjunctLines(conjunct: Conjunct, all: readonly Conjunct[], io: CliIo): readonly string[] {
  const { rule, expected, of, read } = conjunct
  // Of a call that is not there, nothing was read.
  const value = read === undefined || conjunct.result === 'unknown' ? '' : ` (${read})`
  if (of !== undefined) {
    const owner = all.find((one) => one.rule === of && one.of === undefined)
    if (owner?.applies === 'no' || conjunct.result === 'holds') return []
    const part = rule.slice(of.length + 1)
    return [printable(`        ${part} ${expected}${value}`)]
  }
  if (conjunct.budget === true)
    return [`    · ${printable(expected)}  ${paint(io, 'dim', printable(rule))}`]
  if (conjunct.applies !== undefined) return ruleLines(conjunct, io)
  const [mark, word] = MARKS[conjunct.result]
  return [
    `    ${mark} ${printable(`${expected}${value}${word}`)}  ${paint(io, 'dim', printable(rule))}`,
  ]
}

/** What hangs on a call is asked of each; the rest was so, or not, at that moment. */
const MARKS: Readonly<Record<Conjunct['result'], readonly [mark: string, word: string]>> = {
  holds: ['✓', ': so at that moment'],
  fails: ['✗', ': not so at that moment'],
  error: ['✗', ': cannot be evaluated, which denies'],
  asks: ['?', ''],
  unknown: ['·', ''],
}

function ruleLines(
  { rule, expected, effect, applies, shadow }: Conjunct,
  io: CliIo,
): readonly string[] {
  if (applies === 'no') return []
  const sure = applies === 'yes' || applies === 'error'
  const mode = shadow === true ? ' (shadow: on record, and without effect)' : ''
  const text = {
    forbid: sure ? 'forbids every call' : 'forbids a call where',
    require_approval: sure ? approval(expected) : `${approval(expected)}, where`,
    oblige: sure ? expected : `${expected}, where`,
  }[effect ?? 'forbid']
  const mark = !sure ? '·' : effect === 'forbid' ? '✗' : effect === 'oblige' ? '✓' : '?'
  return [`    ${mark} ${paint(io, 'dim', printable(rule))}  ${printable(`${text}${mode}`)}`]
}

function approval(expected: string): string {
  return expected.replace('it asks for no approval', 'asks for an approval')
}
