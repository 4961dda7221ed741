/** A disk in memory that does what it is told: fail, take half of a write, lose a descriptor. */
import { basename, dirname } from 'node:path'
import type { Disk } from '../../src/audit/disk.ts'

export type DiskOperation = keyof Disk

interface File {
  bytes: Buffer
  /** What the disk has of it. */
  synced?: Buffer
  links: number
  readonly inode: number
  regular: boolean
}

export interface FakeDisk extends Disk {
  readonly folders: Set<string>
  /** The names and bytes of everything on it. */
  content(): Readonly<Record<string, string>>
  put(path: string, bytes: Uint8Array | string): void
  remove(path: string): void
  irregular(path: string): void
  /** The next `times` of that operation throw this system error. */
  fail(operation: DiskOperation, code: string, times?: number): void
  /** The next write, to that file where it is named, takes only so many bytes. */
  takeOnly(bytes: number, path?: string): void
  /** How often an operation was asked for. */
  readonly asked: Map<DiskOperation, number>
  sizeOf(path: string): number | undefined
  /** What a file would have after a power cut. */
  synced(path: string): string | undefined
  /** Files and folders that were brought to the disk by their path. */
  readonly syncedAt: string[]
  /** Nothing reaches the disk until the returned function is called. */
  holdSyncs(): () => void
  /** The process is killed in that many operations from now: a write of that moment is half done, and nothing is after it. */
  dieIn(operations: number): void
  /** Operations so far. */
  readonly operations: () => number
  /** Another process starts; after a power cut with what had reached the disk, and no more. */
  restart(after: 'kill' | 'power cut'): void
  /** Closes every descriptor behind the log's back. */
  loseDescriptors(): void
  /** That number stands for another file from now on. */
  stealDescriptor(number: number, path: string): void
  /** Somebody else's hands on a file. */
  cut(path: string, size: number): void
  grow(path: string, text: string): void
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test wants it`), { code })
}

export function memoryDisk(): FakeDisk {
  const files = new Map<string, File>()
  const open = new Map<number, File>()
  const folders = new Set<string>()
  const failures = new Map<DiskOperation, { code: string; times: number }>()
  const asked = new Map<DiskOperation, number>()
  let inodes = 1
  let descriptors = 3
  let taken: { readonly bytes: number; readonly path: string | undefined } | undefined

  let operations = 0
  let deadline = Number.POSITIVE_INFINITY
  const ask = (operation: DiskOperation): void => {
    operations += 1
    if (operations > deadline) throw systemError('EKILLED')
    asked.set(operation, (asked.get(operation) ?? 0) + 1)
    const failure = failures.get(operation)
    if (!failure || failure.times === 0) return
    failure.times -= 1
    throw systemError(failure.code)
  }
  const syncedAt: string[] = []
  let held: (() => void)[] | undefined
  const busy = (act: () => void): void => {
    if (held) held.push(act)
    else setImmediate(act)
  }
  /** As a disk takes its time: not before the turn of the event loop is over. */
  const later = (action: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      busy(() => {
        try {
          action()
          resolve()
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
  const opened = (file: number): File => {
    const found = open.get(file)
    if (!found) throw systemError('EBADF')
    return found
  }
  const put = (path: string, bytes: Uint8Array | string): void => {
    folders.add(dirname(path))
    const inode = inodes++
    files.set(path, { bytes: Buffer.from(bytes as string), links: 1, inode, regular: true })
  }
  return {
    folders,
    asked,
    syncedAt,
    sizeOf: (path) => files.get(path)?.bytes.length,
    synced: (path) => files.get(path)?.synced?.toString('utf8'),
    holdSyncs: () => {
      held = []
      return () => {
        const all = held ?? []
        held = undefined
        for (const act of all) act()
      }
    },
    put,
    operations: () => operations,
    dieIn: (more) => {
      deadline = operations + more
    },
    restart: (after) => {
      deadline = Number.POSITIVE_INFINITY
      held = undefined
      open.clear()
      if (after === 'kill') return
      for (const [path, file] of files) {
        if (file.synced) file.bytes = Buffer.from(file.synced)
        else files.delete(path)
      }
    },
    content: () =>
      Object.fromEntries([...files].map(([path, { bytes }]) => [path, bytes.toString('utf8')])),
    remove: (path) => {
      const file = files.get(path)
      if (file) file.links = 0
      files.delete(path)
    },
    irregular: (path) => {
      const file = files.get(path)
      if (file) file.regular = false
    },
    fail: (operation, code, times = 1) => void failures.set(operation, { code, times }),
    takeOnly: (bytes, path) => {
      taken = { bytes, path }
    },
    loseDescriptors: () => open.clear(),
    stealDescriptor: (number, path) => {
      const file = files.get(path)
      if (file) open.set(number, file)
    },
    cut: (path, size) => {
      const file = files.get(path)
      if (file) file.bytes = Buffer.from(file.bytes.subarray(0, size))
    },
    grow: (path, text) => {
      const file = files.get(path)
      if (file) file.bytes = Buffer.concat([file.bytes, Buffer.from(text)])
    },
    makeFolder: (path) => {
      ask('makeFolder')
      folders.add(path)
    },
    list: (folder) => {
      ask('list')
      return [...files.keys()]
        .filter((path) => dirname(path) === folder)
        .map((path) => basename(path))
    },
    exists: (path) => {
      ask('exists')
      return files.has(path)
    },
    open: (path, which) => {
      ask('open')
      if (which === 'new') {
        if (files.has(path)) throw systemError('EEXIST')
        if (!folders.has(dirname(path))) throw systemError('ENOENT')
        put(path, '')
      }
      const file = files.get(path)
      if (!file) throw systemError('ENOENT')
      const descriptor = descriptors++
      open.set(descriptor, file)
      return descriptor
    },
    write: (descriptor, bytes) => {
      const file = opened(descriptor)
      const cut = taken && (taken.path === undefined || files.get(taken.path) === file)
      const part = bytes.subarray(0, cut ? taken?.bytes : bytes.length)
      if (cut) taken = undefined
      const half = operations === deadline
      if (half) file.bytes = Buffer.concat([file.bytes, part.subarray(0, part.length / 2)])
      ask('write')
      file.bytes = Buffer.concat([file.bytes, part])
      return part.length
    },
    read: (descriptor, into, from) => {
      ask('read')
      return opened(descriptor).bytes.copy(into, 0, from)
    },
    truncate: (descriptor, size) => {
      ask('truncate')
      const file = opened(descriptor)
      file.bytes = Buffer.from(file.bytes.subarray(0, size))
    },
    inodeAt: (path) => {
      ask('inodeAt')
      return files.get(path)?.inode
    },
    state: (descriptor) => {
      ask('state')
      const { bytes, inode, links, regular } = opened(descriptor)
      return { size: bytes.length, inode, links, regular }
    },
    close: (descriptor) => {
      ask('close')
      opened(descriptor)
      open.delete(descriptor)
    },
    sync: (descriptor) =>
      later(() => {
        ask('sync')
        const file = opened(descriptor)
        file.synced = file.bytes
      }),
    syncAt: (path) =>
      later(() => {
        ask('syncAt')
        syncedAt.push(path)
        const file = files.get(path)
        if (file) file.synced = file.bytes
      }),
    syncNow: (path) => {
      ask('syncNow')
      syncedAt.push(path)
      const file = files.get(path)
      if (file) file.synced = file.bytes
    },
    rename: (from, to) => {
      ask('rename')
      const file = files.get(from)
      if (!file) throw systemError('ENOENT')
      files.delete(from)
      files.set(to, file)
    },
  }
}
