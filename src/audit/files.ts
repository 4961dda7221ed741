/** The files that a log is written to: one after the other, and on the disk where somebody waits for that. */
import { dirname } from 'node:path'
import type { Timers } from '../model/port.ts'
import type { Look } from './append-file.ts'
import type { Disk } from './disk.ts'
import { GroupCommit, type Waiter } from './group-commit.ts'
import { inTime } from './in-time.ts'
import { Segment } from './segment.ts'
import { logFileName } from './tail.ts'

/** A disk that takes longer than this has failed. */
const LONGEST_SYNC_MS = 10_000

export interface FilesGiven {
  readonly disk: Disk
  readonly dir: string
  readonly look: Look
  readonly rotateBytes: number
  /** Without them the disk may take as long as it likes. */
  readonly timers: Timers | undefined
}

export class Files {
  readonly #given: FilesGiven
  #current: Segment
  /** Full, and not known to be on the disk. */
  #full: Segment[] = []
  #lastAt = 0
  /** What else has to reach the disk with the next entries: names in folders, and objects. */
  #also: Set<string>
  /** What an earlier process may have left, and has to be there before anything else is. */
  #before: readonly string[]
  #failed: unknown
  #stuck = false
  readonly #commit = new GroupCommit(() => this.#sync())

  constructor(given: FilesGiven, current: Segment, before: readonly string[] = []) {
    this.#given = given
    this.#current = current
    this.#before = before
    this.#also = new Set([given.dir, dirname(given.dir)])
  }

  get segment(): Segment {
    return this.#current
  }

  /** Where the last entry stands. */
  get last(): { readonly file: string; readonly offset: number } {
    return { file: logFileName(this.#current.first), offset: this.#lastAt }
  }

  /**
   * Writes entries of which the first has the number `next`; true where that began a file.
   *
   * @throws Error when they are not there afterwards; then nothing of them is.
   */
  append(keys: Uint8Array, lines: Uint8Array, next: number): boolean {
    this.#refuseFailed()
    const { size } = this.#current.lines
    const full = size > 0 && size + lines.length > this.#given.rotateBytes
    if (full) this.#rotate(next)
    this.#current.append(keys, lines)
    return full
  }

  /** Where in what was just written, which had so many bytes, the last entry begins. */
  lastAt(begin: number, written: number): void {
    this.#lastAt = this.#current.lines.size - written + begin
  }

  /** That file, too, is on the disk by the time entries are that are written from now on. */
  alsoSync(path: string): void {
    this.#also.add(path)
    this.#also.add(dirname(path))
  }

  /** @throws Error where nothing can be written. */
  check(): void {
    this.#refuseFailed()
    this.#current.check()
  }

  whenOnDisk(waiters: readonly Waiter[]): void {
    this.#commit.add(waiters)
  }

  /** Resolves once everything that is written by now is on the disk. */
  onDisk(): Promise<void> {
    return this.#commit.wait()
  }

  /** True once the disk did not answer in time. */
  get stuck(): boolean {
    return this.#stuck
  }

  close(): void {
    for (const segment of [...this.#full, this.#current]) segment.close()
    this.#full = []
  }

  #refuseFailed(): void {
    if (this.#failed === undefined) return
    const why = this.#failed instanceof Error ? this.#failed.message : 'it said no more'
    throw new Error(`the disk did not take what was written before: ${why} (start the guard again)`)
  }

  #rotate(next: number): void {
    const { disk, dir, look } = this.#given
    const segment = new Segment({ disk, dir, look }, next, 'new')
    try {
      segment.fitKeys(next)
    } catch (error) {
      segment.close()
      throw error
    }
    this.#full.push(this.#current)
    this.#current = segment
    this.#also.add(dir)
  }

  /** A failure is for good: the system may have dropped what it could not write, and would say that all is well. */
  async #sync(): Promise<void> {
    const full = this.#full
    const { timers } = this.#given
    const work = this.#taken()
    try {
      await (timers ? inTime(work, { timers, ms: LONGEST_SYNC_MS }, this.#late) : work)
    } catch (error) {
      this.#failed = error ?? new Error('it said no more')
      throw error
    } finally {
      if (!this.#stuck) for (const segment of full) segment.close()
    }
  }

  readonly #late = (): Error => {
    this.#stuck = true
    return new Error(`the disk did not answer for ${LONGEST_SYNC_MS / 1000} s`)
  }

  async #taken(): Promise<void> {
    const { disk } = this.#given
    const current = this.#current
    const full = this.#full
    const before = this.#before
    const also = [...this.#also]
    this.#full = []
    this.#before = []
    this.#also = new Set()
    // What comes first is there first: a power cut leaves no gap.
    for (const path of before) await disk.syncAt(path)
    for (const segment of full) await segment.sync()
    await Promise.all([current.sync(), ...also.map((path) => disk.syncAt(path))])
  }
}
