/** The door to `node:sqlite` for indexes of logs: loaded when the first of them is opened. */
import type { DatabaseSync } from 'node:sqlite'

/** @throws Error where this Node has none, or the file cannot be opened */
export function openDatabase(path: string): DatabaseSync {
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning')
  // Node 22 warns that the module is experimental; loading it is synchronous, so no other warning is lost.
  process.emitWarning = (): void => undefined
  try {
    const sqlite = process.getBuiltinModule('node:sqlite')
    return new sqlite.DatabaseSync(path)
  } finally {
    if (own) Object.defineProperty(process, 'emitWarning', own)
    else Reflect.deleteProperty(process, 'emitWarning')
  }
}
