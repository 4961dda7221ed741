/** The operational log: what an operator reads when something is wrong. It goes to stderr or a file, never to stdout. */
import { pino } from 'pino'
import type { JsonObject } from '../model/json.ts'
import type { OperationalLog } from '../model/port.ts'
import type { LogLevel } from './settings.ts'

/** Bytes of log lines that may wait to be written. */
const MOST_WAITING = 4 * 1024 * 1024

export interface OperationalSettings {
  readonly level: LogLevel
  /** A file to append to; stderr without one. */
  readonly file?: string
}

export interface ClosableLog extends OperationalLog {
  /** Hands over what still waits. */
  close(): void
}

/** @throws Error when the file cannot be opened */
export function operationalLog({ level, file }: OperationalSettings): ClosableLog {
  // Asynchronous and bounded: an operator who does not read stderr must not stop the guard. What is over it is dropped.
  const destination = pino.destination(
    file === undefined
      ? { dest: 2, sync: false, maxLength: MOST_WAITING }
      : {
          dest: file,
          sync: false,
          maxLength: MOST_WAITING,
          append: true,
          mkdir: true,
          mode: 0o600,
        },
  )
  const stream = { write: (line: string): void => void destination.write(escaped(line)) }
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  const say =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (facts: JsonObject, message: string): void =>
      logger[name](facts, message)
  const close = (): void => {
    try {
      destination.flushSync()
    } catch {
      // Nobody reads it: what still waits is lost, and the guard ends all the same.
    }
  }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), close }
}

/** What would act on a terminal, or hide or reorder text, is written as JSON escapes it; pino escapes only below U+0020. */
function escaped(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
    char === '\n'
      ? char
      : [...char.matchAll(/[^]/g)]
          .map(([unit]) => `\\u${(unit ?? '').charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join(''),
  )
}
