/** A record that somebody looks over: what was written is told before whoever wrote it goes on. */
import type { AuditLog } from '../model/port.ts'
import type { EntryBody } from '../model/record.ts'

/** `listener` must not throw: what it makes of an entry changes nothing about it. */
export function observed(log: AuditLog, listener: (entry: EntryBody) => void): AuditLog {
  const own = {
    append: async (entry: EntryBody, until?: 'kernel' | 'disk') => {
      const receipt = await log.append(entry, until)
      listener(entry)
      return receipt
    },
    close: () => log.close(),
  }
  return log.keep ? { ...own, keep: (name, text) => log.keep?.(name, text) } : own
}
