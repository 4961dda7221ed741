/** What the log asks of a disk: few enough operations that a test can let any of them fail. */
import {
  close,
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  lstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { makeFolders } from '../model/folder.ts'

/** What a file is known by while it is open. */
interface FileState {
  /** In bytes. */
  readonly size: number
  /** Tells a file from another that took its name; 0 where the platform has none. */
  readonly inode: number
  /** 0 once nobody can find it by a name. */
  readonly links: number
  readonly regular: boolean
}

/** Synchronous but for what waits for the disk itself; all of it throwing, or rejecting with, what the system says. */
export interface Disk {
  /** With its parents; folders that are made are for their owner alone. */
  makeFolder(path: string): void
  list(folder: string): readonly string[]
  exists(path: string): boolean
  /** For reading and appending, never through a link; `new` fails where the file exists. */
  open(path: string, which: 'new' | 'existing'): number
  /** Returns how many bytes were taken, which may be fewer than were given. */
  write(file: number, bytes: Uint8Array): number
  /** Fills `into` from that offset; returns how many bytes there were. */
  read(file: number, into: Uint8Array, from: number): number
  truncate(file: number, size: number): void
  state(file: number): FileState
  /** What stands under that name now, itself and not what a link leads to; undefined where nothing does. */
  inodeAt(path: string): number | undefined
  close(file: number): void
  rename(from: string, to: string): void
  /** Resolves once the disk has what was written to the file before this was asked. Never blocks the event loop. */
  sync(file: number): Promise<void>
  /** Likewise, of a file that is not open, or of the names in a folder. */
  syncAt(path: string): Promise<void>
  /** The same, and blocks until it is so: for what is done once, before anything is served. */
  syncNow(path: string): void
}

const OWNER_FOLDER = 0o700
const OWNER_FILE = 0o600
// Windows has no such flag, and no such links without privilege.
const NO_LINKS = constants.O_NOFOLLOW ?? 0
const APPEND = constants.O_RDWR | constants.O_APPEND | NO_LINKS
const FRESH = constants.O_CREAT | constants.O_EXCL

const openAsync = promisify(open)
const fsyncAsync = promisify(fsync)
const closeAsync = promisify(close)

/** The disk of this machine. */
export const realDisk: Disk = {
  makeFolder: (path) => makeFolders(path, (one) => mkdirSync(one, OWNER_FOLDER)),
  list: (folder) => readdirSync(folder),
  exists: existsSync,
  open: (path, which) => openSync(path, which === 'new' ? APPEND | FRESH : APPEND, OWNER_FILE),
  write: (file, bytes) => writeSync(file, bytes),
  read: (file, into, from) => readSync(file, into, 0, into.length, from),
  truncate: ftruncateSync,
  inodeAt: (path) => lstatSync(path, { throwIfNoEntry: false })?.ino,
  state: (file) => {
    const found = fstatSync(file)
    return { size: found.size, inode: found.ino, links: found.nlink, regular: found.isFile() }
  },
  close: closeSync,
  rename: renameSync,
  sync: promisify(fdatasync),
  syncAt: async (path) => {
    // Windows opens no folder, and needs none to be told of its names.
    if (process.platform === 'win32') return
    const file = await openAsync(path, 'r')
    try {
      await fsyncAsync(file)
    } finally {
      await closeAsync(file)
    }
  },
  syncNow: (path) => {
    if (process.platform === 'win32') return
    const file = openSync(path, constants.O_RDONLY)
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  },
}

/**
 * A whole file at once, for its owner alone: it appears under its name complete or not at all.
 *
 * @throws what the disk throws; a short write is an error.
 */
export function writeWhole(disk: Disk, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.${process.hrtime.bigint()}.part`
  const file = disk.open(temporary, 'new')
  try {
    if (disk.write(file, bytes) !== bytes.length) throw new Error('short write')
  } finally {
    disk.close(file)
  }
  disk.rename(temporary, path)
}

/** The bytes of a file from an offset to its end, at most `most` of them. */
export function readFrom(disk: Disk, file: number, from: number, most: number): Uint8Array {
  const bytes = Buffer.alloc(most)
  let length = 0
  while (length < most) {
    const taken = disk.read(file, bytes.subarray(length), from + length)
    if (taken === 0) break
    length += taken
  }
  return bytes.subarray(0, length)
}

/** The bytes of a whole file that is not larger than `most`; undefined where there is none. */
export function readWhole(disk: Disk, path: string, most: number): Uint8Array | undefined {
  if (!disk.exists(path)) return undefined
  const file = disk.open(path, 'existing')
  try {
    const { size, regular } = disk.state(file)
    if (!regular || size > most) throw new Error(`\`${path}\` is no file of the log`)
    return readFrom(disk, file, 0, size)
  } finally {
    disk.close(file)
  }
}
