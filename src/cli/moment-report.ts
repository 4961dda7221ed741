/** How the state of a moment is shown: who approved it, what state it was in, what it was allowed to do. */
import type { Mark } from '../audit/moment.ts'
import { targetText } from '../audit/moment-restriction.ts'
import { textIn } from '../audit/said.ts'
import { isList } from '../model/json.ts'
import type { Mandate } from '../model/mandate.ts'
import { paint, type CliIo, printable } from './io.ts'
import { type Allowed, allowedSet } from './moment-allowed.ts'
import { allowedLines } from './moment-allowed-report.ts'
import { budgetText, type MomentState } from './moment-state.ts'

export interface Showing {
  /** What is hidden, too, each with its why. */
  readonly all: boolean
  /** Only what is named so: `server/tool`, or the tool. */
  readonly tool?: string
}

export function momentLines(state: MomentState, showing: Showing, io: CliIo): readonly string[] {
  const { standing, run, at, unbound, missing, contradictions } = state
  const { agent, mandate } = standing
  const title = `agent ${agent} under mandate ${mandate.name} at ${iso(at)}`
  const { last } = run
  return [
    paint(io, 'bold', printable(title)),
    printable(`log ${last.log}: as of entry ${last.seq}, the last one by then (${last.ts})`),
    ...contradictions.map((one) => `${paint(io, 'red', 'contradicts itself')}: ${printable(one)}`),
    '',
    ...rows(factRows(state)),
    '',
    ...unbound.map(({ reason, why }) =>
      paint(io, 'red', printable(`nothing was allowed: ${reason}, ${why}`)),
    ),
    ...allowedLines(narrowed(allowedSet(state), showing.tool), state, { all: showing.all, io }),
    ...flightLines(state),
    ...missing.map((one) => `${paint(io, 'yellow', 'not known')}: ${printable(one)}`),
  ]
}

