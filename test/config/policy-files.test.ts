/** A folder of policies on a real disk; what happens while it is read, the disk that is handed in does. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decides, policyText, readPolicyFiles } from '../../src/config/policy-files.ts'
import { type PolicyDisk, policyDisk, policySignature } from '../../src/config/policy-folder.ts'
import { watchPolicies, type PolicyWatch } from '../../src/config/policy-watch.ts'
import { digestOf } from '../../src/model/digest.ts'
import { Problems, problemText } from '../../src/model/document.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'

let desk: string
let folder: string
beforeEach(() => {
  desk = realpathSync(mkdtempSync(join(tmpdir(), 'chaperone-policies-')))
  folder = join(desk, 'policies')
  mkdirSync(folder)
})
afterEach(() => rmSync(desk, { recursive: true, force: true }))

function write(name: string, text: string | Uint8Array = name): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const names = (disk?: PolicyDisk) =>
  readPolicyFiles(folder, disk).files.map(({ kind, relative }) => `${kind} ${relative}`)
const said = (disk?: PolicyDisk) => readPolicyFiles(folder, disk).problems.map(problemText)

describe('what counts', () => {
  test('each file by its name and place, in one order', () => {
    for (const name of [
      'z.yaml',
      'a.yml',
      'b.json',
      'C.YAML',
      'engines.yaml',
      'a.test.yaml',
      'roles/reader.yaml',
      'roles/reader.test.yaml',
      'controls.yaml',
      'rules.cedar',
      'bundle.wasm',
      'bundle.tar.gz',
      'notes.md',
      'a.yaml.bak',
      'a.yaml~',
      '.hidden.yaml',
      '.git/config.yaml',
      'drafts/later.yaml',
    ])
      write(name)
    mkdirSync(join(folder, 'folder.yaml'))
    expect(names()).toEqual([
      'policy C.YAML',
      'test a.test.yaml',
      'policy a.yml',
      'policy b.json',
      'engines engines.yaml',
      'test roles/reader.test.yaml',
      'role roles/reader.yaml',
      'policy z.yaml',
    ])
    expect(said()).toEqual([])
    const [first] = readPolicyFiles(folder).files
    expect(first).toMatchObject({ path: join(folder, 'C.YAML'), digest: digestOf('C.YAML') })
    expect(first && policyText(first, new Problems())).toBe('C.YAML')
  })

  test('a revision is made of what decides', () => {
    const kinds = ['policy', 'engines', 'bundle', 'role', 'test'] as const
    expect(kinds.filter((kind) => decides({ kind }))).toEqual(['policy', 'engines', 'bundle'])
  })

  test('bytes that are no text are told with their file', () => {
    const path = write('a.yaml', Buffer.from([0x61, 0xff]))
    const [file] = readPolicyFiles(folder).files
    const problems = new Problems()
    expect(file && policyText(file, problems)).toBeUndefined()
    expect(problems.list.map(problemText)).toEqual([
      `${path}:1:1: it is not UTF-8 (save it as UTF-8)`,
    ])
  })
})

describe('what cannot be read is an error, and then nothing is given', () => {
  test.each<[string, () => void, string]>([
    ['a folder that is gone', () => rmSync(folder, { recursive: true }), 'no such file or folder'],
    [
      'a file in its place',
      () => {
        rmSync(folder, { recursive: true })
        writeFileSync(folder, '')
      },
      'it is no folder',
    ],
    [
      'a large file',
      () => write('b.yaml', 'x'.repeat(2 ** 20 + 1)),
      'it is larger than 1048576 bytes',
    ],
    ['a dead link', () => symlinkSync('gone', join(folder, 'b.yaml')), 'no such file or folder'],
    ['a link in a circle', () => symlinkSync('b.yaml', join(folder, 'b.yaml')), 'in a circle'],
    [
      'a link that leads out',
      () => {
        writeFileSync(join(desk, 'out.yaml'), 'x')
        symlinkSync('../out.yaml', join(folder, 'b.yaml'))
      },
      'it leads out of the folder',
    ],
    ['too much', () => mkdirSync(join(folder, 'a/b/c/d/e/f/g/h/i/j'), { recursive: true }), 'deep'],
  ])('%s', (_what, spoil, why) => {
    write('a.yaml')
    spoil()
    expect(said()).toEqual([expect.stringContaining(why)])
    expect(names()).toEqual([])
    expect(policySignature(folder)).toBe(policySignature(folder))
  })

  test.skipIf(process.getuid?.() === 0)('a file that nobody may read', () => {
    chmodSync(write('a.yaml'), 0)
    expect(said()).toEqual([expect.stringContaining('permission denied')])
  })

  test('a role or a test that is bad keeps no policy from being read', () => {
    write('a.yaml')
    symlinkSync('gone', join(folder, 'a.test.yaml'))
    expect(names()).toEqual(['policy a.yaml'])
    expect(readPolicyFiles(folder).problems).toMatchObject([{ level: 'warning' }])
  })
})

describe('links', () => {
  /** As volumes of config maps are laid out, and swapped. */
  function version(name: string, files: Record<string, string>): void {
    for (const [file, text] of Object.entries(files)) write(`${name}/${file}`, text)
    symlinkSync(name, join(folder, '..next'))
    renameSync(join(folder, '..next'), join(folder, '..data'))
  }

  test('a volume whose data is swapped is read as one version, and the swap is seen', () => {
    version('..v1', { 'a.yaml': 'one', 'b.yaml': 'one' })
    for (const file of ['a.yaml', 'b.yaml']) symlinkSync(`..data/${file}`, join(folder, file))
    const before = policySignature(folder)
    let reads = 0
    const swapping: PolicyDisk = {
      ...policyDisk,
      read: (path) => {
        reads += 1
        const bytes = policyDisk.read(path)
        if (reads === 1) version('..v2', { 'a.yaml': 'two', 'b.yaml': 'two' })
        return bytes
      },
    }
    const { files, problems, signature } = readPolicyFiles(folder, swapping)
    expect(files.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['two', 'two'])
    expect(problems).toEqual([])
    expect([signature === before, signature]).toEqual([false, policySignature(folder)])
  })

  test('a folder that is a link itself is read as one version, under the name that people know', () => {
    for (const name of ['v1', 'v2'])
      for (const file of ['a.yaml', 'b.yaml']) {
        mkdirSync(join(desk, name), { recursive: true })
        writeFileSync(join(desk, name, file), name)
      }
    rmSync(folder, { recursive: true })
    symlinkSync('v1', folder)
    let reads = 0
    const swapping: PolicyDisk = {
      ...policyDisk,
      read: (path) => {
        reads += 1
        if (reads === 2) {
          symlinkSync('v2', join(desk, 'next'))
          renameSync(join(desk, 'next'), folder)
        }
        return policyDisk.read(path)
      },
    }
    const { files } = readPolicyFiles(folder, swapping)
    expect(files.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['v2', 'v2'])
    expect(files.map(({ path }) => path)).toEqual(['a.yaml', 'b.yaml'].map((f) => join(folder, f)))
  })

  test('folders that lead to one another end', () => {
    write('sub/a.wasm')
    symlinkSync('..', join(folder, 'sub', 'up'))
    symlinkSync('sub', join(folder, 'again'))
    expect(said()).toEqual([])
  })
})

