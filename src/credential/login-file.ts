/**
 * The file in which the logins at one upstream are kept, for its owner alone. It is not encrypted: whoever can read the
 * files of this user can read it. Beside it lie what the upstream wanted last, and a lock while a token is renewed.
 */
import { hash, randomUUID } from 'node:crypto'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { makeFolders } from '../model/folder.ts'
import { LOGINS, LOGIN_ENDING, type Challenge } from '../model/login.ts'
import type { Timers } from '../model/port.ts'
import { isObject, type JsonObject, member } from '../model/json.ts'
import { isWebUrl } from './challenge.ts'
import { keptText, optional, readKept, type Kept } from './kept.ts'
import { scopesIn } from '../model/scope.ts'

/** An upstream as a login knows it. A token of one is never looked for under another. */
export interface Place {
  readonly server: string
  readonly url: string
}

/** Query and fragment left out: a token is for what stands at the path. */
export function placeOf({ server, url }: Place): Place {
  const { origin, pathname } = new URL(url)
  return { server, url: `${origin}${pathname}` }
}

const LARGEST = 256 * 1024
const POLL_MS = 50
/** Longer than a renewal may take: whoever holds the lock for so long is gone. */
const PATIENCE_MS = 30_000

export class LoginFile {
  readonly place: Place
  readonly path: string

  /** `stateDir` is the guard's state folder. Nothing is made before something is written. */
  constructor(stateDir: string, upstream: Place) {
    this.place = placeOf(upstream)
    const { server, url } = this.place
    const name = hash('sha256', JSON.stringify([server, url]), 'hex').slice(0, 32)
    this.path = join(stateDir, LOGINS, `${server}-${name}${LOGIN_ENDING}`)
  }

  /** Differs when the file does; undefined where there is none. */
  stamp(): string | undefined {
    const found = statSync(this.path, { throwIfNoEntry: false })
    return found && `${found.ino} ${found.size} ${found.mtimeMs}`
  }

  /**
   * Undefined where nothing is kept.
   *
   * @throws GuardError ERR_LOGIN_FAILED for what others could have read or written, or is not of this form
   */
  read(): Kept | undefined {
    const text = readOwn(this.path)
    if (text === undefined) return undefined
    const kept = readKept(text)
    const { server, url } = this.place
    if (kept?.server === server && kept.url === url) return kept
    const remedy = 'remove it, and log in again'
    throw failed(`\`${this.path}\` holds no login that can be read here (${remedy})`)
  }

  /** @throws GuardError ERR_LOGIN_FAILED */
  write(kept: Kept): void {
    writeOwn(this.path, keptText(kept))
  }

  /** What the upstream wanted when it last refused what it was shown; undefined where it has not since. */
  challenge(): Challenge | undefined {
    try {
      const text = readOwn(this.#challengePath)
      if (text === undefined) return undefined
      const value: unknown = JSON.parse(text)
      return isObject(value) ? challengeIn(value) : {}
    } catch {
      // Written by whoever refused: what cannot be read says nothing, but that it was refused.
      return {}
    }
  }

  /** @throws GuardError ERR_LOGIN_FAILED */
  keepChallenge({ metadataUrl, scopes }: Challenge): void {
    const form = { metadataUrl, scope: scopes?.join(' ') }
    writeOwn(this.#challengePath, `${JSON.stringify(form)}\n`)
  }

  forgetChallenge(): void {
    rmSync(this.#challengePath, { force: true })
  }

  /** Nothing of this upstream is left. */
  remove(): void {
    rmSync(this.path, { force: true })
    this.forgetChallenge()
  }

  get #challengePath(): string {
    return this.path.replace(/json$/, 'challenge')
  }

  /**
   * Does it while no other process does: a token that is renewed twice at once is lost, as its server takes the second for
   * theft (OAuth 2.1 §4.3.1).
   *
   * @throws GuardError ERR_LOGIN_FAILED when it cannot be tried, or the signal says that it is not waited for any more
   */
  async alone<T>(timers: Timers, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const path = this.path.replace(/json$/, 'lock')
    const mine = randomUUID()
    let before: string | undefined
    for (let waited = 0; !taken(path, mine); waited += POLL_MS) {
      if (signal?.aborted === true) throw failed('it was interrupted')
      const holder = holderOf(path)
      if (holder !== before) waited = 0
      before = holder
      if (waited >= PATIENCE_MS) rmSync(path, { force: true })
      else await new Promise<void>((resolve) => void timers.after(POLL_MS, resolve))
    }
    try {
      return await work()
    } finally {
      if (holderOf(path) === mine) rmSync(path, { force: true })
    }
  }
}

function challengeIn(value: JsonObject): Challenge {
  const url = member(value, 'metadataUrl')
  const scope = member(value, 'scope')
  return {
    ...optional('metadataUrl', typeof url === 'string' && isWebUrl(url) ? url : undefined),
    ...optional('scopes', typeof scope === 'string' ? scopesIn(scope) : undefined),
  }
}

function taken(path: string, mine: string): boolean {
  try {
    makeFolder(dirname(path))
    writeFileSync(path, mine, { flag: 'wx', mode: OWNER_FILE })
    return true
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false
    throw failed(`\`${path}\` cannot be made: ${codeOf(cause)}`, cause)
  }
}

/** Empty while it is being written. */
function holderOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Nobody holds it any more.
    return undefined
  }
}

const OWNER_FOLDER = 0o700
const OWNER_FILE = 0o600
const OTHERS = 0o077

function readOwn(path: string): string | undefined {
  let found: Stats | undefined
  try {
    found = lstatSync(path, { throwIfNoEntry: false })
    if (!found) return undefined
    if (!found.isFile() || found.size > LARGEST) throw failed(`\`${path}\` is no login`)
    mustBeOwn(path, found)
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof GuardError) throw cause
    throw failed(`\`${path}\` cannot be read: ${codeOf(cause)}`, cause)
  }
}

/** It appears whole under its name, or not at all. */
function writeOwn(path: string, text: string): void {
  const part = `${path}.${randomUUID()}.part`
  try {
    makeFolder(dirname(path))
    const file = openSync(part, 'wx', OWNER_FILE)
    try {
      writeFileSync(file, text, { flush: true })
    } finally {
      closeSync(file)
    }
    renameSync(part, path)
  } catch (cause) {
    rmSync(part, { force: true })
    if (cause instanceof GuardError) throw cause
    throw failed(`\`${path}\` cannot be written: ${codeOf(cause)}`, cause)
  }
}

function makeFolder(folder: string): void {
  makeFolders(folder, (one) => mkdirSync(one, OWNER_FOLDER))
  const found = lstatSync(folder)
  if (!found.isDirectory()) throw failed(`\`${folder}\` is no folder`)
  mustBeOwn(folder, found)
}

/** Where users are told apart by the system (not on Windows, where the profile's own rights hold). */
function mustBeOwn(path: string, { mode, uid }: Stats): void {
  const user = process.getuid?.()
  if (user === undefined || ((mode & OTHERS) === 0 && uid === user)) return
  const remedy = uid === user ? 'take the rights of others away: chmod go= …' : 'remove it'
  throw failed(`\`${path}\` is not its owner's alone (${remedy})`)
}

function failed(why: string, cause?: unknown): GuardError {
  return new GuardError('ERR_LOGIN_FAILED', why, cause === undefined ? {} : { cause })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'a fault'
}
