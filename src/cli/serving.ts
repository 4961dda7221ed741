/** What `run` and `serve` do alike once everything about them is right. */
import { intentsOf } from '../audit/intents.ts'
import type { FileLog } from '../audit/log.ts'
import type { Upstream } from '../config/mcp-json.ts'
import { openPosture } from '../config/posture.ts'
import { operationalLog, type ClosableLog } from '../config/operational.ts'
import type { Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock, systemTimers, systemWatch } from '../config/system.ts'
import { version } from '../config/version.ts'
import type { GuardOptions } from '../guard.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { Principal } from '../model/call.ts'
import type { Lock } from '../model/lock.ts'
import type { OperationalLog, StateStore } from '../model/port.ts'
import { liveMandate } from '../policy/live.ts'
import { openStore, storePath } from '../state/sqlite.ts'
import { engineOpener } from './engines.ts'
import type { CliIo } from './io.ts'
import type { PolicySet } from './launch.ts'
import { PolicyKeeper } from './policy-keeper.ts'
import { event } from './record.ts'
import { recoverHolds } from './recover-holds.ts'

/** Without --agent the launch line names nobody but the mandate: the agent is taken to be the one it was given to. */
export function principalOf({ agent }: Settings, { mandate }: CompiledMandate): Principal {
  return agent === undefined
    ? { agent: mandate.agent, assurance: 'mandate' }
    : { agent, assurance: 'launch_line' }
}

export function operationalLogOf({ logLevel, logFile }: Settings): ClosableLog {
  return operationalLog({ level: logLevel, ...(logFile !== undefined && { file: logFile }) })
}

/** What a guard is made of whatever it listens on. */
export function houseOf(
  settings: Settings,
  given: {
    readonly upstreams: readonly Upstream[]
    readonly lock?: Lock
    readonly operational: OperationalLog
  },
  { env }: Pick<CliIo, 'env'>,
): Omit<GuardOptions, 'mandate' | 'principal' | 'log' | 'instance' | 'record' | 'store'> {
  const { upstreams, lock, operational } = given
  const state = stateDir(env, settings.stateDir)
  const [clock, timers] = [systemClock, systemTimers]
  const parts = { clock, timers, watch: systemWatch, operational }
  return {
    upstreams,
    ...(lock && { lock }),
    environment: settings.environment,
    posture: openPosture(state, settings.risk, parts),
    operational,
    clock,
    timers,
    self: { name: 'chaperone', version: version() },
    startTimeoutMs: settings.startTimeoutMs,
    callTimeoutMs: settings.callTimeoutMs,
    maxAnswerBytes: settings.maxResultBytes,
    webhooks: settings.webhooks,
    stateDir: state,
    taskId: settings.task,
  }
}

/**
 * What is shared with the other guards of this machine. It is closed when the guard has stopped.
 *
 * @throws GuardError ERR_STATE_UNUSABLE: then nothing is served
 */
export async function withStore(
  { settings, operational }: { readonly settings: Settings; readonly operational: OperationalLog },
  { env }: Pick<CliIo, 'env'>,
  use: (store: StateStore) => Promise<void>,
): Promise<void> {
  const path = storePath(stateDir(env, settings.stateDir))
  const store = openStore({ path, clock: systemClock, operational })
  try {
    await use(store)
  } finally {
    store.close()
  }
}

/**
 * Ends what guards that are gone still held, before a call is let out that it could be in the way of.
 *
 * @throws GuardError ERR_STATE_UNUSABLE, ERR_AUDIT_APPEND
 */
export async function recovered(
  store: StateStore,
  { log, operational }: { readonly log: FileLog; readonly operational: OperationalLog },
): Promise<void> {
  const ended = await recoverHolds(store, intentsOf)
  if (!ended) return
  const facts = { ...ended }
  operational.warn(facts, 'guards that ended still held something of budgets')
  await log.append(event('holds_recovered', facts))
}

/**
 * The policies in force, put on record, with their engines open; undefined where there are none.
 *
 * @throws GuardError ERR_AUDIT_APPEND, or ERR_CONFIG_INVALID for an engine that cannot be opened
 */
export async function policiesInForce(
  policySet: PolicySet | undefined,
  { log, settings }: { readonly log: FileLog; readonly settings: Settings },
  operational: OperationalLog,
  { env }: Pick<CliIo, 'env'>,
): Promise<PolicyKeeper | undefined> {
  if (!policySet) return undefined
  const { webhooks } = settings
  const parts = { clock: systemClock, timers: systemTimers, watch: systemWatch }
  const open = engineOpener(env)
  const keeper = await PolicyKeeper.start(
    { ...parts, log, operational, webhooks, open },
    policySet.load,
  )
  keeper.watch(policySet.signature)
  return keeper
}

/** A mandate under the policies in force. */
export function underPolicies(
  mandate: CompiledMandate,
  keeper: PolicyKeeper | undefined,
  { environment }: Settings,
): CompiledMandate {
  if (!keeper) return mandate
  const live = liveMandate(mandate, keeper.load.policies, environment)
  keeper.follow(live)
  return live
}

const ALIVE_MS = 60_000

/** Serves until nobody is there any more or a signal says stop; either way everything is settled first. */
export async function whileServing(
  { signal }: Pick<CliIo, 'signal'>,
  stopGuard: (reason: string) => Promise<void>,
  served?: Promise<void>,
): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    const stop = (): void => void stopGuard(`a signal: ${String(signal?.reason)}`).then(resolve)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
  // Timers of the guard keep no process alive, and at the end nothing else may be left that does: until everything is
  // settled and on record, this does.
  const alive = setInterval(() => undefined, ALIVE_MS)
  try {
    await (served ? Promise.race([served, stopped]) : stopped)
  } finally {
    clearInterval(alive)
  }
}
