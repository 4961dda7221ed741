/** Finds the grants that name a tool, resource or prompt without looking at all the others. */
import { compileGlob, type Glob } from '../expression/glob.ts'
import { Problems } from '../model/document.ts'
import type { Grant, Mandate } from '../model/mandate.ts'
import { type CompiledGrant, compileGrant, type Shared } from './rule.ts'
import { meetsTemplate } from './template.ts'

export interface GrantIndex {
  readonly grants: readonly CompiledGrant[]
  readonly never: readonly CompiledNever[]
  /** Every grant that names it, ordered by its rule, so that the document's order never matters. */
  naming(kind: Grant['kind'], server: string, name: string): readonly CompiledGrant[]
  /** The `never` patterns that name it, of whatever kind it is. */
  blocking(kind: Grant['kind'], server: string, name: string): readonly string[]
  /** Resource grants that some expansion of the URI template could meet. */
  template(server: string, uriTemplate: string): readonly CompiledGrant[]
}

export interface CompiledNever {
  readonly server: Glob
  readonly name: Glob
  /** The same pattern read as a URI's: it also matches no segments where `**` stands between slashes. */
  readonly uri: Glob
}

/** The index, or undefined when a grant or a `never` did not compile and the problem was reported. */
export function indexOf(mandate: Mandate, problems: Problems): GrantIndex | undefined {
  const shared: Shared = new Map()
  const compiled = mandate.grants.map((grant) => compileGrant(grant, mandate, shared, problems))
  const blocked = mandate.never.map((never) => compileNever(never, problems))
  const grants = compiled.filter((grant) => grant !== undefined).toSorted(byRule)
  const never = blocked.filter((one) => one !== undefined)
  if (grants.length < compiled.length || never.length < blocked.length) return undefined
  const exact = new Map<string, CompiledGrant[]>()
  const wild: CompiledGrant[] = []
  for (const grant of grants) {
    if (!grant.server.literal || !grant.name.literal) {
      wild.push(grant)
      continue
    }
    const key = keyOf(grant.grant.kind, grant.grant.server, grant.grant.name)
    const same = exact.get(key)
    if (same) same.push(grant)
    else exact.set(key, [grant])
  }
  return {
    grants,
    never,
    naming(kind, server, name) {
      const found = exact.get(keyOf(kind, server, name)) ?? []
      const more = wild.filter(
        (one) => one.grant.kind === kind && one.server.matches(server) && one.name.matches(name),
      )
      return more.length === 0 ? found : [...found, ...more].toSorted(byRule)
    },
    blocking: (kind, server, name) =>
      never
        .filter((one) => one.server.matches(server) && meets(one, kind, name))
        .map((one) => `${one.server.source}/${one.name.source}`),
    template: (server, uriTemplate) =>
      grants.filter(
        ({ grant, server: pattern }) =>
          grant.kind === 'resource' &&
          pattern.matches(server) &&
          meetsTemplate(grant.name, uriTemplate),
      ),
  }
}

/** A server's name has no slash: the key is unambiguous. */
function keyOf(kind: Grant['kind'], server: string, name: string): string {
  return `${kind} ${server}/${name}`
}

function byRule(a: CompiledGrant, b: CompiledGrant): number {
  return a.grant.rule < b.grant.rule ? -1 : a.grant.rule > b.grant.rule ? 1 : 0
}

/** In `never` a `*` crosses `/` in resources too: it blocks what either reading matches. */
function meets(never: CompiledNever, kind: Grant['kind'], name: string): boolean {
  return never.name.matches(name) || (kind === 'resource' && never.uri.matches(name))
}

function compileNever(
  never: Mandate['never'][number],
  problems: Problems,
): CompiledNever | undefined {
  const found = new Problems()
  const pattern = { text: never.name, place: never.place }
  const server = compileGlob({ text: never.server, place: never.place }, 'server', found)
  const name = compileGlob(pattern, 'tool', found)
  const uri = compileGlob(pattern, 'uri', new Problems())
  for (const problem of found.list) if (problem.level === 'error') problems.add(problem)
  return server && name && { server, name, uri: uri ?? name }
}
