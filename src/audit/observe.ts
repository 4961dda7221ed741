/** Tells others of what goes on record. Nothing that they do, or fail to do, reaches whoever appends. */
import type { AuditLog } from '../model/port.ts'
import type { Acting, EntryBody, Receipt } from '../model/record.ts'
import type { FileLog } from './log.ts'

/** One entry, after the record took it or refused to. */
export interface Seen {
  readonly entry: EntryBody
  /** Absent where it could not be written: whatever it was about was refused. */
  readonly receipt?: Receipt
  /** Whose it is, in a log that several agents share, or that is one agent's alone. */
  readonly acting?: Acting
}

/**
 * Told of each entry once, in the order in which their writes ended, and before whoever appended it goes on: it has to be
 * quick. What it throws is dropped.
 */
export type Observer = (seen: Seen) => void

/** The log, with observers. Where there are none it is the log itself. */
export function observed(log: AuditLog, observers: readonly Observer[], acting?: Acting): AuditLog {
  if (observers.length === 0) return log
  return {
    append: appending(log, observers, acting),
    keep: (name, text) => log.keep?.(name, text),
    close: () => log.close(),
  }
}

/** The same for the log on disk, and for what each agent does in it. */
export function observedFile(
  log: FileLog,
  observers: readonly Observer[],
  acting?: Acting,
): FileLog {
  if (observers.length === 0) return log
  return {
    append: appending(log, observers, acting),
    keep: (name, text) => log.keep?.(name, text),
    close: () => log.close(),
    putObject: (bytes) => log.putObject(bytes),
    under: (one) => observed(log.under(one), observers, one),
    writable: () => log.writable(),
  }
}

function appending(
  log: AuditLog,
  observers: readonly Observer[],
  acting: Acting | undefined,
): AuditLog['append'] {
  const who = acting && { acting }
  const tell = (seen: Seen): void => {
    for (const observer of observers) {
      try {
        observer(seen)
      } catch {
        // A fault of whoever only looks on is no reason to refuse a call.
      }
    }
  }
  return (entry, until) => {
    const written = log.append(entry, until)
    written.then(
      (receipt) => tell({ entry, receipt, ...who }),
      () => tell({ entry, ...who }),
    )
    return written
  }
}