export function narrowed(
  allowed: readonly Allowed[],
  tool: string | undefined,
): readonly Allowed[] {
  if (tool === undefined) return allowed
  return allowed.filter(({ server, name }) => name === tool || `${server}/${name}` === tool)
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

type Row = readonly [name: string, text: string]

function rows(all: readonly Row[]): readonly string[] {
  const width = Math.max(...all.map(([name]) => name.length))
  return all.map(([name, text]) => printable(`${name.padEnd(width)}  ${text}`))
}

function factRows(state: MomentState): readonly Row[] {
  const { standing, run, mandate, environment, budgets } = state
  return [
    ...approvalRows(standing, mandate?.mandate),
    ...(mandate ? validityRows(state, mandate.mandate) : []),
    ['agent', `known by ${standing.assurance}`],
    ['guard', guardText(run)],
    [
      'settings',
      run.settings
        ? sinceText(textIn(run.settings.value, 's256'), run.settings.at)
        : 'not on record',
    ],
    ['environment', environment],
    ['risk', riskText(state)],
    ['task', taskText(state)],
    ['policies', run.policies ? sinceText(run.policies.value, run.policies.at) : 'none'],
    ['taken back', takenText(state)],
    ...budgets.map((one): Row => ['budget', budgetText(one)]),
    ...[...(mandate?.mandate.requests ?? [])].map(([server, kinds]): Row => [
      'requests',
      `${server} may ask for ${kinds.join(', ')}`,
    ]),
  ]
}

function approvalRows(
  { mandate }: MomentState['standing'],
  file: Mandate | undefined,
): readonly Row[] {
  const unsigned = 'not signed: the file says so, and nobody can prove that it was approved'
  const signed = 'signed, says the log; this version does not verify it'
  const kept = `the file is ${mandate.digest}`
  if (!file) return [['approved', `not known; ${kept}`]]
  const { approved, owner, purpose } = file
  const by = approved
    ? `by ${approved.by.join(', ')} at ${iso(approved.at)}`
    : 'by nobody that is named'
  const ref = purpose.ref === undefined ? '' : ` (${purpose.ref})`
  return [
    ['approved', by],
    ['', `${mandate.signed ? signed : unsigned}; ${kept}`],
    ['owner', owner ?? 'nobody is named'],
    ['purpose', `${purpose.text}${ref}`],
  ]
}

function validityRows({ mandate, at }: MomentState, { valid }: Mandate): readonly Row[] {
  const from = valid.from === undefined ? '' : `from ${iso(valid.from)} `
  const was = {
    valid: 'valid at that moment',
    not_yet: 'not yet valid',
    expired: 'expired by then',
  }
  return [['valid', `${from}until ${iso(valid.until)}: ${was[mandate?.validity(at) ?? 'expired']}`]]
}

function guardText({ started }: MomentState['run']): string {
  if (!started) return 'its start is not on record'
  const { value: facts, at } = started
  const [version, node] = [textIn(facts, 'version') ?? '?', textIn(facts, 'node') ?? '?']
  return `chaperone ${version} on Node ${node}, started ${at.ts} (entry ${at.seq})`
}

function sinceText(what: string | undefined, { seq, ts }: Mark): string {
  return `${what ?? 'not named'} since ${ts} (entry ${seq})`
}

function riskText({ risk, run }: MomentState): string {
  if (!run.risk) return risk
  const { value, at } = run.risk
  const why = value.why === undefined ? '' : `: ${value.why}`
  return `${risk} since ${at.ts} (entry ${at.seq})${why}`
}

function taskText({ task, labels }: MomentState): string {
  if (!task) return 'no call was on record by then, and no label'
  const left = labels.length === 0 ? 'no labels' : `labels ${labels.join(', ')}`
  return `${taskName(task.task)}: ${left}, as of its latest call (entry ${task.at.seq} of ${task.at.log})`
}

/** As people call it: its name holds its mandate and agent, too. */
function taskName(task: string): string {
  try {
    const parts: unknown = JSON.parse(task)
    const last = isList(parts) ? parts.at(-1) : undefined
    return typeof last === 'string' ? last : task
  } catch {
    return task
  }
}

function takenText({ restrictions }: MomentState): string {
  if (restrictions.length === 0) return 'nothing'
  return restrictions
    .map(({ value: { kind, target, by, why, since, until } }) => {
      const from = since === undefined ? '' : ` at ${iso(since)}`
      const end = until === undefined ? '' : `, until ${iso(until)}`
      return `${targetText(target)} ${kind}${from} by ${by}: ${why}${end}`
    })
    .join('; ')
}

function flightLines({ standing }: MomentState): readonly string[] {
  const flying = [...standing.flying.values()]
  if (flying.length === 0) return ['', 'in flight: no call']
  return [
    '',
    ...flying.map(({ call, server, name, at }) =>
      printable(`in flight: ${server}/${name} since ${at.ts} (call ${call}, entry ${at.seq})`),
    ),
  ]
}

export function momentJson(state: MomentState, showing: Showing): object {
  const { standing, run, at, environment, risk, task, labels, mandate } = state
  const file = mandate?.mandate
  const mark = ({ seq, ts }: Mark): object => ({ seq, ts })
  return {
    at: iso(at),
    log: run.last.log,
    entry: mark(run.last),
    guard: run.started && { ...run.started.value, entry: mark(run.started.at) },
    settings: run.settings && { ...run.settings.value, entry: mark(run.settings.at) },
    agent: { name: standing.agent, assurance: standing.assurance },
    mandate: {
      name: standing.mandate.name,
      s256: standing.mandate.digest,
      signed: standing.mandate.signed,
      ...(file && {
        purpose: file.purpose,
        owner: file.owner,
        approved: file.approved && { by: file.approved.by, at: iso(file.approved.at) },
        valid: {
          ...(file.valid.from !== undefined && { from: iso(file.valid.from) }),
          until: iso(file.valid.until),
          atThatMoment: mandate.validity(at),
        },
        roles: file.roles.map(({ name, digest }) => ({ name, s256: digest })),
      }),
    },
    environment,
    risk: {
      posture: risk,
      ...(run.risk && { entry: mark(run.risk.at) }),
      why: run.risk?.value.why,
    },
    task: task && { id: task.task, labels, entry: { log: task.at.log, ...mark(task.at) } },
    policies: run.policies && { s256: run.policies.value, entry: mark(run.policies.at) },
    restrictions: state.restrictions.map(({ value }) => value),
    refused: state.unbound,
    allowed: narrowed(allowedSet(state), showing.tool).filter(
      ({ listed }) => listed || showing.all,
    ),
    budgets: state.budgets,
    inFlight: [...standing.flying.values()].map(({ at, ...call }) => ({
      ...call,
      entry: mark(at),
    })),
    contradictions: state.contradictions,
    missing: state.missing,
  }
}
