/** Reads one entry of `mcp.json`: how a server is reached, with what is known of the members that clients add. */
import { resolve } from 'node:path'
import {
  type DocEntry,
  type DocMap,
  nearest,
  type Place,
  type Problems,
} from '../model/document.ts'
import { ADDRESS_MEMBERS, readAddress, TRANSPORTS, type Transport } from './address-entry.ts'
import type { LoginSettings } from '../model/login.ts'
import { find, readText, readTimeout, warnSecret, wrongType, type Reading } from './entry-member.ts'

interface Common {
  readonly server: string
  /** Where its name stands. */
  readonly place: Place
  /** How long a call may take, where the entry says so, in milliseconds. */
  readonly timeoutMs?: number
}

/** A program of this machine. */
export interface StdioUpstream extends Common {
  readonly kind: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  /** What the entry adds to the environment of its process. */
  readonly env: Readonly<Record<string, string>>
  /** Absolute. Where the entry names none it is the folder of `mcp.json`, so that its paths mean the same everywhere. */
  readonly cwd: string
}

/** A server that is reached by URL. */
export interface HttpUpstream extends Common {
  readonly kind: 'http'
  readonly url: string
  /** Sent with every request; values may be secrets. */
  readonly headers: Readonly<Record<string, string>>
  readonly transport: Transport
  /** How `chaperone login` gets a token for it. */
  readonly oauth?: LoginSettings
}

/** An upstream as `mcp.json` describes it, its variables expanded. */
export type Upstream = StdioUpstream | HttpUpstream

/** The upstream; undefined when it is switched off or an error was reported. */
export function readEntry(
  entry: DocEntry,
  where: Pick<Reading, 'env' | 'folder'>,
  problems: Problems,
): Upstream | undefined {
  const { key: server, value: node, keyPlace: place } = entry
  if (node.kind !== 'map') {
    problems.error(
      node,
      'not_a_map',
      `the server \`${server}\` must be a map`,
      'write {"command": "…", "args": []}, or {"url": "…"}',
    )
    return undefined
  }
  const reading: Reading = { ...where, server, problems }
  const off = switchedOff(node, reading)
  if (off !== false) return undefined
  const way = wayTo(node, place, reading)
  checkMembers(node, way, reading)
  if (way === undefined) return undefined
  const timeoutMs = readTimeout(node, reading)
  const reached =
    way === 'stdio' ? readLaunch(node, place, reading) : readRemote(node, place, way, reading)
  if (!reached || timeoutMs === null) return undefined
  const base = { server, place, ...reached }
  return timeoutMs === undefined ? base : { ...base, timeoutMs }
}

type Launch = Omit<StdioUpstream, keyof Common>
type Remote = Omit<HttpUpstream, keyof Common>

function readLaunch(node: DocMap, place: Place, reading: Reading): Launch | undefined {
  const command = readCommand(node, place, reading)
  const args = readArgs(node, reading)
  const env = readEnv(node, reading)
  const cwd = readCwd(node, reading)
  if (command === undefined || !args || !env || cwd === undefined) return undefined
  return { kind: 'stdio', command, args, env, cwd }
}

function readRemote(
  node: DocMap,
  place: Place,
  transport: Transport,
  reading: Reading,
): Remote | undefined {
  const address = readAddress(node, place, transport, reading)
  return address && { kind: 'http', ...address }
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

const LAUNCH = ['command', 'args', 'env', 'cwd']
const REMOTE = [...ADDRESS_MEMBERS, 'headers', 'insecure', 'oauth']
const KNOWN: readonly string[] = [
  ...LAUNCH,
  ...REMOTE,
  'type',
  'timeout',
  'disabled',
  'enabled',
  'envFile',
  'description',
]
const APPROVING: ReadonlySet<string> = new Set(['alwaysAllow', 'autoApprove', 'trust'])
const SELECTING: ReadonlySet<string> = new Set([
  'disabledTools',
  'enabledTools',
  'excludeTools',
  'includeTools',
  'tools',
])

/** How the server is reached: `stdio`, or over HTTP by a transport; undefined when an error was reported. */
type Way = 'stdio' | Transport | undefined

function checkMembers(node: DocMap, way: Way, { problems, server }: Reading): void {
  const unused = way === undefined ? [] : way === 'stdio' ? REMOTE : LAUNCH
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
    } else if (unused.includes(key)) {
      const reached = way === 'stdio' ? 'started by a command' : 'reached by URL'
      const message = `\`${key}\` means nothing for \`${server}\`, which is ${reached}, and is ignored`
      problems.warning({ place }, 'unused_member', message, 'remove it')
    } else if (!KNOWN.includes(key)) {
      const near = nearest(key, KNOWN)
      const remedy = near === undefined ? 'remove it' : `did you mean \`${near}\`?`
      const message = `\`${key}\` is no member of a server that is known here, and is ignored`
      problems.warning({ place }, 'unknown_member', message, remedy)
    }
  }
}

const ADD_COMMAND = 'add `command`, the program that starts it'

function wayTo(node: DocMap, place: Place, { problems, server }: Reading): Way {
  const address = node.entries.find((entry) => ADDRESS_MEMBERS.includes(entry.key))
  const command = find(node, 'command')
  const type = find(node, 'type')
  const said = type?.kind === 'scalar' ? type.value : type && false
  const transport = TRANSPORTS.get(said)
  if (said !== 'stdio' && transport === undefined) {
    const shown = typeof said === 'string' ? `\`${said}\`` : 'no text'
    const message = `the \`type\` of \`${server}\` is ${shown}`
    problems.error(type ?? { place }, 'unknown_type', message, 'write "stdio", "http" or "sse"')
    return undefined
  }
  const isRemote = said === undefined ? address !== undefined : said !== 'stdio'
  if (address && (command || !isRemote)) {
    const other = command ? '`command`' : '`type: stdio`'
    const message = `the server \`${server}\` has both ${other} and \`${address.key}\``
    problems.error({ place: address.keyPlace }, 'two_transports', message, 'keep one of the two')
    return undefined
  }
  return isRemote ? transport : 'stdio'
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
