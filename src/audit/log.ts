/**
 * The record of one guard: an append-only file of canonical JSON lines, each naming the hash of the one before it.
 *
 * An entry counts as written when the kernel has it, so it survives the guard's death and not a power cut: waiting
 * for the disk before a call that changes the world is not part of this version.
 */
import { hash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { instant, type Sha256 } from '../model/id.ts'
import type { AuditLog, Clock } from '../model/port.ts'
import type { Acting, EntryBody, Receipt, RecordHead } from '../model/record.ts'
import { Chain, type WriteEntry } from './chain.ts'
import { KEY_BYTES, keyedDigest } from './digest.ts'
import { readFrom, realDisk, writeWhole, type Disk } from './disk.ts'
import { entryWriter, type WriteOptions } from './entry.ts'
import { keepObject } from './objects.ts'
import { logFileName, logFiles, readTail, type Tail } from './tail.ts'

export const KEY_FILE = 'args.key'
export const OBJECTS = 'objects'
const MOST_KEPT = 100_000

export interface LogOptions extends WriteOptions {
  /** The folder of this log alone; made when it is not there. */
  readonly dir: string
  readonly head: RecordHead
  /** Dates the entry about a recovery, and times the looks at the file. */
  readonly clock?: Clock
  /**
   * For how many milliseconds a look at the file holds: whether it is still there and only this log writes it. A write
   * after that looks again, so whoever calls less often than this has every write checked. Default 0: every write.
   */
  readonly lookHoldsMs?: number
  readonly disk?: Disk
}

export interface FileLog extends AuditLog {
  /**
   * Keeps bytes that entries name by their hash, as `objects/<SHA-256>` in the folder of the log.
   *
   * @throws GuardError ERR_AUDIT_APPEND when they could not be kept.
   */
  putObject(bytes: Uint8Array): Sha256
  /** The same log for what one agent does under its mandate: each of its entries says so. Closing it closes nothing. */
  under(acting: Acting): AuditLog
  /** True while entries can be written, as far as can be told without writing one. */
  writable(): boolean
}

/**
 * Opens the log in a folder, and goes on where it ends. What a crash left of a last entry is moved to a file beside
 * it, and an entry `log_recovered` says so.
 *
 * @throws GuardError ERR_AUDIT_READ when what stands there cannot be continued, ERR_AUDIT_APPEND when nothing can be
 * written there.
 */
export function openLog(options: LogOptions): FileLog {
  const { dir, head, disk = realDisk } = options
  try {
    disk.makeFolder(dir)
    const opened = openFile(disk, dir, head.log)
    const digest = keyedDigest(argsKey(disk, dir))
    const writer = (acting: Partial<Acting>): WriteEntry =>
      entryWriter({ log: head.log, ...acting }, digest, options)
    const chain = new Chain(writer(head), { seq: opened.tail.seq, prev: opened.tail.prev })
    const look = { holdsMs: options.lookHoldsMs ?? 0, clock: options.clock }
    const log = new LogOnDisk({ disk, dir, opened, chain, look, writer })
    const now = options.clock?.now() ?? instant(Date.now())
    if (opened.tail.torn.length > 0) log.recover(opened.tail, now)
    return log
  } catch (cause) {
    if (cause instanceof GuardError) throw cause
    throw unwritable(dir, cause)
  }
}

interface Opened {
  readonly path: string
  readonly file: number
  readonly inode: number
  readonly tail: Tail
}

function openFile(disk: Disk, dir: string, log: string): Opened {
  const last = logFiles(disk.list(dir)).at(-1)
  const firstSeq = last?.firstSeq ?? 0
  const path = join(dir, logFileName(firstSeq))
  const file = disk.open(path, last ? 'existing' : 'new')
  try {
    const { inode, regular } = disk.state(file)
    if (!regular) throw new GuardError('ERR_AUDIT_READ', `\`${path}\` is no regular file`)
    return { path, file, inode, tail: readTail(disk, file, { path, log, firstSeq }) }
  } catch (error) {
    disk.close(file)
    throw error
  }
}

/** Whoever has this key can tell which arguments a digest stands for, by trying. */
function argsKey(disk: Disk, dir: string): Uint8Array {
  const path = join(dir, KEY_FILE)
  if (!disk.exists(path)) writeWhole(disk, path, randomBytes(KEY_BYTES))
  const file = disk.open(path, 'existing')
  try {
    const key = readFrom(disk, file, 0, KEY_BYTES + 1)
    if (key.length === KEY_BYTES) return key
    throw new GuardError('ERR_AUDIT_READ', `the key \`${path}\` is not ${KEY_BYTES} bytes long`)
  } finally {
    disk.close(file)
  }
}

function unwritable(where: string, cause: unknown): GuardError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GuardError('ERR_AUDIT_APPEND', `the record \`${where}\` cannot be written: ${why}`, {
    cause,
  })
}

