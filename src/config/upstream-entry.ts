/** Reads one entry of `mcp.json`: how a server is started, with what is known of the members that clients add. */
import { resolve } from 'node:path'
import {
  type DocEntry,
  type DocMap,
  type DocNode,
  nearest,
  type Place,
  type Problems,
} from '../model/document.ts'
import { holdsSecret } from '../model/secret-shape.ts'
import { durationMs } from '../model/time.ts'
import type { Env } from './settings.ts'
import { expand } from './variable.ts'

/** An upstream as `mcp.json` describes it, its variables expanded. */
export interface Upstream {
  readonly server: string
  readonly kind: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  /** What the entry adds to the environment of its process. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute. Where the entry names none it is the folder of `mcp.json`, so that its paths mean the same everywhere. */
  readonly cwd: string
  /** Where its name stands. */
  readonly place: Place
  /** How long a call may take, where the entry says so, in milliseconds. */
  readonly timeoutMs?: number
}

interface Where {
  readonly env: Env
  /** The folder of the file: relative `cwd`s are taken from it. */
  readonly folder: string
}

interface Reading extends Where {
  readonly server: string
  readonly problems: Problems
}

/** The upstream; undefined when it is switched off or an error was reported. */
export function readEntry(entry: DocEntry, where: Where, problems: Problems): Upstream | undefined {
  const { key: server, value: node, keyPlace: place } = entry
  if (node.kind !== 'map') {
    problems.error(
      node,
      'not_a_map',
      `the server \`${server}\` must be a map`,
      'write {"command": "…", "args": []}',
    )
    return undefined
  }
  const reading: Reading = { ...where, server, problems }
  const off = switchedOff(node, reading)
  if (off !== false) return undefined
  checkMembers(node, reading)
  if (!isStdio(node, place, reading)) return undefined
  const command = readCommand(node, place, reading)
  const args = readArgs(node, reading)
  const env = readEnv(node, reading)
  const cwd = readCwd(node, reading)
  const timeoutMs = readTimeout(node, reading)
  if (command === undefined || !args || !env || cwd === undefined || timeoutMs === null) {
    return undefined
  }
  const base = { server, kind: 'stdio', command, args, env, cwd, place } as const
  return timeoutMs === undefined ? base : { ...base, timeoutMs }
}

function find(node: DocMap, key: string): DocNode | undefined {
  return node.entries.find((entry) => entry.key === key)?.value
}

/** Undefined when a switch is neither true nor false. */
function switchedOff(node: DocMap, reading: Reading): boolean | undefined {
  for (const [key, off] of [
    ['disabled', true],
    ['enabled', false],
  ] as const) {
    const value = find(node, key)
    if (!value) continue
    if (value.kind !== 'scalar' || typeof value.value !== 'boolean') {
      wrongType(value, key, 'true or false', reading)
      return undefined
    }
    if (value.value === off) {
      const message = `the server \`${reading.server}\` is switched off and left out`
      reading.problems.warning(value, 'upstream_disabled', message)
      return true
    }
  }
  return false
}

const READ = ['type', 'command', 'args', 'env', 'cwd', 'timeout', 'disabled', 'enabled']
const ADDRESS = ['url', 'serverUrl', 'httpUrl']
const KNOWN: readonly string[] = [...READ, ...ADDRESS, 'envFile', 'description']
const APPROVING: ReadonlySet<string> = new Set(['alwaysAllow', 'autoApprove', 'trust'])
const SELECTING: ReadonlySet<string> = new Set([
  'disabledTools',
  'enabledTools',
  'excludeTools',
  'includeTools',
  'tools',
])

function checkMembers(node: DocMap, { problems, server }: Reading): void {
  for (const { key, keyPlace: place } of node.entries) {
    if (key === 'envFile') {
      problems.error(
        { place },
        'env_file',
        '`envFile` is not supported: what a server is given stands in `env`',
        'name each variable there, as `"NAME": "${NAME}"`',
      )
    } else if (APPROVING.has(key)) {
      problems.warning(
        { place },
        'client_approval',
        `\`${key}\` of \`${server}\` is ignored: the mandate says what needs an approval`,
        'remove it here',
      )
    } else if (SELECTING.has(key)) {
      problems.warning(
        { place },
        'client_selection',
        `\`${key}\` of \`${server}\` is ignored: the mandate says which tools there are`,
        'remove it here',
      )
    } else if (!KNOWN.includes(key)) {
      const near = nearest(key, KNOWN)
      const remedy = near === undefined ? 'remove it' : `did you mean \`${near}\`?`
      const message = `\`${key}\` is no member of a server that is known here, and is ignored`
      problems.warning({ place }, 'unknown_member', message, remedy)
    }
  }
}

const ADD_COMMAND = 'add `command`, the program that starts it'
const REMOTE: ReadonlySet<string> = new Set([
  'http',
  'sse',
  'streamable-http',
  'streamableHttp',
  'ws',
])

/** Reports what is not started by a command on this machine. */
function isStdio(node: DocMap, place: Place, { problems, server }: Reading): boolean {
  const address = node.entries.find((entry) => ADDRESS.includes(entry.key))
  const type = find(node, 'type')
  const kind = type?.kind === 'scalar' ? type.value : undefined
  if (address && find(node, 'command')) {
    const message = `the server \`${server}\` has both \`command\` and \`${address.key}\``
    problems.error({ place: address.keyPlace }, 'two_transports', message, 'keep one of the two')
    return false
  }
  if (address || (typeof kind === 'string' && REMOTE.has(kind))) {
    problems.error(
      { place: address?.keyPlace ?? type?.place ?? place },
      'remote_upstream',
      `the server \`${server}\` is reached by URL, which is not supported by this version: only stdio upstreams are`,
      'start it by a command, or leave it out',
    )
    return false
  }
  if (type && kind !== 'stdio') {
    const said = typeof kind === 'string' ? `\`${kind}\`` : 'no text'
    problems.error(
      type,
      'unknown_type',
      `the \`type\` of \`${server}\` is ${said}`,
      'write "stdio"',
    )
    return false
  }
  return true
}

