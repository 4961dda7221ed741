/**
 * The record of one guard: append-only files of canonical JSON lines, each naming the hash of the one before it, their keys
 * beside them, and signed checkpoints of the tree that they make.
 *
 * An entry counts as written when the kernel has it, so it survives the guard's death, or when the disk has it, where whoever
 * appends asks for that: then it survives a power cut.
 */
import { hash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { instant, type Instant, type Sha256 } from '../model/id.ts'
import type { AuditLog, Clock, Timers } from '../model/port.ts'
import type { Acting, EntryBody, Receipt, RecordHead } from '../model/record.ts'
import { signBegin } from './begin.ts'
import { Chain, type WriteEntry } from './chain.ts'
import { Checkpoints } from './checkpoints.ts'
import { KEY_BYTES, keyedDigest } from './digest.ts'
import { type Disk, readFrom, realDisk, writeWhole } from './disk.ts'
import { entryWriter, type WriteOptions } from './entry.ts'
import { Files } from './files.ts'
import type { LogKey } from './log-key.ts'
import { checkpointText, ORIGIN } from './note.ts'
import { keepObject } from './objects.ts'
import { FRONTIER, frontierText, resume, type Resumed } from './resume.ts'
import { Sealer } from './seal.ts'
import type { Tail } from './tail.ts'

export const KEY_FILE = 'args.key'
export const OBJECTS = 'objects'
const MOST_KEPT = 100_000
const ROTATE_BYTES = 64 * 1024 * 1024
const CHECKPOINT_MS = 1000

export interface LogOptions extends WriteOptions {
  /** The folder of this log alone; made when it is not there. */
  readonly dir: string
  readonly head: RecordHead
  /** Signs the checkpoints; without one there are none. */
  readonly key?: Pick<LogKey, 'name' | 'publicKey' | 'sign' | 'signNow'>
  /** Dates the entry about a recovery, and times the looks at the file. */
  readonly clock?: Clock
  /**
   * Says when a checkpoint is due; without them one is signed when a file is full and at the end. Also when the disk took too
   * long: it has failed then.
   */
  readonly timers?: Timers
  /**
   * For how many milliseconds a look at the file holds: whether it is still there and only this log writes it. A write
   * after that looks again, so whoever calls less often than this has every write checked. Default 0: every write.
   */
  readonly lookHoldsMs?: number
  /** A file is followed by the next one when it would grow beyond so many bytes. Default 64 MiB. */
  readonly rotateBytes?: number
  readonly disk?: Disk
  /** Told of a checkpoint that could not be written; the next one is tried all the same. */
  readonly trouble?: (error: GuardError) => void
  /** Lets go of whatever keeps others from this log, once it is closed. */
  readonly release?: () => void
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
  const { dir, head, disk = realDisk, lookHoldsMs = 0, clock } = options
  try {
    disk.makeFolder(dir)
    const place = { disk, dir, look: { holdsMs: lookHoldsMs, clock } }
    const resumed = resume(place, head.log, options.key)
    try {
      if (options.key && resumed.tail.seq === 0)
        signBegin(place, head.log, options.key, resumed.signed !== undefined)
      const log = new LogOnDisk(options, resumed, keyedDigest(argsKey(disk, dir)))
      log.recover(resumed.tail, clock?.now() ?? instant(Date.now()))
      return log
    } catch (error) {
      resumed.segment.close()
      throw error
    }
  } catch (cause) {
    if (cause instanceof GuardError) throw cause
    throw unwritable(dir, cause)
  }
}

/** Whoever has this key can tell which value a hash of a field stands for, by trying. */
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
  if (cause instanceof GuardError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GuardError('ERR_AUDIT_APPEND', `the record \`${where}\` cannot be written: ${why}`, {
    cause,
  })
}

interface Waiting {
  readonly type: EntryBody['type']
  readonly receipt: Receipt
  readonly until: 'kernel' | 'disk'
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: GuardError) => void
}

class LogOnDisk implements FileLog {
  readonly #options: LogOptions
  readonly #disk: Disk
  readonly #dir: string
  readonly #files: Files
  readonly #chain: Chain
  readonly #writer: (acting: Partial<Acting>) => WriteEntry
  readonly #checkpoints: Checkpoints
  #closing: Promise<void> | undefined
  #waiting: Waiting[] = []
  /** Calls whose intent is on record and whose outcome is not. */
  #underWay = 0
  /** Texts that are known to be kept. */
  readonly #kept = new Set<Sha256>()
  #timed = false
  /** The size of the last checkpoint that was written. */
  #signed: number
  #signing: Promise<void> = Promise.resolve()

