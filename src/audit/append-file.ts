/** One file that this process alone appends to: all of the bytes or none of them, and nothing where anybody else touched it. */
import type { Clock } from '../model/port.ts'
import type { Disk } from './disk.ts'

export interface Look {
  /** For how many milliseconds a look at the file holds. */
  readonly holdsMs: number
  readonly clock: Clock | undefined
}

const EVERY_TIME: Look = { holdsMs: 0, clock: undefined }

export class AppendFile {
  readonly path: string
  readonly #disk: Disk
  readonly #look: Look
  readonly #inode: number
  #file: number
  #size: number
  #lookedAt = Number.NEGATIVE_INFINITY
  /** False from a failed write until what it left behind is gone. */
  #sound = true

  /**
   * Opens the file, `new` where there should be none: one that is empty is taken all the same.
   *
   * @throws what the disk throws; where it is no regular file, too.
   */
  constructor(disk: Disk, path: string, which: 'new' | 'existing', look: Look = EVERY_TIME) {
    this.path = path
    this.#disk = disk
    this.#look = look
    const made = which === 'new' && !disk.exists(path)
    this.#file = disk.open(path, made ? 'new' : 'existing')
    try {
      const { inode, regular, size } = disk.state(this.#file)
      if (!regular) throw new Error(`\`${path}\` is no regular file`)
      if (which === 'new' && size > 0) throw new Error(`\`${path}\` stands there already`)
      this.#inode = inode
      this.#size = size
    } catch (error) {
      disk.close(this.#file)
      throw error
    }
  }

  /** Where the next bytes go. */
  get size(): number {
    return this.#size
  }

  /** The descriptor, for reading. */
  get file(): number {
    return this.#file
  }

  /** @throws Error when they are not in the file afterwards, and nothing of them is, or will be once it can be cut. */
  append(bytes: Uint8Array): void {
    this.check()
    try {
      const taken = this.#disk.write(this.#file, bytes)
      if (taken !== bytes.length) throw new Error(`short write, ${taken} of ${bytes.length} bytes`)
      this.#size += taken
    } catch (error) {
      this.#undo()
      throw error
    }
  }

  /** Takes back what was appended beyond that size: now, or before anything else is appended. */
  takeBack(size: number): void {
    this.#size = size
    this.#undo()
  }

  /** @throws Error */
  cut(size: number): void {
    this.#disk.truncate(this.#file, size)
    this.#size = size
  }

  /** @throws Error where nothing can be appended, as far as can be told without doing so. */
  check(): void {
    if (!this.#sound) this.#repair()
    try {
      this.#refuseChanged()
    } catch (error) {
      this.#sound = this.#isOurs()
      throw error
    }
  }

  sync(): Promise<void> {
    return this.#disk.sync(this.#file)
  }

  close(): void {
    if (this.#isOurs()) this.#disk.close(this.#file)
  }

  /** What somebody removed, shortened or wrote into is not gone on with. */
  #refuseChanged(): void {
    const { clock, holdsMs } = this.#look
    const now = clock && holdsMs > 0 ? clock.monotonic() : Number.POSITIVE_INFINITY
    if (now - this.#lookedAt < holdsMs) return
    this.#lookedAt = Number.NEGATIVE_INFINITY
    const { size, inode, links } = this.#disk.state(this.#file)
    if (inode !== this.#inode) throw new Error('its descriptor stands for another file')
    if (links === 0) throw new Error('the file was removed')
    // Moved away, it would be written on where nobody looks for it.
    if (this.#disk.inodeAt(this.path) !== inode)
      throw new Error('the file was moved: it does not stand in its place')
    if (size !== this.#size)
      throw new Error(`it has ${size} bytes where ${this.#size} were written`)
    this.#lookedAt = now
  }

  #undo(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY
    this.#sound = false
    try {
      this.#repair()
    } catch {
      // The next append tries again, and says what is wrong if it still is.
    }
  }

  /** Cuts the file back to what it should have, opening it anew where the descriptor is gone. */
  #repair(): void {
    if (!this.#isOurs()) this.#reopen()
    const { size } = this.#disk.state(this.#file)
    if (size < this.#size) throw new Error(`it has ${size} bytes where ${this.#size} were written`)
    if (size > this.#size) this.#disk.truncate(this.#file, this.#size)
    this.#sound = true
  }

  /** The lost descriptor is not closed: its number may stand for another file by now. */
  #reopen(): void {
    const file = this.#disk.open(this.path, 'existing')
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
