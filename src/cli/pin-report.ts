/** How `pin` says what differs, what it left out and what it did. */
import { spelt } from '../model/plain-name.ts'
import { type CliIo, paint, printable, shortPath } from './io.ts'
import type { LeftOut, Step } from './pin-plan.ts'

export interface Outcome {
  readonly file: string
  /** False where there was no lock file before. */
  readonly exists: boolean
  /** What differs and was asked for. */
  readonly steps: readonly Step[]
  /** How much more differs, and was not asked for. */
  readonly others: number
  /** False where `--only` names what is meant: nothing is known of the rest. */
  readonly whole: boolean
  /** True where `--only` names what may not be approved under its name. */
  readonly barred: boolean
  readonly leftOut: readonly LeftOut[]
  readonly failed: readonly { readonly server: string; readonly why: string }[]
  readonly written: boolean
}

export function printOutcome(outcome: Outcome, io: CliIo, form: 'json' | 'text'): void {
  if (form === 'json') io.stdout(`${JSON.stringify(jsonOutcome(outcome), undefined, 2)}\n`)
  else io.stdout(`${textOutcome(outcome, io).join('\n')}\n`)
}

function jsonOutcome({ file, steps, others, barred, leftOut, failed, written }: Outcome): object {
  return {
    file,
    inStep: steps.length === 0 && others === 0 && failed.length === 0 && !barred,
    written,
    changes: steps.map(({ server, kind, name, change, diff, doubts }) => ({
      server,
      kind,
      change,
      ...(kind === 'launch' ? {} : { name }),
      diff,
      doubts,
    })),
    others,
    leftOut: leftOut.map(({ offered: { server, kind, name }, why }) => ({
      server,
      kind,
      name: spelt(name),
      why,
    })),
    failed,
  }
}

function textOutcome(outcome: Outcome, io: CliIo): readonly string[] {
  const { steps, leftOut, failed } = outcome
  return [
    ...stepLines(steps, io),
    ...leftOut.map(({ offered, why }) => leftLine(offered, why, io)),
    ...steps.flatMap((step) => step.doubts.map((doubt) => doubtLine(step, doubt, io))),
    ...failed.map(({ server, why }) =>
      paint(io, 'red', `${server} could not be asked: ${printable(why)}`),
    ),
    verdict(outcome, io),
  ]
}

const SIGNS = { added: '+', changed: '~', removed: '-' } as const
const COLOURS = { added: 'green', changed: 'yellow', removed: 'red' } as const

/** One line for each change, and below it what differs. */
export function stepLines(steps: readonly Step[], io: Pick<CliIo, 'color'>): readonly string[] {
  return steps.flatMap(({ server, kind, name, change, diff }) => {
    const what =
      kind === 'launch' ? `${server} (how it is started)` : `${server}/${spelt(name)} (${kind})`
    const head = paint(io, COLOURS[change], `${SIGNS[change]} ${printable(what)}`)
    return [head, ...diff.map((line) => `    ${printable(line)}`)]
  })
}

function leftLine(offered: LeftOut['offered'], why: string, io: Pick<CliIo, 'color'>): string {
  const what = `${offered.server}/${spelt(offered.name)} (${offered.kind})`
  return paint(io, 'yellow', `! ${printable(what)} is left out: ${printable(why)}`)
}

function doubtLine({ server, name, kind }: Step, doubt: string, io: Pick<CliIo, 'color'>): string {
  return paint(io, 'yellow', `! ${printable(`${server}/${spelt(name)} (${kind})`)} ${doubt}`)
}

function verdict(outcome: Outcome, io: Pick<CliIo, 'color' | 'cwd'>): string {
  const { steps, others, failed, written, exists, whole, barred } = outcome
  const file = shortPath(outcome.file, io.cwd)
  const rest = others === 0 ? '' : `; ${others} more differ`
  if (written) return `${paint(io, 'green', 'written')}: ${file}, ${counted(steps.length)}${rest}`
  if (failed.length > 0)
    return `${paint(io, 'red', 'not written')}: not every upstream could be asked`
  if (steps.length === 0 && barred)
    return `${paint(io, 'red', 'nothing to write')}: what --only names is left out${rest}`
  if (steps.length === 0 && !whole)
    return `${paint(io, 'green', 'nothing to write')}: ${file} approves what --only names${rest}`
  if (steps.length === 0) return `${paint(io, 'green', 'in step')}: ${file} approves what is there`
  const how = exists
    ? '--yes approves all of it, --only what it names'
    : 'there is no lock file yet'
  return `${paint(io, 'red', 'not in step')}: ${file}, ${counted(steps.length)}${rest} (${how})`
}

function counted(count: number): string {
  return `${count} change${count === 1 ? '' : 's'}`
}