  constructor(options: LogOptions, resumed: Resumed, digest: (text: string) => Sha256) {
    const {
      dir,
      head,
      disk = realDisk,
      rotateBytes = ROTATE_BYTES,
      lookHoldsMs = 0,
      clock,
      timers,
    } = options
    const { segment, tail, tree, unsynced } = resumed
    this.#options = options
    this.#disk = disk
    this.#dir = dir
    const look = { holdsMs: lookHoldsMs, clock }
    this.#files = new Files({ disk, dir, look, rotateBytes, timers }, segment, unsynced)
    this.#files.alsoSync(join(dir, KEY_FILE))
    const sealer = new Sealer()
    this.#writer = (acting) => entryWriter({ log: head.log, ...acting }, digest, options, sealer)
    const { seq, prev } = tail
    this.#chain = new Chain(this.#writer(head), { seq, prev }, { sealer, tree })
    this.#checkpoints = new Checkpoints({ disk, dir })
    this.#signed = options.key && seq === 0 ? 0 : -1
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
    if (this.#closing) return false
    try {
      this.#files.check()
      return true
    } catch {
      return false
    }
  }

  append(
    entry: EntryBody,
    until: 'kernel' | 'disk' = 'kernel',
    write?: WriteEntry,
  ): Promise<Receipt> {
    if (this.#closing) return Promise.reject(this.#unwritable(new Error('it is closed')))
    try {
      const receipt = this.#chain.add(entry, write)
      if (entry.type === 'intent') this.#underWay += 1
      else if (entry.type === 'outcome') this.#underWay -= 1
      return new Promise((resolve, reject) => {
        if (this.#waiting.length === 0) this.#soon()
        this.#waiting.push({ type: entry.type, receipt, until, resolve, reject })
      })
    } catch (cause) {
      return Promise.reject(this.#unwritable(cause))
    }
  }

  putObject(bytes: Uint8Array): Sha256 {
    const folder = join(this.#dir, OBJECTS)
    return keepObject(this.#disk, folder, bytes, (path) => this.#files.alsoSync(path))
  }

  keep(name: Sha256, text: () => string): void {
    if (this.#kept.has(name)) return
    this.putObject(Buffer.from(text()))
    // Names come from upstreams: what was forgotten is found on the disk.
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
    this.#kept.add(name)
  }

  close(): Promise<void> {
    if (this.#closing) return this.#closing
    this.#flush()
    this.#closing = this.#end()
    return this.#closing
  }

  /**
   * Moves what a crash left of an entry out of the way, and puts that on record; likewise that keys were lost.
   *
   * @throws GuardError ERR_AUDIT_APPEND
   */
  recover(tail: Tail, at: Instant): void {
    const { torn, seq } = tail
    const { segment } = this.#files
    const facts: Record<string, number | string> = {}
    try {
      if (torn.length > 0) {
        const s256 = hash('sha256', torn, 'hex')
        const aside = `${segment.lines.path}.${seq}.${s256.slice(0, 16)}.torn`
        writeWhole(this.#disk, aside, torn)
        segment.lines.cut(tail.size)
        Object.assign(facts, { bytes: torn.length, s256 })
      }
      const lost = segment.fitKeys(seq)
      if (lost > 0) facts['keys_lost'] = lost
      if (Object.keys(facts).length === 0) return
      this.#chain.add({ type: 'event', at, event: 'log_recovered', facts })
      this.#write()
    } catch (cause) {
      throw this.#unwritable(cause)
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
      this.#write()
    } catch (cause) {
      this.#chain.rewind()
      const error = this.#unwritable(cause)
      for (const { type, reject } of waiting) {
        // Its call is refused, and has no outcome.
        if (type === 'intent') this.#underWay -= 1
        reject(error)
      }
      return
    }
    const forDisk = waiting.filter(({ until }) => until === 'disk')
    this.#files.whenOnDisk(
      forDisk.map(({ resolve, reject, receipt }) => ({
        resolve: () => resolve(receipt),
        reject: (error) => reject(this.#unwritable(error)),
      })),
    )
    for (const { resolve, receipt, until } of waiting) if (until === 'kernel') resolve(receipt)
    // What waited for the entry goes on first.
    queueMicrotask(this.#hashLater)
  }

  readonly #hashLater = (): void => process.nextTick(this.#hash)

  readonly #hash = (): void => this.#chain.hash()

  /** All of what waits, or none of it. */
  #write(): void {
    const chain = this.#chain
    const rotated = this.#files.append(chain.waitingKeys, chain.waiting, chain.next)
    this.#files.lastAt(chain.lastBegin, chain.waiting.length)
    chain.settle()
    this.#checkpointLater(rotated)
  }

  #checkpointLater(now: boolean): void {
    const { key, timers } = this.#options
    if (!key) return
    if (now) void this.#checkpoint()
    if (!timers || this.#timed) return
    this.#timed = true
    timers.after(CHECKPOINT_MS, () => {
      this.#timed = false
      if (!this.#closing) void this.#checkpoint()
    })
  }

  /** One after the other: a later one is never overtaken. Never rejects. */
  #checkpoint(): Promise<void> {
    this.#signing = this.#signing
      .then(() => this.#sign())
      .catch((cause: unknown) => this.#options.trouble?.(this.#unwritable(cause)))
    return this.#signing
  }

  async #sign(): Promise<void> {
    const { key, head } = this.#options
    const { tree, lastLeaf: leaf } = this.#chain
    const { size } = tree
    if (!key || size === this.#signed) return
    const text = checkpointText({ origin: `${ORIGIN}${head.log}`, size, root: tree.root() })
    const { first } = this.#files.segment
    const frontier = frontierText(tree, { ...this.#files.last, leaf })
    // Of what a power cut could still take nothing is signed: the log would not lead to its own checkpoint.
    await this.#files.onDisk()
    const note = await key.sign(text)
    this.#checkpoints.put(first, note)
    writeWhole(this.#disk, join(this.#dir, FRONTIER), Buffer.from(frontier))
    this.#signed = size
  }

  async #end(): Promise<void> {
    const { key, release } = this.#options
    try {
      if (key) await this.#checkpoint()
      await this.#files.onDisk()
    } catch (cause) {
      throw this.#unwritable(cause)
    } finally {
      try {
        // Closing may wait for such a disk, too, and would never return: the system closes them with the process.
        if (!this.#files.stuck) {
          this.#checkpoints.close()
          this.#files.close()
        }
      } finally {
        release?.()
      }
    }
  }

  #unwritable(cause: unknown): GuardError {
    return unwritable(this.#files.segment.lines.path, cause)
  }
}
