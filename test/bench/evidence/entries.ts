/** The entries that calls leave on record, and the real log that they are put into. */
import { hash } from 'node:crypto'
import { claimLog, type Claim } from '../../../src/audit/claim.ts'
import { openLogKey } from '../../../src/audit/log-key.ts'
import { systemClock, systemTimers } from '../../../src/config/system.ts'
import type { CallContext } from '../../../src/model/call.ts'
import type { Decision } from '../../../src/model/decision.ts'
import { callId, instant, sha256, type CallId, type Sha256 } from '../../../src/model/id.ts'
import type { EntryBody } from '../../../src/model/record.ts'
import { hold } from '../../../src/state/hold.ts'
import { compileText } from '../compile.ts'
import { callContexts, definitions, mandateText, type Case } from '../decision-case.ts'

/** Calls in turns: no two in a row are alike. */
const POOL = 1024
/** As `run` opens it. */
const LOOK_HOLDS_MS = 20
const LIMIT = 1_000_000_000

const CASE: Case = {
  grants: 1,
  rules: 'constraints and when',
  args: 'small',
  expected: 'permit',
  tools: 'one',
}

export interface Entries {
  /** Of call number so many. */
  readonly intent: (call: number) => EntryBody
  /** Of a call that takes from two budgets. */
  readonly budgeted: (call: number) => EntryBody
  readonly outcome: (call: number) => EntryBody
}

const MANDATE = mandateText(CASE)
const [offered] = definitions(1)
const DEFINITION = JSON.stringify(offered?.raw)

function digestOf(text: string): Sha256 {
  return sha256(hash('sha256', text, 'hex'))
}

/** @throws Error where the mandate does not permit what it should */
export function entriesOf(): Entries {
  if (offered === undefined) throw new Error('there is no tool')
  const tool = { ...offered, definition: digestOf(DEFINITION) }
  const authority = compileText(MANDATE).tool(tool)
  const calls = callContexts(
    CASE,
    Array.from({ length: POOL }, () => tool),
  )
  const decided = calls.map((call): [CallContext, Decision] => [call, authority.decide(call)])
  for (const [, { effect, reason }] of decided)
    if (effect !== 'permit') throw new Error(`a call was denied: ${reason}`)
  // One list for all calls, as the compiled mandate has it.
  const effects = ['write'] as const
  const { server, name, definition } = tool
  const request = {
    era: 'modern',
    method: 'tools/call',
    server,
    name,
    definition,
    effects,
  } as const
  const at = (call: number): EntryBody & { readonly type: 'intent' } => {
    const [context, decision] = decided[call % POOL]!
    const now = systemClock.now()
    return {
      type: 'intent',
      at: now,
      request,
      call: { ...context, id: idOf(call), at: now },
      decision,
    }
  }
  return {
    intent: at,
    budgeted: (call) => ({
      ...at(call),
      budgets: [
        {
          budget: 'budgets.calls',
          key: 'calls',
          used: call % LIMIT,
          limit: LIMIT,
          from: TODAY,
          until: TOMORROW,
        },
        {
          budget: 'budgets.eur',
          key: 'eur',
          used: call % LIMIT,
          limit: LIMIT,
          scale: 2,
          from: ALWAYS,
        },
      ],
    }),
    outcome: (call) => ({
      type: 'outcome',
      at: systemClock.now(),
      call: idOf(call),
      verdict: { outcome: 'forwarded', result: 'complete' },
      tookMs: 1 + (call % 1000) / 1000,
      bytes: 412,
    }),
  }
}

const ALWAYS = instant(0)
const TODAY = instant(Date.UTC(2026, 10, 24))
const TOMORROW = instant(Date.UTC(2026, 10, 25))

/** The shape of a guard's own: its instance, and a number. */
export function idOf(call: number): CallId {
  return callId(`20261124T093000Z-2ca7237f-${call}`)
}

/** The log of a guard with this state folder: on the disk, signed once a second, rotated. */
export function openEvidence(stateDir: string): Claim {
  const claim = claimLog(stateDir, 'bench', {
    clock: systemClock,
    timers: systemTimers,
    hold,
    key: () => openLogKey(stateDir),
    lookHoldsMs: LOOK_HOLDS_MS,
    acting: {
      agent: 'bench-agent',
      assurance: 'launch_line',
      mandate: { name: 'decisions', digest: digestOf(MANDATE), signed: false },
    },
    trouble: (error) => {
      throw error
    },
  })
  // What entries name by its hash is kept, or `verify` would miss it.
  for (const text of [MANDATE, DEFINITION]) claim.log.putObject(Buffer.from(text))
  return claim
}