describe('while it changes', () => {
  const during = (change: (reads: number) => void): PolicyDisk => {
    let reads = 0
    return {
      ...policyDisk,
      read: (path) => {
        reads += 1
        change(reads)
        return policyDisk.read(path)
      },
    }
  }

  test('a file that is half written when it is read is read again', () => {
    write('a.yaml', 'half')
    const writing = during((reads) => reads === 1 && write('a.yaml', 'half and half'))
    const { files, problems } = readPolicyFiles(folder, writing)
    expect(files.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['half and half'])
    expect(problems).toEqual([])
  })

  test('a file that comes, or goes, makes it read again', () => {
    write('a.yaml')
    expect(names(during((reads) => reads === 1 && write('b.yaml')))).toEqual([
      'policy a.yaml',
      'policy b.yaml',
    ])
    const going = during((reads) => reads === 1 && rmSync(join(folder, 'b.yaml')))
    expect(names(going)).toEqual(['policy a.yaml'])
  })

  test('what never comes to rest is an error', () => {
    write('a.yaml')
    const restless = during((reads) => write('a.yaml', 'x'.repeat(reads)))
    expect(names(restless)).toEqual([])
    expect(said(restless)).toEqual([expect.stringContaining('it changes all the time')])
  })
})

describe('the files that engines are made of', () => {
  function read(relative: string, change = (): void => undefined) {
    const within = readPolicyFiles(folder)
    change()
    const problems = new Problems()
    const at = { place: { file: 'engines.yaml', line: 3, column: 5 } }
    const file = within.read(relative, at, problems)
    return { file, said: problems.list.map(problemText).join() }
  }

  test('lie anywhere in the folder', () => {
    write('a.yaml')
    const path = write('bundles/rules.wasm', 'wasm')
    expect(read('bundles/rules.wasm').file).toMatchObject({
      kind: 'bundle',
      relative: 'bundles/rules.wasm',
      path,
      digest: digestOf('wasm'),
    })
    expect(read('./bundles/../bundles/rules.wasm').file?.relative).toBe('bundles/rules.wasm')
    symlinkSync('bundles/rules.wasm', join(folder, 'rules.wasm'))
    expect(read('rules.wasm').file?.digest).toBe(digestOf('wasm'))
  })

  test.each([
    '../out.wasm',
    'bundles/../../out.wasm',
    '..',
    '/etc/passwd',
    'link.wasm',
    'linked/out.wasm',
    '.git/rules.wasm',
    'none.wasm',
    'bundles',
    '',
    '.',
    'rules.wasm\0',
  ])('never outside of it: %j', (relative) => {
    writeFileSync(join(desk, 'out.wasm'), 'out')
    write('.git/rules.wasm')
    write('bundles/rules.wasm')
    symlinkSync('../out.wasm', join(folder, 'link.wasm'))
    symlinkSync('..', join(folder, 'linked'))
    const { file, said } = read(relative)
    expect(file).toBeUndefined()
    expect(said).toMatch(/^engines\.yaml:3:5: cannot read `.*\(name a file in the folder/)
  })

  test('are refused where they changed since the rest was read', () => {
    write('rules.wasm', 'one')
    const { file, said } = read('rules.wasm', () => write('rules.wasm', 'two'))
    expect(file).toBeUndefined()
    expect(said).toContain('it changed while it was read')
  })
})

describe('the watch', () => {
  let clock: FakeClock
  let hints: Map<string, () => void>
  let looked: number
  let changes: number
  let watch: PolicyWatch
  beforeEach(() => {
    clock = fakeClock('2026-11-24T10:00:00Z')
    hints = new Map()
    looked = 0
    changes = 0
    write('a.yaml', 'one')
    watch = watching()
  })

  function watching(): PolicyWatch {
    const parts = {
      timers: clock,
      seen: readPolicyFiles(folder).signature,
      watch: (path: string, hint: () => void) => {
        hints.set(path, hint)
        return () => void hints.delete(path)
      },
      signature: (path: string) => {
        looked += 1
        return policySignature(path)
      },
    }
    return watchPolicies(folder, parts, () => {
      changes += 1
    })
  }
  const hint = (): void => hints.get(folder)?.()

  test('says nothing while nothing changes, however often it looks', () => {
    clock.advance(5000)
    hint()
    clock.advance(50)
    watch.look()
    expect([looked, changes]).toEqual([7, 0])
  })

  test('a change is seen within a second without a hint, and told once', () => {
    write('a.yaml', 'two!')
    clock.advance(999)
    expect(changes).toBe(0)
    clock.advance(1)
    expect(changes).toBe(1)
    clock.advance(5000)
    expect(changes).toBe(1)
  })

  test('many hints are one look, soon', () => {
    write('b.yaml')
    for (let count = 0; count < 100; count += 1) hint()
    clock.advance(49)
    expect(looked).toBe(0)
    clock.advance(1)
    expect([looked, changes]).toEqual([1, 1])
    write('c.yaml')
    hint()
    clock.advance(50)
    expect(changes).toBe(2)
  })

  test('a look that is asked for is made at once', () => {
    write('b.yaml')
    watch.look()
    expect(changes).toBe(1)
  })

  test('what changed between the reading and the watch is told, too', () => {
    watch.close()
    const { signature } = readPolicyFiles(folder)
    write('b.yaml')
    const late = watchPolicies(
      folder,
      { timers: clock, seen: signature, watch: () => () => undefined },
      () => {
        changes += 1
      },
    )
    clock.advance(1000)
    expect(changes).toBe(1)
    late.close()
  })

  test('a file that another took the place of, with size and time the same', () => {
    const path = join(folder, 'a.yaml')
    const when = new Date('2026-11-24T09:00:00Z')
    utimesSync(path, when, when)
    watch.look()
    changes = 0
    const other = join(desk, 'other.yaml')
    writeFileSync(other, 'two')
    utimesSync(other, when, when)
    renameSync(other, path)
    expect(statSync(path)).toMatchObject({ size: 3, mtimeMs: when.getTime() })
    watch.look()
    expect(changes).toBe(1)
  })

  test('a folder that is deleted, and one that comes back', () => {
    rmSync(folder, { recursive: true })
    clock.advance(1000)
    expect(changes).toBe(1)
    clock.advance(1000)
    expect(changes).toBe(1)
    mkdirSync(folder)
    write('a.yaml', 'one')
    clock.advance(1000)
    expect(changes).toBe(2)
  })

  test('in a folder below, and by the swap of a link', () => {
    write('bundles/rules.wasm')
    watch.look()
    write('bundles/rules.wasm', 'another')
    watch.look()
    expect(changes).toBe(2)
    renameSync(folder, join(desk, 'v1'))
    symlinkSync('v1', folder)
    watch.look()
    mkdirSync(join(desk, 'v2'))
    symlinkSync('v2', join(desk, 'next'))
    renameSync(join(desk, 'next'), folder)
    watch.look()
    expect(changes).toBe(4)
  })

  test('is over when it is closed', () => {
    write('b.yaml')
    hint()
    watch.close()
    watch.look()
    clock.advance(5000)
    expect([looked, changes, hints.size]).toEqual([0, 0, 0])
  })
})
