/** Which log a guard writes: one that nobody holds, or a new one. The system lets go of it when the process dies. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { makeFolders } from '../model/folder.ts'
import { type FileLog, type LogOptions, openLog } from './log.ts'

export const LOGS = 'log'
const LOCK = 'lock.db'
/** Says why no guard goes on with the log beside it. */
export const ENDED = 'ended'

/** Each of which another guard that starts would have to take first. */
const MOST_NAMES = 16

const OWNER_FOLDER = 0o700
const OWNER_FILE = 0o600

export interface Claim {
  readonly log: FileLog
  /** The name of the log, which is that of its folder. */
  readonly name: string
  readonly dir: string
  /** Logs that could not be gone on with, and are kept as evidence. */
  readonly ended: readonly { readonly log: string; readonly why: string }[]
}

/** How the log is opened once it is known which. */
export type ClaimOptions = Omit<LogOptions, 'dir' | 'head' | 'release' | 'key'> & {
  /** Asked for once the folder is there. */
  readonly key?: () => NonNullable<LogOptions['key']>
  readonly acting?: Omit<LogOptions['head'], 'log'>
  /** Holds a file until the returned function is called, or the process dies; undefined where another process holds it. */
  readonly hold: (path: string) => (() => void) | undefined
}

/**
 * Opens a log of this state folder that nobody holds, or a new one of the given name, or one like it.
 *
 * @throws GuardError ERR_AUDIT_APPEND when none can be written.
 */
export function claimLog(state: string, name: string, options: ClaimOptions): Claim {
  const folder = join(state, LOGS)
  const ended: { log: string; why: string }[] = []
  for (const log of claimable(folder)) {
    const found = tried(join(folder, log), log, options)
    if (typeof found === 'object')
      return { log: found.log, name: log, dir: join(folder, log), ended }
    if (found !== undefined) ended.push({ log, why: found })
  }
  return { ...begun(folder, name, options), ended }
}

/** A new log. One that another guard found and took before this one held it is left to that guard. */
function begun(folder: string, name: string, options: ClaimOptions): Omit<Claim, 'ended'> {
  let dir = join(folder, name)
  try {
    for (let count = 1; count <= MOST_NAMES; count += 1) {
      const fresh = count === 1 ? name : `${name}-${count}`
      dir = join(folder, fresh)
      makeFolders(dir, (one) => mkdirSync(one, OWNER_FOLDER))
      const release = options.hold(join(dir, LOCK))
      if (release) return { log: openHeld(dir, fresh, { ...options, release }), name: fresh, dir }
    }
    throw new Error('another process holds it')
  } catch (cause) {
    if (cause instanceof GuardError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `the record \`${dir}\` cannot be written: ${why}`
    throw new GuardError('ERR_AUDIT_APPEND', message, { cause })
  }
}

/** Logs of this format that nobody gave up, the oldest first. Older formats have no lock. */
function claimable(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  const names = namesIn(folder)
  return names.filter((name) => {
    const dir = join(folder, name)
    return existsSync(join(dir, LOCK)) && !existsSync(join(dir, ENDED))
  })
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `the record \`${folder}\` cannot be written: ${why}`
    throw new GuardError('ERR_AUDIT_APPEND', message, { cause })
  }
}

/** Undefined where somebody holds it, a text where it cannot be gone on with. */
function tried(
  dir: string,
  name: string,
  options: ClaimOptions,
): { readonly log: FileLog } | string | undefined {
  const release = held(dir, options)
  if (!release) return undefined
  try {
    return { log: openHeld(dir, name, { ...options, release }) }
  } catch (error) {
    if (!(error instanceof GuardError) || error.code !== 'ERR_AUDIT_READ') throw error
    giveUp(dir, error.message)
    return error.message
  }
}

function openHeld(
  dir: string,
  name: string,
  options: ClaimOptions & { readonly release: () => void },
): FileLog {
  const { acting, hold: _, key, ...others } = options
  try {
    return openLog({ ...others, ...(key && { key: key() }), dir, head: { log: name, ...acting } })
  } catch (error) {
    options.release()
    throw error
  }
}

/** Said once: the next guard does not read all of it again. Where that cannot be said, it will. */
function giveUp(dir: string, why: string): void {
  try {
    writeFileSync(join(dir, ENDED), `${why}\n`, { mode: OWNER_FILE, flag: 'wx' })
  } catch {
    // Nothing is lost: the next guard finds out by itself.
  }
}

/** One that cannot be held, whatever the reason, is another's. */
function held(dir: string, { hold }: ClaimOptions): (() => void) | undefined {
  try {
    return hold(join(dir, LOCK))
  } catch {
    return undefined
  }
}
