/** Sends what a guard does to a collector. Nothing of it holds up a call, and nothing is proved by it: that is the record's. */
import { GuardError } from '../../model/error.ts'
import type { Clock, OperationalLog } from '../../model/port.ts'
import type { Seen } from '../observe.ts'
import { missingPackages } from './packages.ts'
import { type Collected, NumberMetric } from './registry.ts'
import { callSpan, type Left, logOf, refusalSpan } from './span.ts'
import type { Sdk } from './otel-sdk.ts'

export const SIGNALS = ['traces', 'metrics', 'logs'] as const
export type Signal = (typeof SIGNALS)[number]

export interface TelemetryOptions {
  /** Where to; absent: where the standard variables of the environment say. */
  readonly otlp?: string
  readonly headers: ReadonlyMap<string, string>
  /** Attributes of the guard itself. */
  readonly resource: ReadonlyMap<string, string>
  readonly signals: ReadonlySet<Signal>
  readonly intervalMs?: number
  readonly version: string
  readonly clock: Clock
  /** What metrics there are. */
  readonly collect: () => readonly Collected[]
  readonly onFailed: (signal: Signal, why: string) => void
}

export interface Telemetry {
  /** An observer of the record. */
  readonly see: (seen: Seen) => void
  /** Sends what waits, and gives up after two seconds. Never rejects. */
  close(): Promise<void>
}

/** Calls under way that a span will be made of. */
const MOST_OPEN = 10_000
const CLOSE_MS = 2000

/**
 * Loads the SDK and opens it. No collector is asked yet.
 *
 * @throws GuardError ERR_CONFIG_INVALID where the packages are not installed
 */
export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const sdk = await loaded(options)
  return { see: observer(sdk), close: () => within(CLOSE_MS, sdk.shutdown()) }
}

/** The timer keeps the process alive: nothing else may be left that does. */
function within(ms: number, done: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    const end = (): void => {
      clearTimeout(timer)
      resolve()
    }
    done.then(end, end)
  })
}

async function loaded(options: TelemetryOptions): Promise<Sdk> {
  try {
    return (await import('./otel-sdk.ts')).openSdk(options)
  } catch (cause) {
    const missing = missingPackages(cause)
    if (missing === undefined) throw cause
    throw new GuardError('ERR_CONFIG_INVALID', `telemetry: ${missing}`, { cause })
  }
}

/** Makes a span of an intent and its outcome once both are there: a call whose outcome never comes has none. */
export function observer(sdk: Pick<Sdk, 'span' | 'log'>): (seen: Seen) => void {
  const open = new Map<string, Left>()
  return (seen) => {
    const { entry, receipt, acting } = seen
    const who = acting && { acting }
    if (entry.type === 'intent') {
      if (!receipt) return
      const [oldest] = open.keys()
      if (open.size >= MOST_OPEN && oldest !== undefined) open.delete(oldest)
      open.set(entry.call.id, { entry, ...who })
      return
    }
    if (entry.type === 'outcome') {
      const left = open.get(entry.call)
      open.delete(entry.call)
      if (left) sdk.span(callSpan(left, entry, receipt !== undefined))
      return
    }
    const log = logOf(seen)
    if (entry.type === 'refusal') sdk.span(refusalSpan({ entry, ...who }), log)
    else if (log) sdk.log(log)
  }
}

/** Counts what could not be sent, and says so the first time and then at every power of two. */
export function failures(operational: OperationalLog): {
  readonly onFailed: TelemetryOptions['onFailed']
  readonly collect: () => readonly Collected[]
} {
  const help = 'Exports of telemetry that failed, and whose spans, points or lines are lost.'
  const labelNames = ['signal']
  const name = 'chaperone.export.failures'
  const metric = new NumberMetric('counter', { name, help, labelNames, unit: '' })
  const counts = new Map<Signal, number>()
  return {
    collect: () => [metric.collect()],
    onFailed: (signal, why) => {
      metric.add([signal])
      const count = (counts.get(signal) ?? 0) + 1
      counts.set(signal, count)
      if ((count & (count - 1)) !== 0) return
      operational.warn({ signal, count, why: why.slice(0, 256) }, 'telemetry could not be sent')
    },
  }
}
