/** The guard's settings: flags of the launch line first, then the environment, then `chaperone.yaml`, then a default that works. */
import { resolve } from 'node:path'
import { ENVIRONMENTS, type Environment, RISK_POSTURES, type RiskPosture } from '../model/call.ts'
import { nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { durationMs } from '../model/time.ts'
import type { AuditSettings } from './audit-settings.ts'
import type { Env } from './env.ts'
import type { MetricsSettings, TelemetrySettings } from './export-settings.ts'
import { bytesOf } from './bytes.ts'
import { isHost } from './host.ts'
import type { Webhooks } from './webhooks.ts'

export type { Env } from './env.ts'

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What of a call is kept whole beside what rules read of it. */
export const CAPTURES = ['none', 'arguments'] as const
export type Capture = (typeof CAPTURES)[number]

/** What `chaperone.yaml` may say in place of flags. */
export interface FileSettings {
  readonly environment?: Environment
  readonly risk?: RiskPosture
  /** Absolute. */
  readonly policies?: string
  readonly capture?: Capture
  readonly audit?: AuditSettings
  readonly webhooks: Webhooks
  readonly metrics?: MetricsSettings
  readonly telemetry?: TelemetrySettings
}

export interface Settings {
  /** Who the launch line says is calling; absent when it does not say. */
  readonly agent?: string
  readonly environment: Environment
  /** The least that the risk posture is, whatever an operator says of it. */
  readonly risk: RiskPosture
  /** Absolute; absent: the default state directory of this platform. */
  readonly stateDir?: string
  /** How long an upstream may take to start, and to answer one call, in milliseconds. */
  readonly startTimeoutMs: number
  readonly callTimeoutMs: number
  /** Results larger than this many bytes are refused. */
  readonly maxResultBytes: number
  readonly logLevel: LogLevel
  /** Absolute; absent: stderr. */
  readonly logFile?: string
  /** Absolute; absent: the lock file beside the mandate or the upstreams, where there is one. */
  readonly lock?: string
  /** Absolute; absent: the folder `policies` that is found. */
  readonly policies?: string
  readonly capture: Capture
  /** Which run of the mandate it is: labels and counts are those of one. */
  readonly task: string
  readonly audit: AuditSettings
  /** Whom policies can notify. */
  readonly webhooks: Webhooks
  /** Where metrics are served; absent: nowhere. */
  readonly metrics?: MetricsSettings
  /** Where telemetry is sent; absent: as the environment says. */
  readonly telemetry?: TelemetrySettings
  /** Own files, or folders, that the agent may write all the same. */
  readonly allowWritable: readonly string[]
}

/** The flags that settings are read from, as `parseArgs` returns them. */
export interface SettingFlags {
  readonly agent?: string | undefined
  readonly environment?: string | undefined
  readonly risk?: string | undefined
  readonly 'state-dir'?: string | undefined
  readonly 'start-timeout'?: string | undefined
  readonly 'call-timeout'?: string | undefined
  readonly 'max-result'?: string | undefined
  readonly 'log-level'?: string | undefined
  readonly 'log-file'?: string | undefined
  readonly lock?: string | undefined
  readonly policies?: string | undefined
  readonly capture?: string | undefined
  readonly task?: string | undefined
  readonly 'allow-writable'?: readonly string[] | undefined
}

/** How `serve` listens, as far as the launch line says. */
export interface ServeSettings {
  readonly host?: string
  /** 0: whichever is free. */
  readonly port?: number
  /** Sessions of legacy agents at once. */
  readonly maxSessions?: number
  /** A session that nobody used for so long is over, in milliseconds. */
  readonly sessionIdleMs: number
  /** 0: whichever is free; absent: as the settings say. */
  readonly metricsPort?: number
}

/** The flags that these are read from. */
export interface ServeFlags {
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly 'max-sessions'?: string | undefined
  readonly 'session-idle'?: string | undefined
  readonly 'metrics-port'?: string | undefined
}

export const SERVE_OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'max-sessions': { type: 'string' },
  'session-idle': { type: 'string' },
  'metrics-port': { type: 'string' },
} as const

/** What `parseArgs` is told about them. */
export const SETTING_OPTIONS = {
  agent: { type: 'string' },
  environment: { type: 'string' },
  risk: { type: 'string' },
  'state-dir': { type: 'string' },
  'start-timeout': { type: 'string' },
  'call-timeout': { type: 'string' },
  'max-result': { type: 'string' },
  'log-level': { type: 'string' },
  'log-file': { type: 'string' },
  lock: { type: 'string' },
  policies: { type: 'string' },
  capture: { type: 'string' },
  task: { type: 'string' },
  'allow-writable': { type: 'string', multiple: true },
} as const

