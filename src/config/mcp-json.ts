/** Reads `mcp.json`: the upstreams, in the two spellings that clients use (`mcpServers`, and VS Code's `servers`). */
import { dirname, resolve } from 'node:path'
import { readDocument } from '../document/read.ts'
import {
  type DocEntry,
  type DocMap,
  type DocNode,
  type Problem,
  Problems,
} from '../model/document.ts'
import type { WrittenLaunch } from '../model/lock.ts'
import { looksOf } from '../model/look-alike.ts'
import { isChaperone, launched, type RealPath } from './launch.ts'
import type { Env } from './settings.ts'
import { readEntry, type Upstream } from './upstream-entry.ts'
import { writtenLaunch } from './written-launch.ts'

export type { StdioUpstream, Upstream } from './upstream-entry.ts'

export interface Upstreams {
  /** Those that could be read and are not switched off. Start none of them when a problem is an error. */
  readonly upstreams: readonly Upstream[]
  /** How each of them is started, as the file says it: what the lock file approves. */
  readonly launches: ReadonlyMap<string, WrittenLaunch>
  readonly problems: readonly Problem[]
}

const NO_LAUNCHES: Upstreams['launches'] = new Map()

/** A path given relative is taken from the process's folder; `realpath` recognises a script behind a link. */
export function loadUpstreams(path: string, env: Env, realpath: RealPath): Upstreams {
  const read = readDocument(path, { comments: true })
  if (!read.node) return { upstreams: [], launches: NO_LAUNCHES, problems: read.problems }
  const problems = new Problems()
  for (const found of read.problems) problems.add(found)
  const servers = serversOf(read.node, problems)
  if (!servers) return { upstreams: [], launches: NO_LAUNCHES, problems: problems.list }
  const folder = dirname(resolve(path))
  const names = checkNames(servers.entries, problems)
  const upstreams: Upstream[] = []
  const launches = new Map<string, WrittenLaunch>()
  for (const entry of names) {
    const upstream = readEntry(entry, { env, folder }, problems)
    if (!upstream || startsGuard(upstream, realpath, problems)) continue
    upstreams.push(upstream)
    launches.set(upstream.server, writtenLaunch(entry))
  }
  if (upstreams.length === 0 && !problems.bad) {
    problems.error(
      servers,
      'no_upstreams',
      'no upstream is left to guard',
      'add one, or switch one on',
    )
  }
  return { upstreams, launches, problems: problems.list }
}

const SERVERS = ['mcpServers', 'servers']
const BESIDE: ReadonlySet<string> = new Set(['inputs', '$schema'])

/** The map of servers, under whichever of its two names. */
function serversOf(node: DocNode, problems: Problems): DocMap | undefined {
  const shape =
    'write {"mcpServers": {"name": {"command": "…", "args": []}}}, or {"url": "…"} in it'
  if (node.kind !== 'map') {
    problems.error(node, 'not_a_map', 'expected a map with `mcpServers`', shape)
    return undefined
  }
  for (const entry of node.entries) {
    if (SERVERS.includes(entry.key) || BESIDE.has(entry.key)) continue
    problems.warning(
      { place: entry.keyPlace },
      'unknown_member',
      `\`${entry.key}\` is no member of mcp.json that is known here, and is ignored`,
    )
  }
  const [found, second] = node.entries.filter((entry) => SERVERS.includes(entry.key))
  if (!found) {
    problems.error(node, 'no_servers', 'neither `mcpServers` nor `servers` is there', shape)
    return undefined
  }
  if (second) {
    const message = 'both `mcpServers` and `servers` are there'
    problems.error({ place: second.keyPlace }, 'two_spellings', message, 'keep one of the two')
    return undefined
  }
  if (found.value.kind !== 'map') {
    problems.error(found.value, 'not_a_map', `\`${found.key}\` must be a map by name`, shape)
    return undefined
  }
  if (found.value.entries.length === 0) {
    problems.error(found.value, 'no_upstreams', `\`${found.key}\` names no server`, shape)
    return undefined
  }
  return found.value
}

const LONGEST_NAME = 64
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/

/** Entries with a usable name. */
function checkNames(entries: readonly DocEntry[], problems: Problems): readonly DocEntry[] {
  const seen = new Map<string, DocEntry>()
  return entries.filter((entry) => {
    const { key } = entry
    const at = { place: entry.keyPlace }
    const wrong = nameProblem(key)
    if (wrong !== undefined) {
      problems.error(at, 'server_name', `the server name \`${key}\` ${wrong}`, 'rename the server')
      return false
    }
    const looks = looksOf(key)
    const before = looks.map((look) => seen.get(look)).find((other) => other !== undefined)
    if (before) {
      const message = `the server names \`${before.key}\` (line ${before.keyPlace.line}) and \`${key}\` can be taken for one another`
      problems.error(at, 'server_name', message, 'rename one of the two')
      return false
    }
    for (const look of looks) seen.set(look, entry)
    return true
  })
}

/** The public name of a tool is `server__tool`: the server must be readable from it, and nothing else be. */
function nameProblem(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name.length > LONGEST_NAME) return `is longer than ${LONGEST_NAME} characters`
  if (name.includes('__')) return 'holds `__`, which parts server and tool in public names'
  if (name.endsWith('_')) return 'ends in `_`, which runs into the `__` of public names'
  if (name.includes('/')) return 'holds `/`, which parts server and tool in a mandate'
  if (!NAME.test(name)) return 'may hold only A-Z a-z 0-9 . _ - and begin with a letter or digit'
  return undefined
}

/** A guard that starts a guard of the same file would start itself for ever. */
function startsGuard(upstream: Upstream, realpath: RealPath, problems: Problems): boolean {
  const started = upstream.kind === 'stdio' ? launched(upstream, realpath) : undefined
  if (!started || !isChaperone(started)) return false
  problems.error(
    upstream,
    'guard_behind_guard',
    `the server \`${upstream.server}\` starts chaperone itself`,
    'put the entries of the servers behind it here, and keep this one in the client',
  )
  return true
}
