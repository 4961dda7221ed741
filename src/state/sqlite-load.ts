/** The one door to `node:sqlite`: loaded when the first store is opened, so that whoever opens none waits for none. */
import type { DatabaseSync } from 'node:sqlite'

interface Sqlite {
  readonly DatabaseSync: typeof DatabaseSync
}

/** @throws Error where this Node has none */
export function loadSqlite(): Sqlite {
  const warn = process.emitWarning.bind(process)
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning')
  // Node 22 warns that the module is experimental. Loading is synchronous: no warning of anybody else falls in between.
  process.emitWarning = (warning, ...rest: unknown[]): void => {
    if (!isAboutSqlite(warning)) Reflect.apply(warn, undefined, [warning, ...rest])
  }
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    if (own) Object.defineProperty(process, 'emitWarning', own)
  }
}

function isAboutSqlite(warning: string | Error): boolean {
  return typeof warning === 'string' && warning.startsWith('SQLite is an experimental feature')
}