interface Setting<Flag extends string = Exclude<keyof SettingFlags, 'allow-writable'>> {
  readonly flag: Flag
  readonly variable: string
}

const AGENT: Setting = { flag: 'agent', variable: 'CHAPERONE_AGENT' }
const ENVIRONMENT: Setting = { flag: 'environment', variable: 'CHAPERONE_ENVIRONMENT' }
const RISK: Setting = { flag: 'risk', variable: 'CHAPERONE_RISK' }
const STATE: Setting = { flag: 'state-dir', variable: 'CHAPERONE_STATE_DIR' }
const START: Setting = { flag: 'start-timeout', variable: 'CHAPERONE_START_TIMEOUT' }
const CALL: Setting = { flag: 'call-timeout', variable: 'CHAPERONE_CALL_TIMEOUT' }
const RESULT: Setting = { flag: 'max-result', variable: 'CHAPERONE_MAX_RESULT' }
const LEVEL: Setting = { flag: 'log-level', variable: 'CHAPERONE_LOG_LEVEL' }
const FILE: Setting = { flag: 'log-file', variable: 'CHAPERONE_LOG_FILE' }
const LOCK: Setting = { flag: 'lock', variable: 'CHAPERONE_LOCK' }
const POLICIES: Setting = { flag: 'policies', variable: 'CHAPERONE_POLICIES' }
const CAPTURE: Setting = { flag: 'capture', variable: 'CHAPERONE_CAPTURE' }
const TASK: Setting = { flag: 'task', variable: 'CHAPERONE_TASK' }

const HOST: Setting<keyof ServeFlags> = { flag: 'host', variable: 'CHAPERONE_HOST' }
const PORT: Setting<keyof ServeFlags> = { flag: 'port', variable: 'CHAPERONE_PORT' }
const SESSIONS: Setting<keyof ServeFlags> = {
  flag: 'max-sessions',
  variable: 'CHAPERONE_MAX_SESSIONS',
}
const IDLE: Setting<keyof ServeFlags> = {
  flag: 'session-idle',
  variable: 'CHAPERONE_SESSION_IDLE',
}
const METRICS: Setting<keyof ServeFlags> = {
  flag: 'metrics-port',
  variable: 'CHAPERONE_METRICS_PORT',
}

const NAME = /^[^\s\p{C}]{1,128}$/u
/** Of whoever names none: a guard that is started again goes on with it. */
export const USUAL_TASK = 'default'
const LONGEST_TIMEOUT_MS = 86_400_000
const LARGEST_RESULT = 1024 * 1024 * 1024

const NO_AUDIT: AuditSettings = {}
const NO_FILE: FileSettings = { webhooks: new Map() }

/**
 * Relative paths are taken from `cwd`; `file` is what `chaperone.yaml` says.
 *
 * @throws GuardError ERR_USAGE naming the flag or variable, and what was expected.
 */
export function readSettings(
  flags: SettingFlags,
  env: Env,
  cwd: string,
  file: FileSettings = NO_FILE,
): Settings {
  const given = (setting: Setting): Given | undefined => find(setting, flags, env)
  const agent = given(AGENT)
  const stateDir = given(STATE)
  const logFile = given(FILE)
  const lock = given(LOCK)
  const policies = given(POLICIES)
  const folder = policies ? resolve(cwd, policies.text) : file.policies
  return {
    ...(agent && { agent: plainName(agent, 'agent') }),
    environment: oneOf(ENVIRONMENTS, given(ENVIRONMENT)) ?? file.environment ?? 'dev',
    risk: oneOf(RISK_POSTURES, given(RISK)) ?? file.risk ?? 'normal',
    ...(stateDir && { stateDir: resolve(cwd, stateDir.text) }),
    startTimeoutMs: timeout(given(START)) ?? 20_000,
    callTimeoutMs: timeout(given(CALL)) ?? 60_000,
    maxResultBytes: size(given(RESULT)) ?? 16 * 1024 * 1024,
    logLevel: oneOf(LOG_LEVELS, given(LEVEL)) ?? 'info',
    ...(logFile && { logFile: resolve(cwd, logFile.text) }),
    ...(lock && { lock: resolve(cwd, lock.text) }),
    ...(folder !== undefined && { policies: folder }),
    capture: oneOf(CAPTURES, given(CAPTURE)) ?? file.capture ?? 'none',
    task: taskOf(given(TASK)),
    audit: file.audit ?? NO_AUDIT,
    webhooks: file.webhooks,
    ...exportsOf(file),
    allowWritable: (flags['allow-writable'] ?? []).map((path) => resolve(cwd, path)),
  }
}

