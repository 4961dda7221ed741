/**
 * What a launch line starts, told from the words of its command: the package behind `npx`, the script behind
 * `node`, the image behind `docker run`. Two lines that start the same thing get the same identity.
 */
import { basename, isAbsolute, resolve } from 'node:path'

export interface LaunchLine {
  readonly command: string
  readonly args: readonly string[]
  /** Absolute: what relative paths in the line are relative to. */
  readonly cwd: string
}

/** The path with its symbolic links resolved, or undefined where there is no such file. */
export type RealPath = (path: string) => string | undefined

export interface Launched {
  readonly kind: 'npm' | 'pypi' | 'image' | 'module' | 'script' | 'program'
  /** A package name without version, an image without tag, an absolute script path, or a program's name. */
  readonly name: string
  /** What the started server is told. */
  readonly args: readonly string[]
}

/** What the line starts; undefined where its words do not say (an empty shell command). */
export function launched(line: LaunchLine, realpath: RealPath): Launched | undefined {
  return read([line.command, ...line.args], { cwd: line.cwd, realpath }, 0)
}

/** True when both start the same server, whatever their arguments. */
export function sameServer(a: Launched, b: Launched): boolean {
  return a.kind === b.kind && a.name === b.name
}

/** True when the line starts a guard. */
export function isChaperone(started: Launched): boolean {
  switch (started.kind) {
    case 'npm':
      return started.name === 'mcp-chaperone'
    case 'program':
    case 'script':
      return /^chaperone(?:\.[cm]?[jt]s)?$/.test(basename(started.name))
    case 'pypi':
    case 'image':
    case 'module':
      return false
  }
}

interface Where {
  readonly cwd: string
  readonly realpath: RealPath
}

type Reading = (words: readonly string[], where: Where, depth: number) => Launched | undefined

/** Shells within shells are followed only so far. */
const DEEPEST = 4

function read(words: readonly string[], where: Where, depth: number): Launched | undefined {
  const [command, ...rest] = words
  if (command === undefined || command === '' || depth > DEEPEST) return undefined
  const reading = READINGS.get(programName(command))
  return reading ? reading(rest, where, depth) : program(command, rest, where)
}

const npm = packageOf('npm', npmName, ['-p', '--package'], ['-c', '--call', '--registry', '-w'])
const pypi = packageOf('pypi', pypiName, ['--from'], ['--with', '--python', '-p', '--index-url'])
const python = scriptOf(['-X', '-W'], [])
const node = scriptOf(['-r', '--require', '--import', '--loader', '-C', '--conditions'], ['run'])

const READINGS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  ['npx', npm],
  ['bunx', npm],
  ['pnpx', npm],
  ['npm', after(['exec', 'x'], npm)],
  ['pnpm', after(['dlx', 'exec'], npm)],
  ['yarn', after(['dlx'], npm)],
  ['uvx', pypi],
  ['uv', uv],
  ['pipx', after(['run'], pypi)],
  ['docker', after(['run'], image)],
  ['podman', after(['run'], image)],
  ['node', node],
  ['tsx', node],
  [
    'bun',
    (words, where, depth) =>
      (words[0] === 'x' ? npm : node)(words.slice(words[0] === 'x' ? 1 : 0), where, depth),
  ],
  ['deno', node],
  ['python', python],
  ['python3', python],
  ['java', scriptOf(['-cp', '-classpath'], ['-jar'])],
  [
    'env',
    (words, where, depth) =>
      read(words.slice(first(words, (word) => !word.includes('='))), where, depth + 1),
  ],
  [
    'cmd',
    (words, where, depth) =>
      read(words.slice(first(words, (word) => !/^\/[a-z]$/i.test(word))), where, depth + 1),
  ],
  ['sh', shell],
  ['bash', shell],
  ['zsh', shell],
])

function programName(command: string): string {
  return (command.split(/[\\/]/).at(-1) ?? '').toLowerCase().replace(/\.(?:exe|cmd|bat|ps1)$/, '')
}

function program(command: string, args: readonly string[], where: Where): Launched {
  if (!/[\\/]/.test(command)) return { kind: 'program', name: programName(command), args }
  const file = script(command, args, where)
  return file.kind === 'npm' ? file : { kind: 'program', name: programName(command), args }
}

/** The index of the first word for which it holds, or the number of words. */
function first(words: readonly string[], holds: (word: string) => boolean): number {
  const index = words.findIndex(holds)
  return index === -1 ? words.length : index
}

