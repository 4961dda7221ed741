/**
 * The straight line that a call takes, listed once, as data. Order is precedence: a call that fails several stages is
 * answered by the first. Every exit is recorded here, and a fault is caught here, once: it denies.
 */
import type { CallContext } from '../model/call.ts'
import type { Decision } from '../model/decision.ts'
import { isObject } from '../model/json.ts'
import type { UpstreamAnswer } from '../model/port.ts'
import type { RequestFacts } from '../model/record.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { STAGES, type Refusal, type StageName } from '../model/verdict.ts'
import { admit } from './admit.ts'
import { bind } from './bind.ts'
import { commit, type Committed } from './commit.ts'
import { decide, type Decided } from './decide.ts'
import { equip, type Equipped } from './equip.ts'
import { forward, type Forwarded } from './forward.ts'
import { identify } from './identify.ts'
import type { Inbound, LinePorts } from './port.ts'
import { resolve, type Resolved } from './resolve.ts'
import { screen, type Screened } from './screen.ts'
import { settle, type Settled } from './settle.ts'
import { begin, type Line, type Walk } from './stage.ts'
import { stepUp, type SteppedUp } from './step-up.ts'

export const LINE: Line<Inbound, Settled> = begin(admit)
  .to(identify)
  .to(bind)
  .to(resolve)
  .to(decide)
  .to(stepUp)
  .to(commit)
  .to(equip)
  .to(forward)
  .to(screen)
  .to(settle)

/** What the agent is to be told. */
export type Concluded =
  | { readonly answer: UpstreamAnswer; readonly call: CallContext }
  | { readonly refusal: Refusal; readonly request: RequestFacts; readonly call?: CallContext }

/** Takes one call down the line. Never rejects: what breaks is recorded and denies with `internal_error`. */
export function takeCall(inbound: Inbound, ports: LinePorts): Promise<Concluded> {
  const walk = LINE.walk(inbound, ports)
  return walk instanceof Promise
    ? walk.then((ended) => conclude(ended, inbound, ports))
    : Promise.resolve(conclude(walk, inbound, ports))
}

function conclude(
  walk: Walk<Inbound, Settled>,
  inbound: Inbound,
  ports: LinePorts,
): Concluded | Promise<Concluded> {
  if (!walk.refusal) return { answer: walk.proof.answer, call: walk.proof.call }
  if (walk.fault !== undefined) reportFault(walk.refusal, walk.fault, ports)
  return refused(walk.refusal, walk.last, { inbound, ports })
}

async function refused(
  why: Refusal,
  last: object,
  { inbound, ports }: { readonly inbound: Inbound; readonly ports: LinePorts },
): Promise<Concluded> {
  const known = { request: { era: inbound.era, method: inbound.method }, ...reachedBy(last) }
  const committed = committedIn(last)
  if (isBefore(why.stage, 'forward')) committed?.retract?.()
  await recordRefusal(why, known, ports)
  // Whatever came of it, an error of the tool or an answer that is withheld: it may have left.
  committed?.spend?.()
  const { request, call } = known
  return call ? { refusal: why, request, call } : { refusal: why, request }
}

function reportFault({ stage }: Refusal, fault: unknown, ports: LinePorts): void {
  const error = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
  ports.operational.error({ stage, error }, 'a fault in the guard denied a call')
}

/** What a proof knows of its call, for the record of a refusal. */
interface Reached {
  readonly request: RequestFacts
  readonly call?: CallContext
  readonly decision?: Decision
  /** What is called, where that is a tool. */
  readonly tool?: ToolDefinition
}

function reachedBy(proof: object): Partial<Reached> {
  const { request, call, decision } = proof as Partial<Reached>
  return {
    ...(isObject(request) ? { request } : {}),
    ...(isObject(call) ? { call } : {}),
    ...(isObject(decision) ? { decision } : {}),
    ...toolIn(proof),
  }
}

/** As far as it was found out: a proof holds those before it. */
function toolIn(proof: Partial<Resolved & Decided & SteppedUp>): Pick<Reached, 'tool'> {
  const tool = (proof.decided?.resolved ?? proof.resolved ?? proof).tool
  return tool ? { tool } : {}
}

/** What has to be ended of a call that was committed. */
function committedIn(
  proof: Partial<Committed & Equipped & Forwarded & Screened>,
): Partial<Pick<Committed, 'retract' | 'spend'>> {
  const equipped = proof.forwarded?.equipped ?? proof.equipped
  return equipped?.committed ?? proof.committed ?? proof
}

/** A refusal before the intent is one entry in place of both; after it, it is the intent's outcome. */
export async function recordRefusal(
  refused: Refusal,
  reached: Reached,
  ports: LinePorts,
): Promise<void> {
  const at = ports.time.read().at
  const decision = refused.decision ?? reached.decision
  try {
    if (reached.call && isBefore('commit', refused.stage)) {
      const verdict = { outcome: 'refused', stage: refused.stage, reason: refused.reason } as const
      await ports.log.append({
        type: 'outcome',
        at,
        call: reached.call.id,
        verdict,
        tookMs: Math.max(0, at - reached.call.at),
        bytes: 0,
      })
    } else {
      const { tool } = reached
      if (decision && tool?.text) ports.log.keep?.(tool.definition, tool.text)
      await ports.log.append({
        type: 'refusal',
        at,
        request: { ...reached.request, ...refused.about },
        refusal: refused,
        ...(reached.call ? { call: reached.call } : {}),
        ...(decision ? { decision } : {}),
      })
    }
  } catch (error) {
    // It is still a refusal; the operator has to know that the record has a hole.
    ports.operational.error(
      { reason: refused.reason, error: error instanceof Error ? error.message : String(error) },
      'a refusal could not be recorded',
    )
  }
}

function isBefore(stage: StageName, other: StageName): boolean {
  return STAGES.indexOf(stage) < STAGES.indexOf(other)
}
