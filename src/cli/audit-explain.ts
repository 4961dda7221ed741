/** `chaperone audit explain`: who approved the agent, what state it was in, and what it was allowed to do at a moment. */
import { latestStanding, standingOf } from '../audit/prove.ts'
import { keyOf, keysAt } from '../audit/verify/place.ts'
import { systemClock } from '../config/system.ts'
import { nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { type Instant, instant } from '../model/id.ts'
import type { Clock } from '../model/port.ts'
import { durationMs, rfc3339 } from '../model/time.ts'
import { parseFlags } from './arguments.ts'
import {
  damageIn,
  damageLines,
  decisionMoment,
  NO_KEY,
  type MomentQuestion,
  type Provenance,
} from './audit-explain-decision.ts'
import { placeOf } from './explain-decision.ts'
import { type CliIo, type Command, printable } from './io.ts'
import { type ReadMoment, readMoment } from './moment-read.ts'
import { momentJson, momentLines } from './moment-report.ts'
import { type MomentState, statesAt } from './moment-state.ts'

const HELP = `usage: chaperone audit explain --at <time> --agent <agent> [options]
       chaperone audit explain --decision <call> [options]

Who approved the agent, what state it was in, and what it was allowed to do at that moment: the mandate and who approved
it, the policies, the risk posture and the labels of the task, what was taken back, what was left of budgets, each tool
that it was offered with what was asked of a call, and the calls that were under way. Answered from the record and what is
kept beside it: mandate, policies and upstreams may be gone.

With --decision all of that at the moment of a call on record, and the decision itself: every rule with what it read, and
whether it comes out the same when it is made again.

  --at <time>             2026-11-24T10:30:00+01:00, or so long ago: 90s, 15m, 2h, 7d
  --agent <agent>         the agent
  --mandate <name>        only under this mandate
  --task <id>             the task whose labels count; default that of the latest call
  --decision <call>       the call's id, or the end of it that \`chaperone log\` shows
  --tool <server/tool>    only this tool
  --all                   also what was hidden, and why
  --key <key>             the public key, or a file with it; may be repeated. Else log.vkey above the log, where there is one
  --log <folder>          the record: a state folder, or the folder of one log
  --state-dir <folder>    the state folder (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text

Exit codes: 0 answered, 1 the record is damaged or contradicts itself, or the decision comes out otherwise, 2 usage,
3 it cannot be answered: no such record, agent or decision, or a document of then is not kept.
`

const OPTIONS = {
  at: { type: 'string' },
  agent: { type: 'string' },
  mandate: { type: 'string' },
  task: { type: 'string' },
  decision: { type: 'string' },
  tool: { type: 'string' },
  all: { type: 'boolean' },
  key: { type: 'string', multiple: true },
  log: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

/** What a test puts in place of the real thing. */
export interface AuditExplainParts {
  readonly clock: Pick<Clock, 'now'>
  readonly provenance: Provenance
}

/** The command over these parts. */
export function auditExplainCommand(parts: AuditExplainParts): Command {
  return {
    name: 'explain',
    summary: 'who approved the agent, what state was it in, what was it allowed to do?',
    help: HELP,
    run: (argv, io) => run(argv, io, parts),
  }
}

export const command: Command = auditExplainCommand({
  clock: systemClock,
  provenance: async (folder, seq, given) => {
    const keys = given.length > 0 ? given : keysAt(folder)
    if (keys.length === 0) return undefined
    return seq === undefined ? latestStanding(folder, keys) : standingOf(folder, seq, keys)
  },
})

async function run(argv: readonly string[], io: CliIo, parts: AuditExplainParts): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const { at, agent, mandate, task, decision, tool } = values
  const question: MomentQuestion = {
    place: placeOf(values, io),
    json: values.json === true,
    all: values.all === true,
    keys: (values.key ?? []).map((key) => keyOf(key, io.cwd)),
    ...(tool !== undefined && { tool }),
  }
  if (decision !== undefined) {
    const beside = Object.entries({ at, agent, mandate, task }).find(
      ([, value]) => value !== undefined,
    )
    if (beside) throw usage(`\`--${beside[0]}\` is given beside \`--decision\``, 'leave it out')
    if (decision === '') throw usage('no call is named', 'give `--decision <call>`')
    return decisionMoment(decision, question, io, parts.provenance)
  }
  if (at === undefined || agent === undefined)
    throw usage('no moment is named', 'give `--at <time> --agent <agent>`, or `--decision <call>`')
  const who = {
    agent,
    ...(mandate !== undefined && { mandate }),
    ...(task !== undefined && { task }),
  }
  return momentAt({ at: timeOf(at, parts.clock.now()), who, parts }, question, io)
}

function usage(what: string, remedy: string): GuardError {
  return new GuardError('ERR_USAGE', `${what} (${remedy})`)
}

function timeOf(text: string, now: Instant): Instant {
  const ago = durationMs(text)
  const at = ago === undefined ? rfc3339(text) : instant(now - ago)
  if (at !== undefined && at > now)
    throw usage(`--at is \`${text}\`, which is yet to come`, 'name a moment that was')
  if (at !== undefined) return at
  throw usage(
    `--at is \`${text}\`, which is no time`,
    'write it with its zone, 2026-11-24T10:30:00+01:00, or so long ago: 7d',
  )
}

interface Asked {
  readonly parts: AuditExplainParts
  readonly at: Instant
  readonly who: { readonly agent: string; readonly mandate?: string; readonly task?: string }
}

async function momentAt(
  { at, who, parts }: Asked,
  question: MomentQuestion,
  io: CliIo,
): Promise<number> {
  const read = await readMoment(question.place, at)
  const states = statesAt(read, who, at)
  const proofs = await Promise.all(
    [...read.fold.runs.keys()].map((folder) => parts.provenance(folder, undefined, question.keys)),
  )
  const proof = proofs.map((one) => one ?? NO_KEY)
  const damage = [...damageIn(read), ...proof.flatMap(({ good, text }) => (good ? [] : [text]))]
  if (states.length === 0 && damage.length === 0) refuseUnknown(read, who)
  if (question.json) {
    const moments = states.map((state) => momentJson(state, question))
    const told = { at: new Date(at).toISOString(), agent: who.agent, damage, moments, proof }
    io.stdout(`${JSON.stringify(told, undefined, 2)}\n`)
  } else {
    const shown = states.map((state) => momentLines(state, question, io).join('\n'))
    const none = shown.length === 0 ? [notServed(read, who, at)] : []
    const told = [...damageLines(damage, io), ...none, shown.join('\n\n')].join('\n').trimEnd()
    const proven = new Set(proof.flatMap(({ good, text }) => (good ? [printable(text)] : [])))
    io.stdout(`${[told, ...proven].join('\n')}\n`)
  }
  return exitOf(states, damage)
}

/** @throws GuardError ERR_AUDIT_READ where nobody ever heard of the agent */
function refuseUnknown({ fold }: ReadMoment, { agent }: Asked['who']): void {
  const known = [...fold.agents.keys()]
  if (known.includes(agent)) return
  const near = nearest(agent, known)
  const others =
    known.length === 0 ? 'no agent is on record by then' : `on record are ${known.join(', ')}`
  const hint = near === undefined ? others : `did you mean \`${near}\`?`
  throw new GuardError(
    'ERR_AUDIT_READ',
    `no guard had served the agent \`${agent}\` by then (${hint})`,
  )
}

function notServed({ fold }: ReadMoment, who: Asked['who'], at: Instant): string {
  const { agent, mandate } = who
  const under = mandate === undefined ? '' : ` under mandate ${mandate}`
  const last = fold.agents.get(agent)
  const where = last
    ? `; the record tells of it last at ${last.ts} (entry ${last.seq} of ${last.log})`
    : ''
  const when = new Date(at).toISOString()
  return printable(
    `no guard on record served agent ${agent}${under} at ${when}: it was allowed nothing${where}`,
  )
}

function exitOf(states: readonly MomentState[], damage: readonly string[]): number {
  if (damage.length > 0 || states.some((one) => one.contradictions.length > 0)) return 1
  return states.some(({ under, catalog }) => !under || !catalog) ? 3 : 0
}