/** Reads on behind a subcommand (`npm exec`), and says nothing of any other. */
function after(subcommands: readonly string[], then: Reading): Reading {
  return (words, where, depth) => {
    const at = first(words, (word) => !word.startsWith('-'))
    const subcommand = words[at]
    if (subcommand === undefined || !subcommands.includes(subcommand)) return undefined
    return then(words.slice(at + 1), where, depth)
  }
}

/** The first word that is neither a flag nor a flag's value. */
function operand(words: readonly string[], valued: readonly string[]): number {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === '--') return at + 1
    if (!word.startsWith('-')) return at
    if (valued.includes(word)) at += 1
  }
  return words.length
}

function flagValue(
  words: readonly string[],
  names: readonly string[],
  end: number,
): string | undefined {
  for (let at = 0; at < end; at += 1) {
    const word = words[at] ?? ''
    if (names.includes(word)) return words[at + 1]
    const named = names.find((name) => word.startsWith(`${name}=`))
    if (named !== undefined) return word.slice(named.length + 1)
  }
  return undefined
}

function packageOf(
  kind: 'npm' | 'pypi',
  nameOf: (spec: string) => string,
  naming: readonly string[],
  valued: readonly string[],
): Reading {
  return (words) => {
    const at = operand(words, [...naming, ...valued])
    const spec = flagValue(words, naming, at) ?? words[at]
    return spec === undefined ? undefined : { kind, name: nameOf(spec), args: words.slice(at + 1) }
  }
}

/** `@scope/name@1.2.3` without its version. */
function npmName(spec: string): string {
  const at = spec.lastIndexOf('@')
  return at > 0 ? spec.slice(0, at) : spec
}

/** PEP 503: case and the kind of separator do not matter; extras and versions are left out. */
function pypiName(spec: string): string {
  return spec
    .replace(/[[@=<>~!; ].*$/s, '')
    .toLowerCase()
    .replace(/[-_.]+/g, '-')
}

function uv(words: readonly string[], where: Where, depth: number): Launched | undefined {
  if (words[0] === 'tool' && words[1] === 'run') return pypi(words.slice(2), where, depth)
  if (words[0] !== 'run') return undefined
  const folder = flagValue(words, ['--directory', '--project'], words.length)
  const at = 1 + operand(words.slice(1), ['--directory', '--project', '--with', '--python', '-p'])
  const cwd = folder === undefined ? where.cwd : resolve(where.cwd, folder)
  const rest = words.slice(at)
  return rest[0]?.endsWith('.py') === true
    ? script(rest[0], rest.slice(1), { ...where, cwd })
    : read(rest, { ...where, cwd }, depth + 1)
}

const DOCKER_VALUED =
  '-e --env --env-file -v --volume --mount --name --network --net -p --publish -u --user -w --workdir --entrypoint \
--platform --add-host -h --hostname -l --label -m --memory --cpus --pull'.split(' ')

function image(words: readonly string[]): Launched | undefined {
  const at = operand(words, DOCKER_VALUED)
  const spec = words[at]
  if (spec === undefined) return undefined
  const name = spec.replace(/@sha256:.*$/, '').replace(/:[^/:]*$/, '')
  return { kind: 'image', name, args: words.slice(at + 1) }
}

function scriptOf(valued: readonly string[], skipped: readonly string[]): Reading {
  return (words, where) => {
    const module = words[0] === '-m' ? words[1] : undefined
    if (module !== undefined) return { kind: 'module', name: module, args: words.slice(2) }
    const start = skipped.includes(words[0] ?? '') ? 1 : 0
    const at = start + operand(words.slice(start), valued)
    const file = words[at]
    return file === undefined ? undefined : script(file, words.slice(at + 1), where)
  }
}

/** A file is the package that it was installed from, wherever that was installed. */
function script(file: string, args: readonly string[], where: Where): Launched {
  const path = isAbsolute(file) ? file : resolve(where.cwd, file)
  const real = where.realpath(path) ?? path
  const installed = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/.][^\\/]*)[\\/]/s.exec(
    real,
  )?.[1]
  return installed === undefined
    ? { kind: 'script', name: real, args }
    : { kind: 'npm', name: installed.replace('\\', '/'), args }
}

function shell(words: readonly string[], where: Where, depth: number): Launched | undefined {
  const at = words.findIndex((word) => /^-[a-z]*c$/.test(word))
  const line = at === -1 ? undefined : words[at + 1]
  if (line === undefined) return scriptOf([], [])(words, where, depth)
  const inner = line
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/^(['"])(.*)\1$/, '$2'))
  return read(inner[0] === 'exec' ? inner.slice(1) : inner, where, depth + 1)
}
