/** commit: nothing leaves before its intent is recorded. What a call leaves in its task begins here, too. */
import { GuardError } from '../model/error.ts'
import type { JsonObject } from '../model/json.ts'
import type { Obligation } from '../model/policy.ts'
import type { Receipt } from '../model/record.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import type { Inbound, LinePorts } from './port.ts'
import type { StageRow } from './stage.ts'
import type { SteppedUp } from './step-up.ts'

export interface Committed {
  readonly steppedUp: SteppedUp
  readonly receipt: Receipt
  readonly call: SteppedUp['call']
  readonly request: SteppedUp['request']
  readonly decision: SteppedUp['decision']
  /** Takes the call out of the task's counts again: nothing left after all. */
  readonly retract: () => void
}

export const commit: StageRow<SteppedUp, Committed> = {
  name: 'commit',
  question: 'is the intent recorded?',
  codes: ['cancelled', 'audit_unavailable'],
  why: 'last before anything is lent or sent: a call that cannot be recorded does not happen',
  run: (steppedUp, ports) => {
    if (steppedUp.decided.resolved.bound.identified.admitted.cancelled.aborted)
      return refusal('commit', 'cancelled')
    const unkept = keepDefinition(steppedUp, ports)
    if (unkept) return unkept
    // In one turn of the event loop with the decision: another call that is decided meanwhile sees this one.
    ports.task.label(labelsOf(obligationsOf(steppedUp)))
    // What is still under way upstream was counted when it left; any other retry is sent anew, however often it is made.
    const goesOn = inboundOf(steppedUp).continuation?.ticket !== undefined
    const retract = goesOn ? nothing : ports.task.begin(steppedUp.call)
    return recorded(steppedUp, retract, ports)
  },
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
  retract: () => void,
  ports: LinePorts,
): Promise<Committed | Refusal> {
  const { call, request, decision } = steppedUp
  const input = inputOf(steppedUp)
  const entry = { type: 'intent', at: call.at, request, call, decision } as const
  return ports.log.append(input ? { ...entry, input } : entry).then(
    (receipt) => ({ steppedUp, receipt, call, request, decision, retract }),
    (error: unknown) => {
      retract()
      if (error instanceof GuardError) return refusal('commit', 'audit_unavailable', error.message)
      throw error
    },
  )
}

function inputOf(steppedUp: SteppedUp): JsonObject | undefined {
  return inboundOf(steppedUp).continuation?.inputResponses
}

function inboundOf({ decided }: SteppedUp): Inbound {
  return decided.resolved.bound.identified.admitted.inbound
}

function nothing(): void {
  return undefined
}
