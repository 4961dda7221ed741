/** The exact moment of a decision: what was in force then, the decision made again, what became of it, and what is provable. */
import { type Recorded, recordedOf } from '../audit/recorded.ts'
import type { EntryItem } from '../audit/read.ts'
import { objectIn, textIn } from '../audit/said.ts'
import type { VerifierKey } from '../audit/verify/note.ts'
import { GuardError } from '../model/error.ts'
import { rfc3339 } from '../model/time.ts'
import { again, damageText, decisionJson, decisionLines, type Made } from './explain-decision.ts'
import { type CliIo, paint, printable } from './io.ts'
import { Keepsakes } from './keepsakes.ts'
import { type ReadDecision, readDecision, type ReadMoment } from './moment-read.ts'
import { momentJson, momentLines, type Showing } from './moment-report.ts'
import { type MomentState, stateOf } from './moment-state.ts'

export interface Standing {
  readonly text: string
  readonly good: boolean
}

/**
 * How an entry stands to the signed checkpoints of its log, or, where none is named, the log to the latest of them; undefined
 * where there is no key. `keys` where any are given, else those beside the log.
 */
export type Provenance = (
  folder: string,
  seq: number | undefined,
  keys: readonly VerifierKey[],
) => Promise<Standing | undefined>

export const NO_KEY: Standing = {
  text: 'not proven: no public key lies beside the log (give --key)',
  good: true,
}

export interface MomentQuestion extends Showing {
  readonly place: string
  readonly json: boolean
  readonly keys: readonly VerifierKey[]
}

interface Told {
  readonly read: ReadDecision
  readonly damage: readonly string[]
  readonly state: MomentState | undefined
  readonly made: Made
  readonly proof: Standing
}

/**
 * The exit code: 0 answered, 1 damaged, contradictory or decided otherwise, 3 it cannot be decided again.
 *
 * @throws GuardError ERR_AUDIT_READ when there is no such call
 */
export async function decisionMoment(
  call: string,
  question: MomentQuestion,
  io: CliIo,
  provenance: Provenance,
): Promise<number> {
  const read = await readDecision(question.place, call)
  if (!read) {
    const hint = 'its id stands at the end of its line in `chaperone log`'
    const what = `no decision about the call \`${call}\` is on record`
    throw new GuardError('ERR_AUDIT_READ', `${what} (${hint})`)
  }
  const { decision } = read
  const back = recordedOf(decision)
  const kept = read.keepsakes.get(decision.folder) ?? new Keepsakes(decision.folder)
  const told: Told = {
    read,
    damage: damageIn(read),
    state: stateBefore(read, 'recorded' in back ? back.recorded : undefined),
    made: 'unfit' in back ? back : again(back.recorded, kept),
    proof: (await provenance(decision.folder, decision.entry.seq, question.keys)) ?? NO_KEY,
  }
  const showing = { all: true, tool: question.tool ?? toolOf(decision) }
  if (question.json) io.stdout(`${JSON.stringify(jsonOf(told, showing), undefined, 2)}\n`)
  else io.stdout(`${linesOf(told, showing, io).join('\n')}\n`)
  return exitOf(told)
}

function exitOf({ read, damage, state, made, proof }: Told): number {
  const contradicts = state !== undefined && state.contradictions.length > 0
  if (damage.length > 0 || contradicts || !proof.good) return 1
  if ('unfit' in made) return read.erasure ? 0 : 3
  return made.comparison === 'differs' ? 1 : 0
}

function jsonOf({ read, damage, state, made, proof }: Told, showing: Showing): object {
  return {
    damage,
    moment: state && momentJson(state, showing),
    decision: 'unfit' in made ? { comparison: 'unknown', why: made.unfit } : decisionJson(made),
    entry: { log: read.decision.entry['log'], seq: read.decision.entry.seq },
    outcome: read.outcome?.entry['verdict'],
    erased: read.erasure?.entry,
    proof,
  }
}

function linesOf(
  { read, damage, state, made, proof }: Told,
  showing: Showing,
  io: CliIo,
): readonly string[] {
  const unfit = paint(io, 'red', 'cannot be decided again')
  return [
    ...damageLines(damage, io),
    ...(state ? [...momentLines(state, showing, io), ''] : []),
    ...('unfit' in made ? [`${unfit}: ${printable(made.unfit)}`] : decisionLines(made, io)),
    ...afterLines(read),
    printable(proof.text),
  ]
}

/** The state just before the decision; undefined where the entry does not say who acted. */
function stateBefore(read: ReadDecision, recorded: Recorded | undefined): MomentState | undefined {
  const { entry, folder } = read.decision
  const run = read.fold.runs.get(folder)
  const at = rfc3339(entry.ts)
  const [agent, s256] = [
    textIn(objectIn(entry, 'principal'), 'agent'),
    textIn(objectIn(entry, 'mandate'), 's256'),
  ]
  const standing = [...(run?.standings.values() ?? [])].find(
    (one) => one.agent === agent && one.mandate.digest === s256,
  )
  if (!run || !standing || at === undefined) return undefined
  const told = recorded && {
    task: recorded.task,
    labels: recorded.labels,
    risk: recorded.risk,
    environment: recorded.environment,
  }
  return stateOf(read, { run, standing }, at, told)
}

function toolOf({ entry }: EntryItem): string {
  const request = objectIn(entry, 'request')
  return [textIn(request, 'server'), textIn(request, 'name')]
    .filter((one) => one !== undefined)
    .join('/')
}

function afterLines({ outcome, erasure, decision }: ReadDecision): readonly string[] {
  const lines: string[] = []
  if (outcome) {
    const verdict = objectIn(outcome.entry, 'verdict')
    const what = [verdict['outcome'], verdict['result'] ?? verdict['reason']]
    const said = what.filter((one) => typeof one === 'string').join(', ')
    lines.push(`outcome: ${said} at ${outcome.entry.ts} (entry ${outcome.entry.seq})`)
  } else if (decision.entry.type === 'intent') {
    lines.push('outcome: none on record: its guard ended, or is still at it')
  }
  if (erasure) {
    const { seq, ts } = erasure.entry
    const facts = objectIn(erasure.entry, 'facts')
    const [by, why] = [textIn(facts, 'by'), textIn(facts, 'why')]
    const who = `${by === undefined ? '' : ` by ${by}`}${why === undefined ? '' : `: ${why}`}`
    lines.push(
      `erased: its content, at ${ts}${who} (entry ${seq} of ${textIn(erasure.entry, 'log') ?? erasure.log}); the values that rules read are gone`,
      '  still provable: that the entry stands in the log, by whom, on what, what was decided and why',
    )
  }
  return lines.map(printable)
}

/** All damage that was come across: tasks, budgets and what is taken back are read from every log. */
export function damageIn({ damage }: ReadMoment): readonly string[] {
  return [...damage.values()].flat().map(damageText)
}

export function damageLines(damage: readonly string[], io: CliIo): readonly string[] {
  if (damage.length === 0) return []
  const label = paint(io, 'red', 'THE RECORD IS DAMAGED')
  return [
    `${label}: what follows may not be what was`,
    ...damage.map((one) => `  ${printable(one)}`),
    '',
  ]
}
