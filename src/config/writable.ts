/** What a mandate lets an agent write or read: the folders that its grants name, or those that the upstream was started with. */
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DocNode, Place } from '../model/document.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import type { StdioUpstream, Upstream } from './mcp-json.ts'

/** A folder that a tool could write to, or read. */
export interface Root {
  readonly path: string
  /** Only files with these endings. */
  readonly endings?: readonly string[]
  /** Only names in it that begin so: what is left of a `prefix` behind its last separator. */
  readonly beginning?: string
  /** `server/tool`, as the grant says it. */
  readonly tool: string
  /** True where no grant says what the tool does, so that it counts as writing. */
  readonly unclassified: boolean
  /** How it came to be named, in words. */
  readonly named: string
  readonly place: Place
}

/** The roots of every granted tool that may do more than read; a tool without an effect counts as writing. */
export function writableRoots(mandate: Mandate, upstreams: readonly Upstream[]): readonly Root[] {
  const tools = mandate.grants.filter((grant) => grant.kind === 'tool')
  return tools
    .filter((grant) => !onlyReads(grant, tools))
    .flatMap((grant) => rootsOf(grant, upstreams))
}

/** The roots of every granted tool, whatever it does (what it does not write, it may read), and of every granted resource. */
export function reachableRoots(mandate: Mandate, upstreams: readonly Upstream[]): readonly Root[] {
  // A server elsewhere reads the disks of other machines.
  const near = upstreams.filter(isNear)
  return mandate.grants.flatMap((grant) => {
    if (!near.some((upstream) => serves(grant.server, upstream.server))) return []
    if (grant.kind === 'tool') return rootsOf(grant, upstreams)
    return grant.kind === 'resource' ? resourceRoots(grant, upstreams) : []
  })
}

function resourceRoots(grant: Grant, upstreams: readonly Upstream[]): readonly Root[] {
  const { server, name, place } = grant
  const naming = { tool: `${server}/${name}`, cwd: sep, unclassified: false }
  const begins = beforeWildcard(name)
  // Whatever it lists: files below the folders that it was started with among them.
  if (begins === '')
    return processesOf(server, upstreams).flatMap((one) => startedWith(one, naming))
  return pathRoot({ text: name, place }, begins, naming)
}

/** Granted tools that run programs: no folder bounds what those write. */
export function runsPrograms(mandate: Mandate): readonly Grant[] {
  return mandate.grants.filter((grant) => grant.kind === 'tool' && grant.effect === 'execute')
}

/** The effect of a tool is the strictest that any grant of it says. */
function onlyReads(grant: Grant, tools: readonly Grant[]): boolean {
  return tools
    .filter((other) => other.server === grant.server && other.name === grant.name)
    .every((other) => other.effect === 'read')
}

function rootsOf(grant: Grant, upstreams: readonly Upstream[]): readonly Root[] {
  const tool = `${grant.server}/${grant.name}`
  const serving = processesOf(grant.server, upstreams)
  const cwd = serving[0]?.cwd ?? sep
  const naming: Naming = { tool, cwd, unclassified: grant.effect === undefined }
  const named = [...grant.args.values()].flatMap((node) => namedIn(node, naming))
  if (bounded(grant, named.length > 0)) return named
  return [...named, ...serving.flatMap((upstream) => startedWith(upstream, naming))]
}

function isNear(upstream: Upstream): boolean {
  return upstream.kind === 'stdio' || isLoopbackHost(new URL(upstream.url).hostname)
}

/** What a server that is reached by URL could write or read, nobody can tell from its address. */
function processesOf(pattern: string, upstreams: readonly Upstream[]): readonly StdioUpstream[] {
  return upstreams
    .filter((upstream) => upstream.kind === 'stdio')
    .filter((upstream) => serves(pattern, upstream.server))
}

/** A server pattern reaches every server that begins as it does: rather one too many than one too few. */
function serves(pattern: string, server: string): boolean {
  const wild = pattern.search(/[*?]/)
  return wild === -1 ? pattern === server : server.startsWith(pattern.slice(0, wild))
}

/** Arguments that are what is written, or how, and never where; every other one may name a place. */
const NO_PLACE =
  /^(?:content|contents|text|body|data|message|subject|title|description|comment|notes?|summary|query|pattern|(?:old|new)_?(?:text|str|string)|edits|head|tail|limit|offset|count|encoding|mode|dry_?run|recursive)$/i

/** True when the constraints leave the agent no path of its own choice. */
function bounded(grant: Grant, named: boolean): boolean {
  if (grant.otherArgs === 'permit') return false
  if (grant.args.size === 0) return true
  const free = [...grant.args].some(([name, node]) => !NO_PLACE.test(name) && isFree(node))
  return named && !free
}

/** Constraints that leave room for any path at all. */
const FREE: ReadonlySet<string> = new Set(
  'present optional size length bytes suffix pattern not_one_of'.split(' '),
)

