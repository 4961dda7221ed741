/**
 * commit: nothing leaves before it is held and its intent is recorded, in this order: what is held without an intent has not
 * left, whatever became of the guard. What a call leaves in its task begins here, too.
 */
import { EFFECT_CLASSES } from '../model/call.ts'
import { GuardError } from '../model/error.ts'
import type { JsonObject } from '../model/json.ts'
import type { Obligation } from '../model/policy.ts'
import type { Receipt } from '../model/record.ts'
import { isRefusal, refusal, type Refusal } from '../model/verdict.ts'
import { hold, type Hold, NOTHING_HELD } from './hold.ts'
import type { Inbound, LinePorts } from './port.ts'
import type { StageRow } from './stage.ts'
import type { SteppedUp } from './step-up.ts'
import { takenBack } from './taken-back.ts'

export interface Committed {
  readonly steppedUp: SteppedUp
  readonly receipt: Receipt
  readonly call: SteppedUp['call']
  readonly request: SteppedUp['request']
  readonly decision: SteppedUp['decision']
  /** Nothing left after all: the call is out of the task's counts again, and what was held for it is given back. */
  readonly retract: () => void
  /** It may have left, and what was held is spent. Of this and `retract`, what comes first counts. */
  readonly spend: () => void
}

export const commit: StageRow<SteppedUp, Committed> = {
  name: 'commit',
  question: 'is it still not taken back, its budget held, and its intent recorded?',
  codes: [
    'cancelled',
    'audit_unavailable',
    'mandate_revoked',
    'mandate_suspended',
    'revoked',
    'suspended',
    'budget_exhausted',
    'state_unavailable',
  ],
  why: 'last before anything is lent or sent: a call that cannot be held or recorded does not happen',
  run: (steppedUp, ports) => {
    const { cancelled } = inboundOf(steppedUp)
    if (cancelled.aborted) return refusal('commit', cancelled.why ?? 'cancelled')
    const refused =
      takenBack('commit', steppedUp.call.resource, ports) ?? keepDefinition(steppedUp, ports)
    if (refused) return refused
    // What is still under way upstream was counted when it left; any other retry is sent anew, however often it is made.
    const goesOn = inboundOf(steppedUp).continuation?.ticket !== undefined
    const held = goesOn ? NOTHING_HELD : holdFor(steppedUp, ports)
    return isRefusal(held) ? held : begun(steppedUp, { held, goesOn }, ports)
  },
}

function holdFor({ call, decision }: SteppedUp, ports: LinePorts): Hold | Refusal {
  const { debits } = decision
  return debits ? hold({ call: call.id, at: call.at, debits }, ports) : NOTHING_HELD
}

/** In one turn of the event loop with the decision: another call that is decided meanwhile sees this one. */
function begun(
  steppedUp: SteppedUp,
  { held, goesOn }: { readonly held: Hold; readonly goesOn: boolean },
  ports: LinePorts,
): Promise<Committed | Refusal> {
  let retract: () => void = held.release
  try {
    ports.task.label(labelsOf(obligationsOf(steppedUp)))
    if (!goesOn) {
      const uncount = ports.task.begin(steppedUp.call)
      retract = () => {
        held.release()
        uncount()
      }
    }
    return recorded(steppedUp, { held, retract }, ports)
  } catch (fault) {
    retract()
    throw fault
  }
}

/** What is called was decided about by its definition: whoever looks at the decision later finds it. */
function keepDefinition({ decided }: SteppedUp, { log }: LinePorts): Refusal | undefined {
  const { tool } = decided.resolved
  if (!tool?.text) return undefined
  try {
    log.keep?.(tool.definition, tool.text)
    return undefined
  } catch (error) {
    if (error instanceof GuardError) return refusal('commit', 'audit_unavailable', error.message)
    throw error
  }
}

/** What comes with the permit that a call was given. */
export function obligationsOf({ decision }: Pick<SteppedUp, 'decision'>): readonly Obligation[] {
  return decision.policy?.obligations ?? NONE
}

const NONE: readonly Obligation[] = []

/** Left when the call leaves, so that they are there before anything of its answer is. */
function labelsOf(obligations: readonly Obligation[]): readonly string[] {
  let all: string[] | undefined
  for (const duty of obligations) if (duty.type === 'label') (all ??= []).push(...duty.add)
  return all ?? NO_LABELS
}

const NO_LABELS: readonly string[] = []

function recorded(
  steppedUp: SteppedUp,
  { held, retract }: { readonly held: Hold; readonly retract: () => void },
  ports: LinePorts,
): Promise<Committed | Refusal> {
  const { call, request, decision } = steppedUp
  const input = inputOf(steppedUp)
  const entry = {
    type: 'intent',
    at: call.at,
    request,
    call,
    decision,
    ...(held.after && { budgets: held.after }),
    ...(input && { input }),
  } as const
  const committed = { steppedUp, call, request, decision, retract, spend: held.spend }
  return ports.log.append(entry, changesTheWorld(steppedUp) ? 'disk' : 'kernel').then(
    (receipt) => ({ ...committed, receipt }),
    (error: unknown) => {
      retract()
      if (error instanceof GuardError) return refusal('commit', 'audit_unavailable', error.message)
      throw error
    },
  )
}

/** A tool that nobody classed may do anything; a prompt or a resource is read, unless somebody says otherwise. */
export function changesTheWorld({ call, decided }: SteppedUp): boolean {
  const { effects, named } = decided.resolved.authority
  const unclassed = named.length === 0 && effects.length === EFFECT_CLASSES.length
  if (unclassed && call.resource.kind !== 'tool') return false
  return effects.some((effect) => effect !== 'read')
}

function inputOf(steppedUp: SteppedUp): JsonObject | undefined {
  return inboundOf(steppedUp).continuation?.inputResponses
}

function inboundOf({ decided }: SteppedUp): Inbound {
  return decided.resolved.bound.identified.admitted.inbound
}
