/** The settings in force as they go on record: everything that decides how the guard behaves, and no secret. */
import type { Json, JsonObject } from '../model/json.ts'
import { withoutSecrets } from '../model/secret-shape.ts'
import type { Settings } from './settings.ts'

/** Of webhooks their names alone: an address may hold a secret, too. */
export function settingsObject(settings: Settings): JsonObject {
  const { webhooks, audit, metrics, telemetry, ...plain } = settings
  const { fields, rotateBytes, key } = audit
  const shown = Object.entries(plain).flatMap(([name, value]): [string, Json][] =>
    value === undefined ? [] : [[name, masked(value)]],
  )
  return {
    ...Object.fromEntries(shown),
    webhooks: [...webhooks.keys()].toSorted(),
    ...(metrics && { metrics: { host: metrics.host, port: metrics.port, hosts: metrics.hosts } }),
    // Headers are shown to a collector as credentials are.
    ...(telemetry && {
      telemetry: {
        otlp: withoutSecrets(telemetry.otlp),
        headers: [...telemetry.headers.keys()].toSorted(),
      },
    }),
    audit: {
      ...(fields && {
        fields: Object.fromEntries(
          [...fields].map(([tool, classes]) => [tool, Object.fromEntries(classes)]),
        ),
      }),
      ...(rotateBytes !== undefined && { rotate: rotateBytes }),
      ...(key !== undefined && { key }),
    },
  }
}

type Plain = string | number | readonly string[]

function masked(value: Plain): Json {
  if (typeof value === 'number') return value
  return typeof value === 'string' ? withoutSecrets(value) : value.map((one) => withoutSecrets(one))
}
