/** How `explain` shows a judgement: one line a conjunct, the deciding one marked, then the verdict. */
import type { Conjunct } from '../model/decision.ts'
import type { Mandate } from '../model/mandate.ts'
import type { Judgement, Shown, Supposed } from './explain-judge.ts'
import { type CliIo, paint, printable, type Style } from './io.ts'

export interface Explained {
  readonly supposed: Supposed
  readonly mandate: Mandate
  readonly judgement: Judgement
  /** What could not be looked at, in words. */
  readonly skipped: readonly string[]
}

export function printExplained(explained: Explained, io: CliIo, form: 'json' | 'text'): void {
  if (form === 'json') io.stdout(`${JSON.stringify(jsonOf(explained), undefined, 2)}\n`)
  else io.stdout(`${textOf(explained, io).join('\n')}\n`)
}

function jsonOf({ supposed, mandate, judgement, skipped }: Explained): object {
  const { target, args, agent, environment, at } = supposed
  const { decision, shown, verdict, nearestMiss, remedy, listed, effects, duties, unasked } =
    judgement
  return {
    permitted: decision.effect === 'permit',
    reason: decision.reason,
    verdict,
    ...(nearestMiss !== undefined && { nearestMiss }),
    ...(remedy !== undefined && { remedy }),
    ...(duties && { duties }),
    ...(unasked.length > 0 && { unasked }),
    ...(decision.policy && { policy: decision.policy }),
    listed,
    effects,
    grants: decision.grants,
    call: {
      [target.kind]: target.name,
      server: target.server,
      args,
      agent,
      environment,
      risk: supposed.risk,
      labels: supposed.labels,
      at: new Date(at).toISOString(),
      ...(supposed.engines && { engines: supposed.engines }),
    },
    mandate: { name: mandate.name, file: mandate.file, digest: mandate.digest },
    conjuncts: shown,
    skipped,
  }
}

const MARKS: Readonly<Record<Conjunct['result'], readonly [string, Style]>> = {
  holds: ['✓', 'green'],
  fails: ['✗', 'red'],
  error: ['✗', 'red'],
  asks: ['?', 'yellow'],
  unknown: ['?', 'dim'],
}

/** What a condition of a policy's rule said: that it does not hold is nothing wrong. */
const SAID: Readonly<Record<Conjunct['result'], string>> = {
  holds: 'true',
  fails: 'false',
  error: 'error',
  asks: 'false',
  unknown: 'unknown',
}

function textOf({ supposed, mandate, judgement, skipped }: Explained, io: CliIo): string[] {
  const { target, agent, environment, risk, labels, at } = supposed
  const { decision, listed, shown } = judgement
  const name = printable(`${target.server}/${target.name}`)
  const state = [
    ...(risk === 'normal' ? [] : [`, risk ${risk}`]),
    ...(labels.length === 0 ? [] : [`, labels ${labels.map(printable).join(' ')}`]),
  ].join('')
  const lines = [
    `${target.kind} ${paint(io, 'bold', name)} by ${agent} in ${environment} at ${new Date(at).toISOString()}${state}`,
    `mandate ${mandate.name}: ${listed ? `listed, ${effectText(judgement)}` : 'hidden: the agent is not offered it, and a call is answered as if it did not exist'}`,
    '',
    ...shown.flatMap((conjunct) => conjunctLines(conjunct, io)),
    '',
  ]
  for (const what of skipped)
    lines.push(`${paint(io, 'yellow', 'not checked')}: ${printable(what)}`)
  const style = decision.effect === 'permit' ? 'green' : 'red'
  lines.push(paint(io, style, printable(judgement.verdict)))
  if (judgement.nearestMiss !== undefined) lines.push(printable(judgement.nearestMiss))
  if (judgement.remedy !== undefined) lines.push(printable(judgement.remedy))
  for (const duty of judgement.duties ?? []) lines.push(`duty: ${printable(duty)}`)
  if (judgement.unasked.length > 0) lines.push(unaskedText(judgement, io))
  return lines
}

function unaskedText({ unasked }: Judgement, io: CliIo): string {
  const names = printable(unasked.join(', '))
  const how = `suppose an answer with --engine ${printable(unasked[0] ?? '')}=permit`
  return `${paint(io, 'yellow', 'not asked')}: ${names}, which could deny it still (${how})`
}

function effectText({ effects }: Judgement): string {
  return effects.length === 1
    ? `effect ${effects[0] ?? ''}`
    : 'no effect said: it counts as every one'
}

export function conjunctLines(conjunct: Shown, io: CliIo): readonly string[] {
  const { rule, expected, read, result, hint, decides, of, shadow } = conjunct
  const value = read === undefined ? '' : `, read ${paint(io, 'bold', printable(read))}`
  if (of !== undefined) {
    const part = printable(rule.slice(of.length + 1))
    const why = result === 'error' && hint !== undefined ? `: ${printable(hint)}` : ''
    return [
      `    ${SAID[result].padEnd(7)} ${paint(io, 'dim', part)}  ${printable(expected)}${value}${why}`,
    ]
  }
  const [mark, style] = shadow === true ? (['~', 'dim'] as const) : MARKS[result]
  const word = WORDS[result] ?? ''
  const tail = decides ? paint(io, style, '   ← decides') : ''
  const mode = shadow === true ? `   (shadow${result === 'holds' ? '' : ': it would apply'})` : ''
  const line = `${paint(io, style, mark)} ${paint(io, 'dim', printable(rule))}  ${printable(expected)}${value}${word}${appliesText(conjunct)}${mode}${tail}`
  const helps = hint !== undefined && result !== 'holds'
  return helps ? [line, `    ${printable(hint)}`] : [line]
}

const WORDS: Readonly<Partial<Record<Conjunct['result'], string>>> = {
  error: ' (error)',
  unknown: ' (unknown)',
}

/** Of a rule that changes nothing of the verdict by itself: whether it applies. */
function appliesText({ applies, budget, result }: Conjunct): string {
  if (applies === undefined || budget === true || result !== 'holds' || applies === 'no') return ''
  return applies === 'yes' ? ' (applies)' : ` (${applies}, which counts as a match)`
}
