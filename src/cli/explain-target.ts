/** Finds out what `explain` was asked about: which tool, resource or prompt of which upstream. */
import type { CompiledMandate } from '../model/authority.ts'
import { nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { sha256 } from '../model/id.ts'
import type { Lock } from '../model/lock.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { Judged } from './offered.ts'
import type { Probed } from './probe.ts'

/** What was asked about, as it was written. */
export type Question =
  | { readonly kind: 'tool'; readonly name: string }
  | { readonly kind: 'resource'; readonly name: string }
  | { readonly kind: 'prompt'; readonly name: string }

export interface Target {
  readonly kind: Question['kind']
  readonly server: string
  /** The tool's or prompt's own name, or the resource's URI. */
  readonly name: string
  /** Present where the upstream offers the tool. */
  readonly definition?: ToolDefinition
}

/** What is known to look in: the servers of mcp.json, and what they offer where they were asked. */
export interface Known {
  readonly servers: readonly string[]
  readonly probed?: Probed
  /** What names and lock say of what they offer. */
  readonly judged?: Judged
  /** What the lock file approves, where there is one. */
  readonly approved?: Lock['upstreams']
  readonly mandate: CompiledMandate
}

/** The server that a question names, where it names one that is known: only that one has to be started. */
export function namedServer(question: Question, servers: readonly string[]): string | undefined {
  return split(question.name, servers)?.server
}

/** @throws GuardError ERR_USAGE where the question names no server and several could be meant */
export function findTarget(question: Question, known: Known): Target {
  const { kind } = question
  const named = split(question.name, known.servers)
  if (named) return withDefinition({ kind, ...named }, known)
  const [only, second] = candidates(question, known)
  if (only !== undefined && second === undefined) {
    return withDefinition({ kind, server: only, name: question.name }, known)
  }
  throw new GuardError('ERR_USAGE', ambiguous(question, candidates(question, known), known))
}

/** `server/name`, or the public name `server__name`. */
function split(
  written: string,
  servers: readonly string[],
): { readonly server: string; readonly name: string } | undefined {
  for (const separator of ['/', '__']) {
    const at = written.indexOf(separator)
    const server = written.slice(0, Math.max(at, 0))
    const name = written.slice(at + separator.length)
    if (name !== '' && servers.includes(server)) return { server, name }
  }
  return undefined
}

/** The servers that a bare name could belong to. */
function candidates({ kind, name }: Question, known: Known): readonly string[] {
  const { servers, probed, mandate, approved } = known
  if (servers.length <= 1) return servers
  if (kind === 'resource') return servers.filter((server) => mandate.resource(server, name).listed)
  const offered = kind === 'tool' ? (probed?.tools ?? []) : (probed?.prompts ?? [])
  const serving = offered.filter((one) => one.name === name).map(({ server }) => server)
  const locking = servers.filter((server) => approved?.get(server)?.definitions[kind].has(name))
  return [...new Set([...serving, ...locking])]
}

function ambiguous(
  { kind, name }: Question,
  found: readonly string[],
  { servers, probed, judged }: Known,
): string {
  if (found.length > 1) {
    const names = found.map((server) => `\`${server}/${name}\``).join(', ')
    return `\`${name}\` could be ${names} (say which)`
  }
  // What no agent is shown is nothing to hint at.
  const offered = (probed?.tools ?? [])
    .filter((tool) => judged?.isHidden({ ...tool, kind: 'tool' }) !== true)
    .flatMap((tool) => [`${tool.server}/${tool.name}`, tool.name])
  const near = nearest(name, kind === 'tool' ? offered : [])
  const hint =
    near === undefined
      ? `write \`server/${kind === 'resource' ? 'uri' : kind}\`; the servers are ${servers.join(', ') || 'none'}`
      : `did you mean \`${near}\`?`
  return `no upstream is known to have the ${kind} \`${name}\` (${hint})`
}

function withDefinition(target: Target, { probed }: Known): Target {
  const definition = probed?.tools.find(
    (tool) => target.kind === 'tool' && tool.server === target.server && tool.name === target.name,
  )
  return definition ? { ...target, definition } : target
}

/** Stands for a definition that nobody could be asked for: it constrains nothing. */
export function bareDefinition({ server, name }: Target): ToolDefinition {
  return { server, name, raw: {}, definition: sha256('0'.repeat(64)) }
}
