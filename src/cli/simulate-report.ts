/** Counts what `simulate` finds out, keeps examples, and shows both. */
import type { JsonObject } from '../model/json.ts'
import { type CliIo, paint, printable, type Style } from './io.ts'
import { type Change, type Class, classOf, type Verdict } from './simulate-verdict.ts'
import type { Candidate } from './simulation.ts'

const CHANGED = ['newly_permitted', 'newly_denied', 'newly_held'] as const
const SHOWN: readonly Change[] = [...CHANGED, 'unknown']

export class Tallied {
  readonly #most: number
  readonly #counts = new Map<Change, number>()
  readonly #unchanged = new Map<Class, number>()
  readonly #examples = new Map<Change, Verdict[]>()
  /** Calls that were refused before any rule was asked. */
  undecided = 0
  /** Of which what is kept contradicts itself. */
  altered = 0
  /** That could be tried, known or not. */
  tried = 0
  /** Of these, the calls of tools that would not be hidden any more. */
  shown = 0
  /** Of which it is not known what they would take from budgets. */
  uncounted = 0

  constructor(examples: number) {
    this.#most = examples
  }

  take(verdict: Verdict): void {
    const { change, was, unkept } = verdict
    if (unkept === 'altered') this.altered += 1
    if (unkept === undefined) this.tried += 1
    this.#counts.set(change, this.count(change) + 1)
    if (change === 'unchanged') {
      this.#unchanged.set(was, (this.#unchanged.get(was) ?? 0) + 1)
      return
    }
    const examples = this.#examples.get(change) ?? []
    this.#examples.set(change, examples)
    if (examples.length < this.#most) examples.push(verdict)
  }

  count(change: Change): number {
    return this.#counts.get(change) ?? 0
  }

  get all(): number {
    return [...this.#counts.values()].reduce((sum, one) => sum + one, 0)
  }

  unchanged(was: Class): number {
    return this.#unchanged.get(was) ?? 0
  }

  examples(change: Change): readonly Verdict[] {
    return this.#examples.get(change) ?? []
  }

  /** What is not known may be what must not be. */
  fails(on: 'newly-permitted' | 'newly-denied' | 'newly-held' | 'changed'): boolean {
    if (this.count('unknown') + this.shown > 0) return true
    if (on === 'changed') return CHANGED.some((change) => this.count(change) > 0)
    return CHANGED.some((change) => change.replace('_', '-') === on && this.count(change) > 0)
  }
}

export interface Simulated {
  readonly place: string
  readonly candidate: Candidate
  readonly whole: boolean
  readonly json: boolean
}

export function printSimulated(tallied: Tallied, simulated: Simulated, io: CliIo): void {
  if (simulated.json) io.stdout(`${JSON.stringify(jsonOf(tallied, simulated), undefined, 2)}\n`)
  else io.stdout(`${textOf(tallied, simulated, io).join('\n')}\n`)
}

function jsonOf(tallied: Tallied, { candidate, whole }: Simulated): object {
  const { policies, mandate } = candidate
  return {
    ...(policies && { revision: policies.set.revision }),
    ...(mandate && { mandate: { name: mandate.mandate.name, s256: mandate.mandate.digest } }),
    whole,
    decisions: tallied.all,
    unchanged: tallied.count('unchanged'),
    ...Object.fromEntries(SHOWN.map((change) => [change, tallied.count(change)])),
    refused_before: tallied.undecided,
    shown_now: tallied.shown,
    uncounted: tallied.uncounted,
    examples: Object.fromEntries(
      SHOWN.map((change) => [change, tallied.examples(change).map(exampleJson)]),
    ),
  }
}

function exampleJson({ recorded, outcomes, by, why }: Verdict): object {
  const { call, ts, log, agent, server, name } = recorded
  return {
    call,
    ts,
    log,
    agent: agent.agent,
    server,
    name,
    was: recorded.outcome,
    was_by: wasBy(recorded),
    would_be: outcomes,
    by,
    ...(why !== undefined && { why }),
  }
}

function wasBy({ policy, remedy, grants }: Verdict['recorded']): readonly string[] {
  if (policy && policy.determining.length > 0) return policy.determining
  return askedBy(remedy) ?? grants
}

function askedBy(remedy: JsonObject | undefined): readonly string[] | undefined {
  const asked = remedy?.['asked_by']
  return Array.isArray(asked) ? asked.map(String) : undefined
}

const LABELS: Readonly<Record<Change, readonly [string, Style]>> = {
  newly_permitted: ['newly permitted', 'yellow'],
  newly_denied: ['newly denied', 'red'],
  newly_held: ['newly held for an approval', 'cyan'],
  unknown: ['unknown', 'dim'],
  unchanged: ['unchanged', 'green'],
}

function textOf(tallied: Tallied, simulated: Simulated, io: CliIo): readonly string[] {
  const { policies, mandate } = simulated.candidate
  const under = [
    ...(policies ? [`policies ${policies.set.revision}`] : []),
    ...(mandate ? [`mandate ${printable(mandate.mandate.name)}`] : []),
  ]
  const width = String(tallied.all).length
  const line = (change: Change, more = ''): string => {
    const [label, style] = LABELS[change]
    const count = String(tallied.count(change)).padStart(width)
    return `  ${count}  ${tallied.count(change) > 0 ? paint(io, style, label) : label}${more}`
  }
  const parts = (['permitted', 'denied', 'held'] as const).map(
    (was) => `${tallied.unchanged(was)} ${was}`,
  )
  return [
    `${tallied.all} decisions on record under ${under.join(' and ')}`,
    ...CHANGED.map((change) => line(change)),
    line('unknown'),
    line('unchanged', ` (${parts.join(', ')})`),
    ...(tallied.undecided === 0
      ? []
      : [`${tallied.undecided} refused before any rule was asked, and not tried`]),
    ...(tallied.shown === 0
      ? []
      : [`  ${tallied.shown} of them of tools that were hidden, and would be shown`]),
    ...(tallied.uncounted === 0
      ? []
      : [`${tallied.uncounted} not counted by budgets: what they would take is not kept`]),
    ...SHOWN.flatMap((change) => examplesText(tallied, change, io)),
    ...(simulated.whole
      ? []
      : [
          '',
          `${paint(io, 'red', 'not all of the record was read')}: what is missing is not counted`,
        ]),
  ]
}

function examplesText(tallied: Tallied, change: Change, io: CliIo): readonly string[] {
  const examples = tallied.examples(change)
  if (examples.length === 0) return []
  const [label, style] = LABELS[change]
  const left = tallied.count(change) - examples.length
  return [
    '',
    paint(io, style, label),
    ...examples.flatMap((one) => exampleText(one)),
    ...(left > 0 ? [`  … and ${left} more`] : []),
  ]
}

function exampleText({ recorded, outcomes, by, why }: Verdict): readonly string[] {
  const { call, ts, agent, server, name } = recorded
  const is = [...new Set(outcomes.map(classOf))]
  const may = is.length === 0 ? 'nobody knows' : is.join(' or ')
  const reason = outcomes.length === 1 && outcomes[0] !== 'permitted' ? ` (${outcomes[0]})` : ''
  return [
    printable(`  ${ts}  ${call}  ${server}/${name} by ${agent.agent}`),
    printable(`    was ${recorded.outcome}${byText(wasBy(recorded))}`),
    printable(`    would be ${may}${reason}${byText(by)}${why === undefined ? '' : `: ${why}`}`),
  ]
}

function byText(by: readonly string[]): string {
  return by.length === 0 ? '' : ` by ${by.map((one) => `\`${one}\``).join(', ')}`
}
