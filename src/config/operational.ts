/** The operational log: what an operator reads when something is wrong. It goes to stderr or a file, never to stdout. */
import { mkdirSync, openSync, write } from 'node:fs'
import { dirname } from 'node:path'
import { pino } from 'pino'
import { GuardError } from '../model/error.ts'
import { makeFolders } from '../model/folder.ts'
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import type { OperationalLog } from '../model/port.ts'
import { withoutSecrets } from '../model/secret-shape.ts'
import type { LogLevel } from './settings.ts'

/** Bytes of log lines that may wait to be written. */
const MOST_WAITING = 4 * 1024 * 1024

export interface OperationalSettings {
  readonly level: LogLevel
  /** A file to append to; stderr without one. */
  readonly file?: string
}

export interface ClosableLog extends OperationalLog {
  /** Hands over what still waits; resolves once that is written, lost, or has taken too long. */
  close(): Promise<void>
}

/** @throws GuardError ERR_LOG_FILE when the file cannot be opened */
export function operationalLog({ level, file }: OperationalSettings): ClosableLog {
  const destination = lineWriter(file === undefined ? STDERR : opened(file))
  const stream = { write: (line: string): void => destination.write(escaped(line)) }
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  const say =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (facts: JsonObject, message: string): void =>
      logger[name](masked(facts), withoutSecrets(message))
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    close: () => destination.close(),
  }
}

/** What went wrong may quote what an agent or an upstream sent. */
function masked(facts: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, mask(value)]))
}

function mask(value: Json): Json {
  if (typeof value === 'string') return withoutSecrets(value)
  if (isList(value)) return value.map(mask)
  return isObject(value) ? masked(value) : value
}

const STDERR = 2

function opened(file: string): number {
  try {
    makeFolders(dirname(file), (one) => mkdirSync(one))
    return openSync(file, 'a', 0o600)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GuardError('ERR_LOG_FILE', `the log \`${file}\` cannot be opened: ${why}`, { cause })
  }
}

interface LineWriter {
  write(line: string): void
  close(): Promise<void>
}

const NOTHING = Buffer.alloc(0)
const BUSY_MS = 50
/** How long the last lines may take. */
const CLOSE_MS = 500

/**
 * Asynchronous and bounded: an operator who does not read stderr, or a disk that is full, must not stop the guard.
 * What is over the bound, or cannot be written, is dropped. (pino's own destination tries for ever on a full disk.)
 */
function lineWriter(descriptor: number): LineWriter {
  let waiting = ''
  let writing = NOTHING
  let busy = false
  let drained = (): void => undefined
  const next = (): void => {
    if (busy) return
    if (writing.length === 0) {
      writing = Buffer.from(waiting)
      waiting = ''
    }
    busy = writing.length > 0
    if (busy) write(descriptor, writing, onWritten)
    else drained()
  }
  const goOn = (): void => {
    busy = false
    next()
  }
  const onWritten = (error: NodeJS.ErrnoException | null, written: number): void => {
    if (error?.code === 'EAGAIN') {
      setTimeout(goOn, BUSY_MS).unref()
      return
    }
    writing = error ? NOTHING : writing.subarray(written)
    goOn()
  }
  return {
    write: (line) => {
      if (waiting.length + line.length > MOST_WAITING) return
      const first = waiting === ''
      waiting += line
      if (first) queueMicrotask(next)
    },
    close: () =>
      new Promise((resolve) => {
        drained = resolve
        setTimeout(resolve, CLOSE_MS).unref()
        next()
      }),
  }
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
