/** Reads the definitions of tools that a test is run with: of a lock file, or of what `tools/list` said. */
import { basename, dirname, resolve } from 'node:path'
import { LOCK_NAME, readLock } from '../config/lock.ts'
import { readDocument } from '../document/read.ts'
import { digestOf } from '../model/digest.ts'
import { type Place, plain, type Problems } from '../model/document.ts'
import { printExact } from '../model/exact.ts'
import { canonical, isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { ScenarioFile, ToolsSource } from '../policy/scenario/language.ts'

/** By `server/name`. */
export function readTools(
  { file, tools }: ScenarioFile,
  problems: Problems,
): ReadonlyMap<string, ToolDefinition> {
  const all = tools.flatMap((source) => {
    const path = resolve(dirname(file), source.path.text)
    const isLock = basename(path) === LOCK_NAME || path.endsWith('.lock')
    return isLock ? fromLock(path, source.path.place, problems) : fromList(path, source, problems)
  })
  return new Map(all.map((tool) => [`${tool.server}/${tool.name}`, tool]))
}

function fromLock(path: string, place: Place, problems: Problems): readonly ToolDefinition[] {
  const read = readLock(path)
  for (const problem of read.problems) problems.add({ place, ...problem })
  return [...(read.lock?.upstreams ?? [])].flatMap(([server, { definitions }]) =>
    [...definitions.tool.values()].map(({ name, digest, value, effect }) => {
      const parsed: unknown = JSON.parse(printExact(value))
      const raw = isObject(parsed) ? parsed : {}
      return { server, name, raw, definition: digest, ...(effect && { lockedEffect: effect }) }
    }),
  )
}

/** `{ "tools": […] }` of one server or with the server in each name, or one such object for each server. */
function fromList(
  path: string,
  { server, path: { place } }: ToolsSource,
  problems: Problems,
): readonly ToolDefinition[] {
  const read = readDocument(path)
  for (const problem of read.problems) problems.add({ place, ...problem })
  if (!read.node) return []
  const value = plain(read.node)
  const listed = toolsIn(value)
  if (listed) return listed.flatMap((tool) => definition(tool, server, { place, problems }) ?? [])
  const servers = isObject(value) && server === undefined ? Object.entries(value) : []
  const each = servers.map(([name, inner]) => ({ name, tools: toolsIn(inner) }))
  if (each.length === 0 || each.some(({ tools }) => tools === undefined)) {
    const remedy =
      'give the result of `tools/list`, `{ "server": result }` for several, or a lock file'
    problems.error({ place }, 'bad_tools', `\`${path}\` holds no list of tools`, remedy)
    return []
  }
  return each.flatMap(({ name, tools }) =>
    (tools ?? []).flatMap((tool) => definition(tool, name, { place, problems }) ?? []),
  )
}

function toolsIn(value: Json): readonly Json[] | undefined {
  const tools = isObject(value) ? (member(value, 'tools') ?? member(value, 'result')) : undefined
  if (isList(tools)) return tools
  return isObject(tools) ? toolsIn(tools) : undefined
}

function definition(
  raw: Json,
  server: string | undefined,
  { place, problems }: { readonly place: Place; readonly problems: Problems },
): ToolDefinition | undefined {
  const name = isObject(raw) ? member(raw, 'name') : undefined
  if (!isObject(raw) || typeof name !== 'string') {
    problems.error({ place }, 'bad_tools', 'a tool has no name', 'give the result of `tools/list`')
    return undefined
  }
  if (server !== undefined) return made(server, name, raw)
  // As a guard lists them, or as policies name them.
  const split = /^(.+?)(?:\/|__)(.+)$/.exec(name)
  if (split) return made(split[1] ?? '', split[2] ?? '', raw)
  const remedy = 'write `tools: { server: file }`'
  problems.error({ place }, 'bad_tools', `nothing says of which server \`${name}\` is`, remedy)
  return undefined
}

function made(server: string, name: string, raw: JsonObject): ToolDefinition {
  return { server, name, raw, definition: digestOf(canonical(raw)) }
}