function readCommand(node: DocMap, place: Place, reading: Reading): string | undefined {
  const value = find(node, 'command')
  if (!value) {
    const message = `the server \`${reading.server}\` has no \`command\``
    reading.problems.error({ place }, 'missing_command', message, ADD_COMMAND)
    return undefined
  }
  const command = readText(value, 'command', reading)
  if (command === undefined) return undefined
  if (command.trim() === '') {
    reading.problems.error(value, 'missing_command', '`command` is empty', ADD_COMMAND)
    return undefined
  }
  if (/^[\w.-]+\s+\S/.test(command) && !find(node, 'args')) {
    reading.problems.warning(
      value,
      'command_line',
      '`command` is one program, and this looks like a program with its arguments',
      'put every word after the first into `args`',
    )
  }
  return command
}

function readArgs(node: DocMap, reading: Reading): readonly string[] | undefined {
  const value = find(node, 'args')
  if (!value) return []
  if (value.kind !== 'list') {
    wrongType(value, 'args', 'a list of texts', reading)
    return undefined
  }
  const args = value.items.map((item, index) => {
    const text = readText(item, `args[${index}]`, reading)
    warnSecret(item, `args[${index}]`, reading)
    return text
  })
  const texts = args.filter((arg) => arg !== undefined)
  return texts.length === args.length ? texts : undefined
}

const VARIABLE_NAME = /^[^=\0]+$/

function readEnv(node: DocMap, reading: Reading): Readonly<Record<string, string>> | undefined {
  const value = find(node, 'env')
  if (!value) return {}
  if (value.kind !== 'map') {
    wrongType(value, 'env', 'a map of texts', reading)
    return undefined
  }
  let good = true
  const pairs: [string, string][] = []
  for (const { key, keyPlace: place, value: item } of value.entries) {
    if (!VARIABLE_NAME.test(key)) {
      const message = `\`${key}\` is no name for an environment variable`
      reading.problems.error({ place }, 'variable_name', message, 'use letters, digits and `_`')
      good = false
      continue
    }
    const text = readText(item, `env.${key}`, reading)
    warnSecret(item, `env.${key}`, reading, key)
    if (text === undefined) good = false
    else pairs.push([key, text])
  }
  return good ? Object.fromEntries(pairs) : undefined
}

function readCwd(node: DocMap, reading: Reading): string | undefined {
  const value = find(node, 'cwd')
  if (!value) return reading.folder
  const text = readText(value, 'cwd', reading)
  return text === undefined ? undefined : resolve(reading.folder, text)
}

const LONGEST_SECONDS = 3600

/** A number is seconds, as in Cline; a text says its unit. Null when an error was reported. */
function readTimeout(node: DocMap, reading: Reading): number | undefined | null {
  const value = find(node, 'timeout')
  if (!value) return undefined
  const said = value.kind === 'scalar' ? value.value : undefined
  const ms =
    typeof said === 'number' ? said * 1000 : typeof said === 'string' ? durationMs(said) : undefined
  if (ms !== undefined && Number.isSafeInteger(ms) && ms > 0 && ms <= LONGEST_SECONDS * 1000) {
    return ms
  }
  const remedy = `write a number of seconds up to ${LONGEST_SECONDS}, or a text such as "90s"`
  const message = `the \`timeout\` of \`${reading.server}\` is no time that a call may take`
  reading.problems.error(value, 'timeout', message, remedy)
  return null
}

/** A text with its variables expanded. */
function readText(node: DocNode, what: string, reading: Reading): string | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    wrongType(node, what, 'a text', reading)
    return undefined
  }
  const text = expand(node.value, node, reading.env, reading.problems)
  if (text?.includes('\0') !== true) return text
  const message = `\`${what}\` of \`${reading.server}\` holds a NUL character`
  reading.problems.error(node, 'hidden_character', message, 'remove it')
  return undefined
}

function wrongType(node: DocNode, what: string, expected: string, reading: Reading): void {
  const scalar = node.kind === 'scalar' && node.value !== null
  reading.problems.error(
    node,
    'wrong_type',
    `\`${what}\` of \`${reading.server}\` must be ${expected}`,
    scalar && expected === 'a text' ? 'put it in quotes' : 'correct it here',
  )
}

function warnSecret(node: DocNode, what: string, reading: Reading, name = 'NAME'): void {
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || !isCredential(node.value)) return
  reading.problems.warning(
    node,
    'secret_in_clear',
    `\`${what}\` of \`${reading.server}\` looks like a secret written in clear`,
    `keep it in the environment of the guard and write \`\${${name}}\` here`,
  )
}

const PASSWORD_IN_URL = /:\/\/[^\s:/@]{1,256}:[^\s@$]{3,256}@/

/** A value that is a credential by its shape: the person who wrote it into a file is warned. */
function isCredential(text: string): boolean {
  const start = text.slice(0, 8192)
  return holdsSecret(start) || PASSWORD_IN_URL.test(start)
}
