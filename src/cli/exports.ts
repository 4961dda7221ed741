/** What a guard that runs tells of itself while it does: metrics where they are looked at, telemetry where it is sent. */
import type { Measures } from '../audit/export/measures.ts'
import type { MetricsServer } from '../audit/export/metrics-server.ts'
import type { Collected } from '../audit/export/registry.ts'
import type { Signal, Telemetry, TelemetryOptions } from '../audit/export/telemetry.ts'
import { observedFile, type Observer } from '../audit/observe.ts'
import { METRICS_HOST, type MetricsSettings } from '../config/export-settings.ts'
import { hostInHeader, isLoopback } from '../config/host.ts'
import type { Settings } from '../config/settings.ts'
import { systemClock } from '../config/system.ts'
import { version } from '../config/version.ts'
import { GuardError } from '../model/error.ts'
import type { OperationalLog, StateStore } from '../model/port.ts'
import type { Acting } from '../model/record.ts'
import type { CliIo } from './io.ts'
import type { Opened } from './record.ts'

export interface ExportParts {
  readonly opened: Opened
  readonly settings: Settings
  readonly operational: OperationalLog
  readonly env: CliIo['env']
  readonly upstreams: readonly { readonly server: string }[]
  /** Where all entries are about one agent. */
  readonly acting?: Acting
  /** Of the launch line. */
  readonly metricsPort?: number | undefined
  /** `run`: there may be several guards on one machine, and one that cannot listen guards all the same. */
  readonly use: 'run' | 'serve'
  /** Asked what is restricted when somebody looks. */
  readonly store: Pick<StateStore, 'restrictions'>
  /** Who else wants to be told of what goes on record. */
  readonly observers?: readonly Observer[]
}

/** The record that was opened, with a log that tells what is exported of all that is appended to it. */
export interface Exports extends Opened {
  /** Sends what waits, for two seconds at most. Never rejects. */
  close(): Promise<void>
}

/**
 * Opens what the settings and the environment ask for. Where that is nothing, nothing is loaded and the log is the one that
 * was given.
 *
 * @throws GuardError ERR_CONFIG_INVALID where packages are not installed that the settings ask for, ERR_LISTEN on `serve`
 */
export async function openExports(parts: ExportParts): Promise<Exports> {
  const { opened, acting, observers = [] } = parts
  const metrics = metricsOf(parts)
  const sending = sendingOf(parts)
  const told = (all: readonly Observer[]): Opened => ({
    ...opened,
    log: observedFile(opened.log, all, acting),
  })
  if (!metrics && !sending) return { ...told(observers), close: () => Promise.resolve() }
  const [{ Measures }, { failures, openTelemetry }] = await Promise.all([
    import('../audit/export/measures.ts'),
    import('../audit/export/telemetry.ts'),
  ])
  const failed = failures(parts.operational)
  const measures = new Measures({
    clock: systemClock,
    version: version(),
    servers: parts.upstreams.map(({ server }) => server),
    restrictions: () => parts.store.restrictions().all,
    more: () => (sending ? failed.collect() : []),
  })
  const collect = (): readonly Collected[] => measures.collect()
  const opening = sending && { ...sending, collect, onFailed: failed.onFailed }
  const telemetry = opening && (await openedTelemetry(opening, openTelemetry, parts))
  const served = metrics && (await serve(metrics, measures, parts))
  const all = [measures.see, ...(telemetry ? [telemetry.see] : []), ...observers]
  return {
    ...told(all),
    close: async () => {
      await Promise.all([telemetry?.close(), served?.close()])
    },
  }
}

function metricsOf({ settings, metricsPort: port }: ExportParts): MetricsSettings | undefined {
  const { metrics } = settings
  if (port === undefined) return metrics
  return { host: METRICS_HOST, hosts: [], ...metrics, port }
}

/** @throws GuardError ERR_LISTEN on `serve` */
async function serve(
  { host, port, hosts }: MetricsSettings,
  measures: Measures,
  { operational, use }: ExportParts,
): Promise<MetricsServer | undefined> {
  const [{ serveMetrics }, { exposition }] = await Promise.all([
    import('../audit/export/metrics-server.ts'),
    import('../audit/export/prometheus.ts'),
  ])
  try {
    const server = await serveMetrics({
      host,
      port,
      hosts: new Set([...hosts, hostInHeader(host)]),
      loopback: isLoopback(host),
      text: () => exposition(measures.collect()),
    })
    const url = `http://${hostInHeader(host)}:${server.port}/metrics`
    operational.info({ url }, 'metrics are served')
    return server
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `metrics cannot be served on ${host} port ${port}: ${why}`
    const remedy = 'give another port in `metrics` or `--metrics-port`; 0 takes one that is free'
    if (use === 'serve') throw new GuardError('ERR_LISTEN', `${message} (${remedy})`, { cause })
    operational.warn({ host, port, why, remedy }, 'metrics are not served by this guard')
    return undefined
  }
}

type Sending = Omit<TelemetryOptions, 'collect' | 'onFailed'>

/** What to send where; undefined where nobody asked for it, or OTEL_SDK_DISABLED says no. */
function sendingOf({ settings, env, opened, operational }: ExportParts): Sending | undefined {
  const { telemetry } = settings
  const standard = endpointVariable(env)
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined
  if (!telemetry && standard === undefined) return undefined
  const protocol = env['OTEL_EXPORTER_OTLP_PROTOCOL']
  if (!telemetry && protocol !== undefined && protocol !== 'http/json')
    operational.warn({ protocol }, 'telemetry is sent as http/json: it is the one protocol here')
  const interval = Number(env['OTEL_METRIC_EXPORT_INTERVAL'] ?? '')
  return {
    ...(telemetry && { otlp: telemetry.otlp }),
    headers: telemetry?.headers ?? new Map(),
    resource: new Map([
      ['service.name', env['OTEL_SERVICE_NAME'] ?? 'chaperone'],
      ['service.version', version()],
      ['service.instance.id', opened.instance],
      ...(telemetry?.resource ?? []),
    ]),
    signals: signalsOf(env),
    ...(Number.isInteger(interval) && interval > 0 && { intervalMs: interval }),
    version: version(),
    clock: systemClock,
  }
}

const ENDPOINTS = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
  'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT',
]

function endpointVariable(env: CliIo['env']): string | undefined {
  return ENDPOINTS.find((name) => (env[name] ?? '') !== '')
}

/** `OTEL_TRACES_EXPORTER=none` and its likes leave one out. */
function signalsOf(env: CliIo['env']): ReadonlySet<Signal> {
  const all: readonly Signal[] = ['traces', 'metrics', 'logs']
  return new Set(all.filter((signal) => env[`OTEL_${signal.toUpperCase()}_EXPORTER`] !== 'none'))
}

/**
 * What the settings ask for is there, or nothing is started. A variable may be meant for another program that is started
 * from the same shell: then it is said, and the guard guards.
 */
async function openedTelemetry(
  options: TelemetryOptions,
  open: (options: TelemetryOptions) => Promise<Telemetry>,
  { settings, operational }: ExportParts,
): Promise<Telemetry | undefined> {
  try {
    return await open(options)
  } catch (error) {
    if (settings.telemetry || !(error instanceof GuardError)) throw error
    operational.warn({ why: error.message }, 'telemetry is not sent')
    return undefined
  }
}
