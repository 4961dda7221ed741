/** The packages of OpenTelemetry are not installed with the guard: whoever sends telemetry installs them. */

/** With the versions that the guard is tested with; others may not go together. */
const PACKAGES: Readonly<Record<string, string>> = {
  '@opentelemetry/api': '1.10.0',
  '@opentelemetry/resources': '3.1.0',
  '@opentelemetry/sdk-trace': '3.1.0',
  '@opentelemetry/sdk-metrics': '3.1.0',
  '@opentelemetry/sdk-logs': '3.1.0',
  '@opentelemetry/exporter-trace-otlp-http': '0.301.0',
  '@opentelemetry/exporter-metrics-otlp-http': '0.301.0',
  '@opentelemetry/exporter-logs-otlp-http': '0.301.0',
}

/** What to do where an import failed because one of them is not there; undefined for any other failure. */
export function missingPackages(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') return undefined
  if (!error.message.includes('@opentelemetry/')) return undefined
  const all = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`)
  return `it needs packages of OpenTelemetry that are not installed: run \`npm install ${all.join(' ')}\` where the guard is installed`
}
