/** Of `chaperone.yaml`: where the guard listens, and which key stands for which mandate. */
import { hash } from 'node:crypto'
import { resolve } from 'node:path'
import type { DocMap, DocNode, Place, Problems } from '../model/document.ts'
import { hashed, type Sha256 } from '../model/id.ts'
import { isHost, isName, isOrigin, isPort } from './host.ts'
import {
  find,
  mapOf,
  type Reading,
  referenceIn,
  textOf,
  texts,
  valueOf,
} from './settings-member.ts'

/** One key and the mandate that it stands for. Nothing of the key is kept but its hash. */
export interface KeyRow {
  readonly key: Sha256
  /** Absolute. */
  readonly mandate: string
  readonly place: Place
}

export interface Listening {
  readonly host?: string
  readonly port?: number
  /** Names by which the listener is reached, in lower case. */
  readonly hosts: readonly string[]
  /** Web origins whose pages may use it. */
  readonly origins: readonly string[]
  readonly keys: readonly KeyRow[]
}

export const NO_LISTENING: Listening = { hosts: [], origins: [], keys: [] }

/** Paths of mandates are taken from the folder of the file. */
export function readListening(root: DocMap, reading: Reading): Listening {
  const listen = find(root, 'listen')
  const keys = find(root, 'keys')
  return {
    ...(listen ? readListen(listen, reading.problems) : NO_LISTENING),
    keys: keys ? readKeys(keys, reading) : [],
  }
}

function readListen(node: DocNode, problems: Problems): Omit<Listening, 'keys'> {
  const map = mapOf(node, '`listen`', ['host', 'port', 'hosts', 'origins'], problems)
  if (!map) return NO_LISTENING
  const [host, port] = [find(map, 'host'), find(map, 'port')]
  const said = host?.kind === 'scalar' ? host.value : undefined
  if (host && (typeof said !== 'string' || !isHost(said)))
    problems.error(host, 'host', '`host` is no address to listen on', 'write 127.0.0.1, or ::1')
  const number = port?.kind === 'scalar' ? port.value : undefined
  if (port && (typeof number !== 'number' || !isPort(number)))
    problems.error(port, 'port', '`port` is no port', 'write a number from 0 to 65535')
  return {
    ...(typeof said === 'string' && { host: said }),
    ...(typeof number === 'number' && { port: number }),
    hosts: texts(find(map, 'hosts'), 'hosts', problems).flatMap((item) => {
      const name = item.value.toLowerCase()
      if (isName(name)) return [name]
      const remedy = 'write the name alone, without scheme and port: guard.example'
      problems.error(item, 'host', `\`${item.value}\` is no name of a host`, remedy)
      return []
    }),
    origins: texts(find(map, 'origins'), 'origins', problems).flatMap((item) => {
      if (isOrigin(item.value)) return [item.value]
      const remedy = 'write it as a browser does, without a path: https://app.example'
      problems.error(item, 'origin', `\`${item.value}\` is no web origin`, remedy)
      return []
    }),
  }
}

function readKeys(node: DocNode, reading: Reading): readonly KeyRow[] {
  const { problems } = reading
  if (node.kind !== 'list') {
    const remedy = 'write - { key: "${NAME}", mandate: m.yaml } for each'
    problems.error(node, 'wrong_type', '`keys` must be a list', remedy)
    return []
  }
  const seen = new Map<string, Place>()
  return node.items.flatMap((item) => {
    const row = readKey(item, reading)
    if (!row) return []
    const before = seen.get(row.key)
    seen.set(row.key, row.place)
    if (!before) return [row]
    const message = `this key stands in line ${before.line} already`
    problems.error(item, 'duplicate_key', message, 'a key stands for one mandate: make another')
    return []
  })
}

function readKey(node: DocNode, reading: Reading): KeyRow | undefined {
  const { problems, folder } = reading
  const map = mapOf(node, 'a key', ['key', 'sha256', 'mandate'], problems)
  if (!map) return undefined
  const mandate = find(map, 'mandate')
  const path = mandate && textOf(mandate, 'mandate', problems)
  if (!mandate) {
    const remedy = 'add `mandate: m.yaml`'
    problems.error(map, 'missing_member', 'a key without a `mandate`', remedy)
  }
  const key = keyOf(map, reading)
  if (!path || key === undefined) return undefined
  return { key, mandate: resolve(folder, path.value), place: map.place }
}

const SHORTEST_KEY = 32
const LONGEST_KEY = 512
const MAKE = 'make one with `openssl rand -hex 32`'

function keyOf(map: DocMap, reading: Reading): Sha256 | undefined {
  const { problems } = reading
  const [key, digest] = [find(map, 'key'), find(map, 'sha256')]
  const node = key ?? digest
  if (!node || (key && digest)) {
    const message = node ? 'both `key` and `sha256` are there' : 'a key without `key` or `sha256`'
    const remedy = 'write `key: "${NAME}"`, or `sha256:` and the hash of the key in hex'
    problems.error(map, 'missing_member', message, remedy)
    return undefined
  }
  const text = textOf(node, key ? 'key' : 'sha256', problems)
  if (!text) return undefined
  if (digest) {
    if (/^[0-9a-f]{64}$/.test(text.value)) return hashed(text.value)
    const remedy = 'write 64 digits in lower case: printf %s "$KEY" | sha256sum'
    problems.error(text, 'key_hash', '`sha256` is no hash of a key', remedy)
    return undefined
  }
  const name = referenceIn(text.value)
  if (name === undefined) {
    const remedy = 'keep it in the environment and write `key: "${NAME}"`, or write its `sha256`'
    problems.error(text, 'secret_in_clear', 'a key is written in clear', remedy)
    return undefined
  }
  const value = valueOf(name, text, reading)
  if (value === undefined) return undefined
  if (value.length >= SHORTEST_KEY && value.length <= LONGEST_KEY && /^[\w.~+/-]+=*$/.test(value))
    return hashed(hash('sha256', value, 'hex'))
  const form = `has to be ${SHORTEST_KEY} to ${LONGEST_KEY} characters of A-Z a-z 0-9 . _ ~ + / -`
  problems.error(text, 'weak_key', `what \`${text.value}\` stands for is no key: it ${form}`, MAKE)
  return undefined
}