interface Waiting {
  readonly receipt: Receipt
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: GuardError) => void
}

interface Look {
  readonly holdsMs: number
  readonly clock: Clock | undefined
}

class LogOnDisk implements FileLog {
  readonly #look: Look
  readonly #writer: (acting: Acting) => WriteEntry
  #lookedAt = Number.NEGATIVE_INFINITY
  readonly #disk: Disk
  readonly #dir: string
  readonly #path: string
  readonly #inode: number
  readonly #chain: Chain
  #file: number
  /** Bytes of whole entries: where the next write begins. */
  #size: number
  /** False from a failed write until what it left behind is gone. */
  #sound = true
  #closed = false
  #waiting: Waiting[] = []
  /** Calls whose intent is on record and whose outcome is not. */
  #underWay = 0
  /** Texts that are known to be kept. */
  readonly #kept = new Set<Sha256>()

  constructor(parts: {
    readonly disk: Disk
    readonly dir: string
    readonly opened: Opened
    readonly chain: Chain
    readonly look: Look
    readonly writer: (acting: Acting) => WriteEntry
  }) {
    this.#look = parts.look
    this.#writer = parts.writer
    this.#disk = parts.disk
    this.#dir = parts.dir
    this.#path = parts.opened.path
    this.#file = parts.opened.file
    this.#inode = parts.opened.inode
    this.#size = parts.opened.tail.size
    this.#chain = parts.chain
  }

  under(acting: Acting): AuditLog {
    const write = this.#writer(acting)
    return {
      append: (entry, until) => this.append(entry, until, write),
      keep: (name, text) => this.keep(name, text),
      close: () => Promise.resolve(),
    }
  }

