/** Grants that name a server, tool, prompt or argument that no upstream has: most often a misspelling. */
import type { CompiledMandate } from '../model/authority.ts'
import { nearest, type Place, type Problem, problemText, Problems } from '../model/document.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import type { AuthoritySource } from './authority.ts'
import { warnOfOptional } from './budget-findings.ts'

type Catalog = Parameters<CompiledMandate['unmatched']>[0]

interface Source extends AuthoritySource {
  readonly tool: CompiledMandate['tool']
}

/** Every problem once, in the order of the document. A `never` wildcard may name what does not exist yet. */
export function unmatchedIn(source: Source, catalog: Catalog): readonly Problem[] {
  const problems = new Problems()
  for (const compiled of source.index.grants) {
    const { grant, server, name } = compiled
    if (!knownServer(grant, server.matches, catalog, problems)) continue
    const offered = offeredAs(grant.kind, catalog)
    if (!offered) continue
    if (offered.some((one) => server.matches(one.server) && name.matches(one.name))) continue
    unknownTarget(grant, { kind: grant.kind, offered, level: 'error' }, problems)
  }
  unmatchedNever(source, catalog, problems)
  for (const [server] of source.mandate.requests) {
    if (!catalog.servers.includes(server)) requestProblem(source.mandate, server, catalog, problems)
  }
  for (const definition of catalog.tools) {
    for (const problem of source.tool(definition).problems) problems.add(problem)
    if (source.index.naming('tool', definition.server, definition.name).length > 0)
      warnOfOptional(source.budgets, definition, problems)
  }
  const once = new Map(problems.list.map((problem) => [problemText(problem), problem]))
  return [...once.values()].toSorted((a, b) => lineOf(a) - lineOf(b))
}

function lineOf({ place }: Problem): number {
  return place?.line ?? 0
}

interface Named {
  readonly server: string
  readonly name: string
}

/** Resources are not listed in the catalog: undefined. */
function offeredAs(kind: Grant['kind'], catalog: Catalog): readonly Named[] | undefined {
  if (kind === 'tool') return catalog.tools
  return kind === 'prompt' ? catalog.prompts : undefined
}

function knownServer(
  target: { readonly place: Place; readonly server: string },
  matches: (server: string) => boolean,
  catalog: Catalog,
  problems: Problems,
): boolean {
  if (catalog.servers.some((server) => matches(server))) return true
  const message = `no upstream is named \`${target.server}\``
  problems.error(target, 'unknown_server', message, serverRemedy(target.server, catalog))
  return false
}

function serverRemedy(written: string, catalog: Catalog): string {
  const near = nearest(written, catalog.servers)
  if (near !== undefined) return `did you mean \`${near}\`?`
  const names = catalog.servers.map((server) => `\`${server}\``).join(', ')
  return names === '' ? 'add it to mcp.json' : `mcp.json has ${names}`
}

function unknownTarget(
  target: { readonly place: Place; readonly server: string; readonly name: string },
  found: {
    readonly kind: string
    readonly offered: readonly Named[]
    readonly level: Problem['level']
  },
  problems: Problems,
): void {
  const written = `${target.server}/${target.name}`
  const near = nearest(
    written,
    found.offered.map((one) => `${one.server}/${one.name}`),
  )
  problems.add({
    id: `unknown_${found.kind}`,
    level: found.level,
    place: target.place,
    message: `no upstream has a ${found.kind} \`${written}\``,
    remedy: near === undefined ? 'remove it, or correct its name' : `did you mean \`${near}\`?`,
  })
}

/** `never` counts for tools, prompts and resources alike; the last are not known beforehand. */
function unmatchedNever({ mandate, index }: Source, catalog: Catalog, problems: Problems): void {
  const offered = [...catalog.tools, ...catalog.prompts]
  mandate.never.forEach((never, at) => {
    const compiled = index.never[at]
    if (!compiled || never.name.includes('://')) return
    if (!knownServer(never, compiled.server.matches, catalog, problems)) return
    if (
      offered.some((one) => compiled.server.matches(one.server) && compiled.name.matches(one.name))
    )
      return
    const level = compiled.server.literal && compiled.name.literal ? 'error' : 'warning'
    unknownTarget(never, { kind: 'tool', offered, level }, problems)
  })
}

function requestProblem(
  mandate: Mandate,
  server: string,
  catalog: Catalog,
  problems: Problems,
): void {
  const message = `\`requests.${server}\`: no upstream is named \`${server}\``
  const place = mandate.requestPlaces?.get(server) ?? { file: mandate.file, line: 1, column: 1 }
  problems.error({ place }, 'unknown_server', message, serverRemedy(server, catalog))
}
