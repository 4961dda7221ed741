/** The operational log: what an operator reads when something is wrong. It goes to stderr or a file, never to stdout. */
import { pino } from 'pino'
import type { JsonObject } from '../model/json.ts'
import type { OperationalLog } from '../model/port.ts'
import type { LogLevel } from './settings.ts'

export interface OperationalSettings {
  readonly level: LogLevel
  /** A file to append to; stderr without one. */
  readonly file?: string
}

/** @throws Error when the file cannot be opened */
export function operationalLog({ level, file }: OperationalSettings): OperationalLog {
  const destination = pino.destination(
    file === undefined
      ? { dest: 2, sync: true }
      : { dest: file, sync: true, append: true, mkdir: true, mode: 0o600 },
  )
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  const say =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (facts: JsonObject, message: string): void =>
      logger[name](facts, message)
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}
