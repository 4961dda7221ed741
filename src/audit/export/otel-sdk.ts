/** The SDK of OpenTelemetry, put together: traces, metrics and logs over OTLP/HTTP. Loaded where telemetry is configured, and nowhere else. */
import { ROOT_CONTEXT, SeverityNumber, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Context, Logger, Tracer } from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { hrTime, metricProducer } from './otel-metrics.ts'
import { OWN } from './names.ts'
import type { LogFacts, Parent, SpanFacts } from './span.ts'
import type { Signal, TelemetryOptions } from './telemetry.ts'

/** How long one export may take, and how often metrics are sent unless the environment says otherwise. */
const EXPORT_MS = 10_000
const INTERVAL_MS = 60_000
/** Spans and log lines that wait to be sent: more are dropped. */
const MOST_WAITING = 2048

export interface Sdk {
  /** Sends the span; a log line about the same call belongs to it. */
  span(facts: SpanFacts, log?: LogFacts): void
  log(facts: LogFacts): void
  /** Sends what waits. Rejects where that fails. */
  shutdown(): Promise<void>
}

export function openSdk(options: TelemetryOptions): Sdk {
  const resource = resourceOf(options)
  const { version, signals } = options
  const tracing = signals.has('traces') ? tracerProvider(options, resource) : undefined
  const logging = signals.has('logs') ? loggerProvider(options, resource) : undefined
  const metering = signals.has('metrics') ? meterProvider(options, resource) : undefined
  const tracer = tracing?.getTracer(OWN.scope, version)
  const logger = logging?.getLogger(OWN.scope, version)
  return {
    span: (facts, log) => {
      const context = tracer ? sendSpan(tracer, facts) : remote(facts.parent)
      if (log && logger) sendLog(logger, log, context)
    },
    log: (facts) => logger && sendLog(logger, facts, ROOT_CONTEXT),
    shutdown: async () => {
      const all = [tracing, logging, metering].flatMap((one) => (one ? [one.shutdown()] : []))
      const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected')
      if (failed) throw new Error('the last of the telemetry could not be sent')
    },
  }
}

function sendSpan(tracer: Tracer, facts: SpanFacts): Context {
  const { name, start, end, attributes, error, parent } = facts
  const given = { kind: SpanKind.SERVER, startTime: hrTime(start), attributes }
  const span = tracer.startSpan(name, given, remote(parent))
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(hrTime(end))
  return trace.setSpan(ROOT_CONTEXT, span)
}

function remote(parent: Parent | undefined): Context {
  if (!parent) return ROOT_CONTEXT
  const { traceId, spanId, flags: traceFlags } = parent
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function sendLog(
  logger: Logger,
  { at, name, level, text, attributes }: LogFacts,
  context: Context,
): void {
  logger.emit({
    timestamp: hrTime(at),
    observedTimestamp: hrTime(at),
    eventName: name,
    severityNumber: level === 'warn' ? SeverityNumber.WARN : SeverityNumber.INFO,
    severityText: level.toUpperCase(),
    body: text,
    attributes,
    context,
  })
}

function resourceOf({ resource }: TelemetryOptions): Resource {
  const environment = detectResources({ detectors: [resourceAttributesEnvDetector] })
  return defaultResource()
    .merge(environment)
    .merge(resourceFromAttributes(Object.fromEntries(resource)))
}

/** Without an address the exporters read it, and their headers, from the standard variables. */
function reach(
  { otlp, headers }: TelemetryOptions,
  signal: Signal,
): { url?: string; headers?: Record<string, string>; timeoutMillis: number } {
  const timeoutMillis = EXPORT_MS
  if (otlp === undefined) return { timeoutMillis }
  return { url: `${otlp}/v1/${signal}`, headers: Object.fromEntries(headers), timeoutMillis }
}

function batch<Exporter>(exporter: Exporter) {
  return { exporter, maxQueueSize: MOST_WAITING, exportTimeoutMillis: EXPORT_MS }
}

function tracerProvider(options: TelemetryOptions, resource: Resource): TracerProvider {
  const exporter = counted(new OTLPTraceExporter(reach(options, 'traces')), 'traces', options)
  return new TracerProvider({
    resource,
    // Whether a call is seen is not for the agent to say.
    sampler: new AlwaysOnSampler(),
    spanProcessors: [new BatchSpanProcessor(batch(exporter))],
  })
}

function loggerProvider(options: TelemetryOptions, resource: Resource): LoggerProvider {
  const exporter = counted(new OTLPLogExporter(reach(options, 'logs')), 'logs', options)
  return new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor(batch(exporter))],
  })
}

function meterProvider(options: TelemetryOptions, resource: Resource): MeterProvider {
  const { clock, version, collect, intervalMs = INTERVAL_MS } = options
  const reader = new PeriodicExportingMetricReader({
    exporter: counted(new OTLPMetricExporter(reach(options, 'metrics')), 'metrics', options),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(EXPORT_MS, intervalMs),
    metricProducers: [metricProducer(collect, { resource, clock, version })],
  })
  return new MeterProvider({ resource, readers: [reader] })
}

/** As the SDK's exporters answer. */
interface Sent {
  readonly code: number
  readonly error?: Error
}

interface Exporting<Items> {
  export(items: Items, done: (sent: Sent) => void): void
}

/** Says what could not be sent; the SDK itself would only drop it. */
function counted<Items, Exporter extends Exporting<Items>>(
  exporter: Exporter & Exporting<Items>,
  signal: Signal,
  { onFailed }: TelemetryOptions,
): Exporter {
  const send = exporter.export.bind(exporter)
  exporter.export = (items, done) =>
    send(items, (sent) => {
      if (sent.code !== 0) onFailed(signal, sent.error?.message ?? 'it was refused')
      done(sent)
    })
  return exporter
}
