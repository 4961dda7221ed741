/** `chaperone explain --decision`: a decision on record, made again from what is kept, and every conjunct of it. */
import { resolve } from 'node:path'
import { type Damage, type Item, readRecord } from '../audit/read.ts'
import { isCall } from '../audit/row.ts'
import { recordedOf } from '../audit/recorded.ts'
import { stateDir } from '../config/state-dir.ts'
import { GuardError } from '../model/error.ts'
import { explain } from '../policy/explain.ts'
import { decidingOf } from './explain-judge.ts'
import { conjunctLines } from './explain-report.ts'
import { type CliIo, paint, printable } from './io.ts'
import { Keepsakes, Unkept } from './keepsakes.ts'
import { replay, type Replayed } from './replay.ts'

export interface DecisionQuestion {
  /** The call's id. */
  readonly call: string
  /** A state folder, or the folder of one log. */
  readonly place: string
  readonly json: boolean
}

export function placeOf(
  flags: { readonly log?: string | undefined; readonly 'state-dir'?: string | undefined },
  io: Pick<CliIo, 'cwd' | 'env'>,
): string {
  if (flags.log !== undefined && flags['state-dir'] !== undefined) {
    throw new GuardError('ERR_USAGE', '`--log` and `--state-dir` are both given (keep one)')
  }
  const named = flags.log ?? flags['state-dir']
  const state = stateDir(io.env, named === undefined ? undefined : resolve(io.cwd, named))
  return resolve(io.cwd, state)
}

/** The exit code: 0 the same, 1 another decision, 3 it cannot be made again. */
export async function explainDecision(question: DecisionQuestion, io: CliIo): Promise<number> {
  const found = await findDecision(question)
  if ('unfit' in found) {
    if (question.json)
      io.stdout(
        `${JSON.stringify({ call: question.call, comparison: 'unknown', why: found.unfit })}\n`,
      )
    const label = paint(io, 'red', 'cannot be decided again')
    io.stderr(`${label}: ${printable(found.unfit)}\n`)
    return 3
  }
  if (question.json) io.stdout(`${JSON.stringify(decisionJson(found), undefined, 2)}\n`)
  else io.stdout(`${decisionLines(found, io).join('\n')}\n`)
  return found.comparison === 'differs' ? 1 : 0
}

/** @throws GuardError ERR_AUDIT_READ when there is no such call */
async function findDecision(question: DecisionQuestion): Promise<Made> {
  const { call, place } = question
  const kept = new Map<string, Keepsakes>()
  const damaged = new Map<string, string>()
  let found: { readonly log: string; readonly made: Made } | undefined
  for await (const { items } of readRecord(place)) {
    for (const item of items) {
      // That an entry was altered is told where the next one of its log names another.
      if (found?.log === item.log) return unlessDamaged(found.made, item)
      if (item.kind !== 'entry') {
        damaged.set(item.log, damageText(item))
        continue
      }
      if (found) continue
      const { entry, folder } = item
      const keepsakes = kept.get(folder) ?? new Keepsakes(folder)
      kept.set(folder, keepsakes)
      keepsakes.note(item)
      const decided = entry.type === 'intent' || entry.type === 'refusal'
      if (!decided || typeof entry['call'] !== 'string' || !isCall(entry['call'], call)) continue
      const damage = damaged.get(item.log)
      if (damage !== undefined) return { unfit: damage }
      const read = recordedOf(item)
      const made = 'unfit' in read ? read : again(read.recorded, keepsakes)
      found = { log: item.log, made }
    }
  }
  if (found) return found.made
  const hint = 'its id stands at the end of its line in `chaperone log`'
  throw new GuardError(
    'ERR_AUDIT_READ',
    `no decision about the call \`${call}\` is on record (${hint})`,
  )
}

export type Made = Replayed | { readonly unfit: string }

/** `next`: what comes after the entry in its log. A last line that is being written says nothing of it. */
function unlessDamaged(made: Made, next: Item): Made {
  if (next.kind === 'entry' || next.problem === 'torn') return made
  return { unfit: damageText(next) }
}

export function damageText({ file, line, message }: Damage): string {
  return `${file}:${line}: ${message}`
}

/** The decision made again, or why it cannot be. */
export function again(recorded: Replayed['recorded'], keepsakes: Keepsakes): Made {
  try {
    return replay(recorded, keepsakes)
  } catch (error) {
    if (error instanceof Unkept) return { unfit: error.message }
    throw error
  }
}

const VERDICTS: Readonly<Record<Replayed['comparison'], string>> = {
  same: 'decided again: the same',
  as_far_as_kept: 'decided again: the same, as far as the values that it read are kept',
  differs: 'decided again: not the same',
}

export function decisionJson(replayed: Replayed): object {
  const { recorded, conjuncts, comparison, differences, missing, outcomes } = replayed
  const { call, ts, agent, action, server, name, environment, risk, labels, mandate } = recorded
  return {
    call,
    ts,
    log: recorded.log,
    agent: agent.agent,
    action,
    server,
    name,
    environment,
    risk,
    labels,
    mandate,
    ...(recorded.policy && { revision: recorded.policy.revision }),
    recorded: recorded.decision,
    replayed: outcomes,
    comparison,
    differences,
    missing,
    conjuncts,
  }
}

export function decisionLines(replayed: Replayed, io: CliIo): readonly string[] {
  const { recorded, conjuncts, comparison, differences, missing, authority, call } = replayed
  const { ts, agent, server, name, environment, risk, labels, mandate, policy, outcome } = recorded
  const state = [
    ...(risk === 'normal' ? [] : [`, risk ${risk}`]),
    ...(labels.length === 0 ? [] : [`, labels ${labels.join(' ')}`]),
  ].join('')
  const decision = authority.decide(call)
  const told = comparison === 'same' ? explain(decision, conjuncts) : undefined
  const deciding = comparison === 'same' ? decidingOf(decision, conjuncts) : []
  const style = comparison === 'differs' ? 'red' : 'green'
  return [
    printable(
      `call ${recorded.call}: ${server}/${name} by ${agent.agent} in ${environment} at ${ts}${state}`,
    ),
    printable(`mandate ${mandate.name} ${mandate.digest}`),
    ...(policy ? [`policies ${policy.revision}`] : []),
    '',
    ...conjuncts.flatMap((one) => conjunctLines({ ...one, decides: deciding.includes(one) }, io)),
    '',
    `on record: ${outcome}${byText(recorded)}`,
    paint(io, style, VERDICTS[comparison]),
    ...differences.map((one) => `  ${printable(one)}`),
    ...(missing.length === 0 ? [] : [`  not kept: ${printable(missing.join(', '))}`]),
    ...[told?.nearestMiss, told?.remedy].flatMap((one) =>
      one === undefined ? [] : [printable(one)],
    ),
    ...(told?.duties ?? []).map((duty) => `duty: ${printable(duty)}`),
  ]
}

function byText({ policy, grants }: Replayed['recorded']): string {
  const by = policy && policy.determining.length > 0 ? policy.determining : grants
  return by.length === 0 ? '' : printable(`, by ${by.map((one) => `\`${one}\``).join(', ')}`)
}