  writable(): boolean {
    if (this.#closed) return false
    try {
      if (!this.#sound) this.#repair()
      this.#refuseChanged()
      return true
    } catch {
      return false
    }
  }

  append(entry: EntryBody, _until?: 'kernel' | 'disk', write?: WriteEntry): Promise<Receipt> {
    if (this.#closed) return Promise.reject(unwritable(this.#path, new Error('it is closed')))
    try {
      const receipt = this.#chain.add(entry, write)
      if (entry.type === 'intent') this.#underWay += 1
      else if (entry.type === 'outcome') this.#underWay -= 1
      return new Promise((resolve, reject) => {
        if (this.#waiting.length === 0) this.#soon()
        this.#waiting.push({ receipt, resolve, reject })
      })
    } catch (cause) {
      return Promise.reject(unwritable(this.#path, cause))
    }
  }

  putObject(bytes: Uint8Array): Sha256 {
    return keepObject(this.#disk, join(this.#dir, OBJECTS), bytes)
  }

  keep(name: Sha256, text: () => string): void {
    if (this.#kept.has(name)) return
    this.putObject(Buffer.from(text()))
    // Names come from upstreams: what was forgotten is found on the disk.
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
    this.#kept.add(name)
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#flush()
    this.#closed = true
    try {
      if (this.#isOurs()) this.#disk.close(this.#file)
      return Promise.resolve()
    } catch (cause) {
      return Promise.reject(unwritable(this.#path, cause))
    }
  }

  /**
   * Moves what a crash left of an entry out of the way, and puts that on record.
   *
   * @throws GuardError ERR_AUDIT_APPEND
   */
  recover(tail: Tail, at: ReturnType<Clock['now']>): void {
    const aside = `${this.#path}.${tail.seq}.${hash('sha256', tail.torn, 'hex').slice(0, 16)}.torn`
    const facts = { bytes: tail.torn.length, s256: hash('sha256', tail.torn, 'hex') }
    try {
      writeWhole(this.#disk, aside, tail.torn)
      this.#disk.truncate(this.#file, this.#size)
      this.#chain.add({ type: 'event', at, event: 'log_recovered', facts })
      this.#write(this.#chain.waiting)
      this.#chain.settle()
    } catch (cause) {
      throw unwritable(this.#path, cause)
    }
  }

  /**
   * Whatever the turn of the event loop still brings goes into the same write: its calls, and those of other connections
   * that were readable at the same time. Where one call is under way there are none, and nothing is waited for.
   */
  #soon(): void {
    if (this.#underWay > 1) setImmediate(this.#flush)
    else queueMicrotask(this.#afterMicrotasks)
  }

  // A tick that a microtask asks for comes after all other microtasks.
  readonly #afterMicrotasks = (): void => process.nextTick(this.#flush)

  readonly #flush = (): void => {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    try {
      this.#write(this.#chain.waiting)
      this.#chain.settle()
    } catch (cause) {
      this.#chain.rewind()
      const error = unwritable(this.#path, cause)
      for (const { reject } of waiting) reject(error)
      return
    }
    for (const { resolve, receipt } of waiting) resolve(receipt)
    // What waited for the entry goes on first.
    queueMicrotask(this.#hashLater)
  }

  readonly #hashLater = (): void => process.nextTick(this.#hash)

  readonly #hash = (): void => this.#chain.hash()

  /** All of the bytes or none of them. */
  #write(bytes: Uint8Array): void {
    if (!this.#sound) this.#repair()
    try {
      this.#refuseChanged()
    } catch (error) {
      this.#sound = this.#isOurs()
      throw error
    }
    try {
      const taken = this.#disk.write(this.#file, bytes)
      if (taken !== bytes.length) throw new Error(`short write, ${taken} of ${bytes.length} bytes`)
      this.#size += taken
    } catch (error) {
      this.#lookedAt = Number.NEGATIVE_INFINITY
      this.#undo()
      throw error
    }
  }

  /** A record that somebody removed, shortened or wrote into is not gone on with. */
  #refuseChanged(): void {
    const { clock, holdsMs } = this.#look
    const now = clock && holdsMs > 0 ? clock.monotonic() : Number.POSITIVE_INFINITY
    if (now - this.#lookedAt < holdsMs) return
    this.#lookedAt = Number.NEGATIVE_INFINITY
    const { size, inode, links } = this.#disk.state(this.#file)
    if (inode !== this.#inode) throw new Error('its descriptor stands for another file')
    if (links === 0) throw new Error('the file was removed')
    if (size !== this.#size)
      throw new Error(`it has ${size} bytes where ${this.#size} were written`)
    this.#lookedAt = now
  }

  #undo(): void {
    this.#sound = false
    try {
      this.#repair()
    } catch {
      // The next append tries again, and says what is wrong if it still is.
    }
  }

  /** Cuts the file back to its last whole entry, opening it anew where the descriptor is gone. */
  #repair(): void {
    if (!this.#isOurs()) this.#reopen()
    const { size } = this.#disk.state(this.#file)
    if (size < this.#size) throw new Error(`it has ${size} bytes where ${this.#size} were written`)
    if (size > this.#size) this.#disk.truncate(this.#file, this.#size)
    this.#sound = true
  }

  /** The lost descriptor is not closed: its number may stand for another file by now. */
  #reopen(): void {
    const file = this.#disk.open(this.#path, 'existing')
    if (this.#disk.state(file).inode !== this.#inode) {
      this.#disk.close(file)
      throw new Error('another file stands in its place')
    }
    this.#file = file
  }

  #isOurs(): boolean {
    try {
      return this.#disk.state(this.#file).inode === this.#inode
    } catch {
      return false
    }
  }
}