function isFree(node: DocNode): boolean {
  if (node.kind === 'list') return node.items.some(isFree)
  if (node.kind !== 'map') return false
  return node.entries.every(({ key, value }) => {
    if (key === 'each' || key === 'any') return isFree(value)
    if (key === 'fields')
      return value.kind === 'map' && value.entries.some((one) => isFree(one.value))
    // A relative pattern, or one that begins with a wildcard, bounds no place; nor does a prefix that `..` climbs out of.
    if (key === 'glob') return texts(value).some(({ text }) => beforeWildcard(text).length < 2)
    return FREE.has(key)
  })
}

interface Naming {
  readonly tool: string
  readonly cwd: string
  readonly unclassified: boolean
}

/** Roots that a constraint names, however deep it nests. */
function namedIn(node: DocNode, naming: Naming): readonly Root[] {
  if (node.kind === 'list') return node.items.flatMap((item) => namedIn(item, naming))
  if (node.kind !== 'map') return []
  return node.entries.flatMap(({ key, value }) => {
    switch (key) {
      case 'path':
        return underPath(value, naming)
      case 'glob':
        return texts(value).flatMap((one) => pathRoot(one, beforeWildcard(one.text), naming))
      case 'prefix':
        return texts(value).flatMap((one) => prefixRoot(one, naming))
      case 'equals':
      case 'one_of':
      case 'subset_of':
        return texts(value).flatMap((one) => pathRoot(one, one.text, naming))
      case 'fields':
        // Its keys are names of members, not of constraints.
        return value.kind === 'map'
          ? value.entries.flatMap((one) => namedIn(one.value, naming))
          : []
      default:
        return namedIn(value, naming)
    }
  })
}

function underPath(node: DocNode, naming: Naming): readonly Root[] {
  if (node.kind !== 'map') return []
  const find = (key: string): DocNode | undefined =>
    node.entries.find((entry) => entry.key === key)?.value
  const ext = find('ext')
  const endings = ext && texts(ext).map(({ text }) => text.replace(/^\./, '').toLowerCase())
  const under = find('under')
  return (under ? texts(under) : []).map((one) => ({
    path: resolve(naming.cwd, one.text),
    ...(endings && { endings }),
    tool: naming.tool,
    unclassified: naming.unclassified,
    named: `\`${one.text}\` in its constraint`,
    place: one.place,
  }))
}

interface Text {
  readonly text: string
  readonly place: Place
}

function texts(node: DocNode): readonly Text[] {
  if (node.kind === 'list') return node.items.flatMap(texts)
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return []
  return [{ text: node.value, place: node.place }]
}

/** The folder that all matches of a glob lie in. */
function beforeWildcard(glob: string): string {
  const wild = glob.search(/[*?]/)
  return wild === -1 ? glob : glob.slice(0, glob.lastIndexOf('/', wild) + 1)
}

function pathRoot(one: Text, written: string, naming: Naming): readonly Root[] {
  const path = absolute(written)
  if (path === undefined) return []
  const named = `\`${one.text}\` in its constraint`
  const { tool, unclassified } = naming
  return [{ path, tool, unclassified, named, place: one.place }]
}

function prefixRoot(one: Text, naming: Naming): readonly Root[] {
  const [root] = pathRoot(one, one.text, naming)
  if (!root || one.text.endsWith('/')) return root ? [root] : []
  return [
    {
      ...root,
      path: dirname(root.path),
      beginning: root.path.slice(join(dirname(root.path), sep).length),
    },
  ]
}

/** An absolute path, also of a `file:` URL; undefined for whatever is none. */
function absolute(text: string): string | undefined {
  if (isAbsolute(text)) return resolve(text)
  if (!/^file:\/\/\//i.test(text)) return undefined
  try {
    return fileURLToPath(text)
  } catch {
    // Not a path on this platform: no file of the guard can lie there.
    return undefined
  }
}

/** Folders that stand in an upstream's launch line, or in what it adds to its environment. */
function startedWith(upstream: StdioUpstream, { tool, unclassified }: Naming): readonly Root[] {
  const words = upstream.args
    .map((arg) => (arg.startsWith('-') ? arg.slice(arg.indexOf('=') + 1 || arg.length) : arg))
    .filter((word) => word !== '')
    .flatMap((word) => [word, ...word.split(PARTS).filter(isPlace)])
  const flags = upstream.args.flatMap((arg) => arg.split(PARTS).filter(isPlace))
  const values = Object.values(upstream.env).flatMap((value) => value.split(PARTS).filter(isPlace))
  const places = new Set([...words, ...flags, ...values])
  return [...places].map((word) => ({
    path: absolute(home(word)) ?? resolve(upstream.cwd, word),
    tool,
    unclassified,
    named: `\`${word}\` in the launch line of \`${upstream.server}\` (${upstream.place.file}:${upstream.place.line})`,
    place: upstream.place,
  }))
}

/** What lists of folders, `key=value` words, quoted and shell lines are divided by. */
const PARTS = new RegExp(`[\\s,;='"\\[\\]${delimiter}:]+`)

function isPlace(part: string): boolean {
  return isAbsolute(part) || /^~(?:[\\/]|$)/.test(part)
}

/** Servers expand `~`, and so does this. */
function home(word: string): string {
  return /^~(?:[\\/]|$)/.test(word) ? join(homedir(), word.slice(1)) : word
}
