import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeFolders } from '../../src/model/folder.ts'

const root = mkdtempSync(join(tmpdir(), 'chaperone-folder-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const make = (folder: string): void => mkdirSync(folder, 0o700)

test('makes the parents that are missing', () => {
  const path = join(root, 'a/b/c')
  makeFolders(path, make)
  expect(statSync(path).isDirectory()).toBe(true)
  makeFolders(path, make)
})

test.skipIf(process.platform === 'win32')('makes each for its owner alone (needs modes)', () => {
  makeFolders(join(root, 'own/b/c'), make)
  for (const name of ['own', 'own/b', 'own/b/c'])
    expect(statSync(join(root, name)).mode & 0o777).toBe(0o700)
})

test('goes through a link to a folder, and leaves a file as it is', () => {
  makeFolders(join(root, 'target'), make)
  symlinkSync(join(root, 'target'), join(root, 'link'), 'junction')
  makeFolders(join(root, 'link/inner'), make)
  expect(existsSync(join(root, 'target/inner'))).toBe(true)
  const file = join(root, 'file')
  writeFileSync(file, 'text')
  makeFolders(file, make)
  expect(() => makeFolders(join(file, 'inner'), make)).toThrow(/ENOTDIR|ENOENT/)
})

test('somebody who makes the same meanwhile is no trouble', () => {
  const path = join(root, 'x/y')
  makeFolders(path, (folder) => {
    make(folder)
    if (folder === join(root, 'x')) make(path)
  })
  expect(statSync(path).isDirectory()).toBe(true)
})

test('ends where what is missing cannot be made', () => {
  const asked: string[] = []
  const never = (folder: string): void => {
    asked.push(folder)
    throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
  }
  expect(() => makeFolders('/p/x', never)).toThrow('ENOENT')
  expect(new Set(asked)).toEqual(new Set(['/p/x', '/p', '/']))
})

test.skipIf(!existsSync('/proc/self'))('ends below /proc (needs /proc)', () => {
  expect(() => makeFolders('/proc/chaperone/log', make)).toThrow('ENOENT')
})
