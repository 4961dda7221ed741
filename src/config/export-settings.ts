/** Of `chaperone.yaml`: where metrics are served, and where telemetry is sent. */
import type { DocMap, DocNode, DocScalar } from '../model/document.ts'
import { engineUrlFault } from '../model/engine.ts'
import { isHost, isLoopback, isName, isPort } from './host.ts'
import {
  find,
  mapOf,
  type Reading,
  referenceIn,
  textOf,
  texts,
  valueOf,
} from './settings-member.ts'
import { expand } from './variable.ts'

export interface MetricsSettings {
  readonly host: string
  /** 0: whichever is free. */
  readonly port: number
  /** Names by which it is reached, in lower case. */
  readonly hosts: readonly string[]
}

export interface TelemetrySettings {
  /** The address of a collector that speaks OTLP over HTTP, without a path of a signal. */
  readonly otlp: string
  /** Never shown, never on record. */
  readonly headers: ReadonlyMap<string, string>
  readonly resource: ReadonlyMap<string, string>
}

export const METRICS_HOST = '127.0.0.1'
const METRICS_PORT = 9464

export function readMetrics(node: DocNode, reading: Reading): MetricsSettings | undefined {
  const { problems } = reading
  const map = mapOf(node, '`metrics`', ['host', 'port', 'hosts'], problems)
  if (!map) return undefined
  const [host, port] = [find(map, 'host'), find(map, 'port')]
  const said = host?.kind === 'scalar' ? host.value : undefined
  if (host && (typeof said !== 'string' || !isHost(said)))
    problems.error(host, 'host', '`host` is no address to listen on', 'write 127.0.0.1, or ::1')
  const number = port?.kind === 'scalar' ? port.value : undefined
  if (port && (typeof number !== 'number' || !isPort(number)))
    problems.error(port, 'port', '`port` is no port', 'write a number from 0 to 65535')
  const hosts = texts(find(map, 'hosts'), 'hosts', problems).flatMap((item) => {
    const name = item.value.toLowerCase()
    if (isName(name)) return [name]
    const remedy = 'write the name alone, without scheme and port: guard.example'
    problems.error(item, 'host', `\`${item.value}\` is no name of a host`, remedy)
    return []
  })
  const at = typeof said === 'string' ? said : METRICS_HOST
  if (host && !isLoopback(at) && hosts.length === 0) {
    const remedy = 'write `hosts: [guard.example]` where that is meant, or leave out `host`'
    const message = `whoever reaches ${at} could read the metrics, and no \`hosts\` say by which name`
    problems.error(host, 'public_metrics', message, remedy)
  }
  return { host: at, port: typeof number === 'number' ? number : METRICS_PORT, hosts }
}

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/
const HEADER_VALUE = /^[\t\u0020-\u007E]{1,8192}$/
const RESOURCE_NAME = /^[A-Za-z][\w.-]{0,127}$/
const LONGEST_RESOURCE = 256

export function readTelemetry(node: DocNode, reading: Reading): TelemetrySettings | undefined {
  const { problems } = reading
  const known = ['otlp', 'headers', 'resource', 'insecure'] as const
  const map = mapOf(node, '`telemetry`', known, problems)
  if (!map) return undefined
  const headers = readHeaders(find(map, 'headers'), reading)
  const resource = readResource(find(map, 'resource'), reading)
  const otlp = readAddress(map, reading)
  return otlp === undefined ? undefined : { otlp, headers, resource }
}

function readAddress(map: DocMap, reading: Reading): string | undefined {
  const { env, problems } = reading
  const node = find(map, 'otlp')
  if (!node) {
    const remedy = 'add `otlp: http://127.0.0.1:4318`'
    problems.error(map, 'missing_member', '`telemetry` without an `otlp`', remedy)
    return undefined
  }
  const insecure = find(map, 'insecure')
  const meant = insecure?.kind === 'scalar' && insecure.value === true
  if (insecure && (insecure.kind !== 'scalar' || typeof insecure.value !== 'boolean'))
    problems.error(insecure, 'wrong_type', '`insecure` must be true or false', 'leave it out')
  const text = textOf(node, 'otlp', problems)
  const url = text && expand(text.value, text, env, problems)
  if (url === undefined) return undefined
  const fault = engineUrlFault(url, meant)
  if (fault === undefined) return url.replace(/\/+$/, '')
  problems.error(node, 'otlp_url', `\`otlp\`: ${fault}`, 'write `otlp: https://collector.example`')
  return undefined
}

/** A header of a collector is a key to it: it stands in the environment. */
function readHeaders(node: DocNode | undefined, reading: Reading): ReadonlyMap<string, string> {
  const { problems } = reading
  const found = new Map<string, string>()
  for (const { key, at, text } of pairs(node, 'headers', reading)) {
    const name = referenceIn(text.value)
    if (!HEADER_NAME.test(key)) {
      problems.error(at, 'invalid_name', `\`${key}\` is no name of a header`, 'see RFC 9110')
    } else if (name === undefined) {
      const remedy = 'keep it in the environment and write `"${NAME}"`'
      problems.error(text, 'secret_in_clear', `\`headers.${key}\` is written in clear`, remedy)
    } else {
      const value = valueOf(name, text, reading)
      if (value === undefined) continue
      if (HEADER_VALUE.test(value)) found.set(key.toLowerCase(), value)
      else problems.error(text, 'header_value', `what \`${text.value}\` stands for cannot be sent`)
    }
  }
  return found
}

function readResource(node: DocNode | undefined, reading: Reading): ReadonlyMap<string, string> {
  const { env, problems } = reading
  const found = new Map<string, string>()
  for (const { key, at, text } of pairs(node, 'resource', reading)) {
    const value = expand(text.value, text, env, problems)
    if (!RESOURCE_NAME.test(key)) {
      const remedy = 'write it as OpenTelemetry does: deployment.environment.name'
      problems.error(at, 'invalid_name', `\`${key}\` is no name of an attribute`, remedy)
    } else if (value !== undefined) found.set(key, value.slice(0, LONGEST_RESOURCE))
  }
  return found
}

type Text = DocScalar & { readonly value: string }

function pairs(
  node: DocNode | undefined,
  what: string,
  { problems }: Reading,
): readonly { readonly key: string; readonly at: Pick<DocScalar, 'place'>; readonly text: Text }[] {
  if (!node) return []
  if (node.kind !== 'map') {
    problems.error(node, 'not_a_map', `\`${what}\` must be a map`, 'write a text for each name')
    return []
  }
  return node.entries.flatMap(({ key, keyPlace, value }) => {
    const text = textOf(value, `${what}.${key}`, problems)
    return text ? [{ key, at: { place: keyPlace }, text }] : []
  })
}
