import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isChaperone, launched, sameServer } from '../../src/config/launch.ts'

const nowhere = (): undefined => undefined
const read = (command: string, ...args: string[]) => launched({ command, args, cwd: '/w' }, nowhere)

test('tells what a line starts, and what the server is told', () => {
  expect(read('npx', '-y', '@a/b@1.2.3', '--root', '/x')).toEqual({
    kind: 'npm',
    name: '@a/b',
    args: ['--root', '/x'],
  })
  expect(read('docker', 'run', '-i', '--name', 'n', 'img:1', '--flag')).toEqual({
    kind: 'image',
    name: 'img',
    args: ['--flag'],
  })
  expect(read('python3', '-u', 's.py', 'x')).toEqual({
    kind: 'script',
    name: '/w/s.py',
    args: ['x'],
  })
  expect(read('C:\\tools\\Server.EXE')).toEqual({ kind: 'program', name: 'server', args: [] })
})

test('a launcher inside a launcher is followed only so far', () => {
  expect(read('env', 'A=b', 'sh', '-c', 'exec npx a')?.name).toBe('a')
  expect(read(...(Array.from({ length: 9 }, () => 'env') as ['env']), 'a')).toBeUndefined()
})

const word = fc.oneof(
  fc.string(),
  fc.constantFrom(
    ...'npx -y -- -c -m run docker uv env cmd /c sh node -p --package --from'.split(' '),
    ...'@ @a @a/b a=b x.py .. / \\'.split(' '),
  ),
)

test('any words at all are read without a fault, and alike each time', () => {
  fc.assert(
    fc.property(word, fc.array(word), (command, args) => {
      const first = read(command, ...args)
      expect(read(command, ...args)).toEqual(first)
      expect(first === undefined || sameServer(first, first)).toBe(true)
      expect(first === undefined || !isChaperone(first) || /chaperone/.test(first.name)).toBe(true)
    }),
  )
})

test('the version of a package never matters, and its name always does', () => {
  const name = fc.stringMatching(/^(?:@[a-z][a-z0-9-]{0,8}\/)?[a-z][a-z0-9-]{0,12}$/)
  const version = fc.constantFrom('', '@latest', '@1.2.3', '@^2', '@next')
  fc.assert(
    fc.property(name, name, version, version, (one, other, v1, v2) => {
      const a = read('npx', '-y', `${one}${v1}`)
      const b = read('bunx', `${other}${v2}`)
      expect(a && b && sameServer(a, b)).toBe(one === other)
    }),
  )
})