function taskOf(given: Given | undefined): string {
  return given ? plainName(given, 'task') : USUAL_TASK
}

function exportsOf({ metrics, telemetry }: FileSettings): Pick<Settings, 'metrics' | 'telemetry'> {
  return { ...(metrics && { metrics }), ...(telemetry && { telemetry }) }
}

const MOST_SESSIONS = 100_000
const SESSION_IDLE_MS = 1_800_000

/** @throws GuardError ERR_USAGE naming the flag or variable, and what was expected. */
export function readServeSettings(flags: ServeFlags, env: Env): ServeSettings {
  const given = (setting: Setting<keyof ServeFlags>): Given | undefined => find(setting, flags, env)
  const host = given(HOST)
  if (host && !isHost(host.text))
    throw wrong(host.name, `is \`${host.text}\``, 'expected an address such as 127.0.0.1 or ::1')
  const port = whole(given(PORT), 0, 65_535)
  const maxSessions = whole(given(SESSIONS), 1, MOST_SESSIONS)
  const metricsPort = whole(given(METRICS), 0, 65_535)
  return {
    ...(host && { host: host.text }),
    ...(port !== undefined && { port }),
    ...(maxSessions !== undefined && { maxSessions }),
    sessionIdleMs: timeout(given(IDLE)) ?? SESSION_IDLE_MS,
    ...(metricsPort !== undefined && { metricsPort }),
  }
}

function whole(given: Given | undefined, least: number, most: number): number | undefined {
  if (!given) return undefined
  const value = /^\d{1,9}$/.test(given.text) ? Number(given.text) : Number.NaN
  if (value >= least && value <= most) return value
  throw wrong(given.name, `is \`${given.text}\``, `expected a number from ${least} to ${most}`)
}

interface Given {
  readonly name: string
  readonly text: string
}

/** An empty value is no value that anybody meant: it is refused rather than taken for the default. */
function find<Flag extends string>(
  setting: Setting<Flag>,
  flags: Readonly<Partial<Record<Flag, string | undefined>>>,
  env: Env,
): Given | undefined {
  const flag = flags[setting.flag]
  const given =
    flag === undefined
      ? { name: setting.variable, text: env[setting.variable] }
      : { name: `--${setting.flag}`, text: flag }
  if (given.text === undefined) return undefined
  if (given.text.trim() === '') throw wrong(given.name, 'has no value', 'leave it out, or say one')
  return { name: given.name, text: given.text }
}

function plainName(given: Given, what: 'agent' | 'task'): string {
  if (NAME.test(given.text)) return given.text
  throw wrong(given.name, `is no ${what} name`, 'up to 128 characters without spaces')
}

function oneOf<T extends string>(choices: readonly T[], given: Given | undefined): T | undefined {
  if (!given) return undefined
  const found = choices.find((choice) => choice === given.text)
  if (found !== undefined) return found
  const near = nearest(given.text, choices)
  const hint = near === undefined ? '' : `, did you mean \`${near}\`?`
  throw wrong(given.name, `is \`${given.text}\``, `expected one of ${choices.join(', ')}${hint}`)
}

/** `20s`, `2m`, or a plain number of seconds. */
function timeout(given: Given | undefined): number | undefined {
  if (!given) return undefined
  const ms = /^\d{1,6}$/.test(given.text) ? Number(given.text) * 1000 : durationMs(given.text)
  if (ms !== undefined && ms > 0 && ms <= LONGEST_TIMEOUT_MS) return ms
  throw wrong(given.name, `is \`${given.text}\``, 'expected a time such as 20s or 2m, at most 24h')
}

/** `16MiB`, `512KiB`, or a plain number of bytes. */
function size(given: Given | undefined): number | undefined {
  if (!given) return undefined
  const bytes = bytesOf(given.text) ?? 0
  if (bytes >= 1024 && bytes <= LARGEST_RESULT) return bytes
  throw wrong(given.name, `is \`${given.text}\``, 'expected a size such as 16MiB, 1KiB to 1GiB')
}

function wrong(name: string, what: string, expected: string): GuardError {
  return new GuardError('ERR_USAGE', `${name} ${what} (${expected})`)
}
