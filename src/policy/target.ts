/** What a rule is about: `server/name` globs of tools, resources and prompts. */
import { listOf, type Members, nameOf } from '../document/form.ts'
import { compileGlob, type Glob } from '../expression/glob.ts'
import { parseTarget } from '../mandate/grant.ts'
import { notCanonical } from '../mandate/uri.ts'
import { type DocNode, type Place, Problems } from '../model/document.ts'
import type { Pattern, Target } from './language.ts'

export const TARGET_MEMBERS = { tools: 'tool', resources: 'resource', prompts: 'prompt' } as const

/** All that is named; undefined where nothing is, which means whatever is acted on. */
export function targetsOf(members: Members, problems: Problems): readonly Target[] | undefined {
  let all: Target[] | undefined
  for (const [member, kind] of Object.entries(TARGET_MEMBERS)) {
    const node = members.get(member)
    if (!node) continue
    all ??= []
    for (const { text, place } of patternsOf(node, undefined, problems)) {
      // `**` alone is everything, on whatever server.
      const found =
        text === '**' ? { server: '*', name: '**' } : parseTarget({ text, place }, kind, problems)
      if (found && kind === 'resource') refuseUnreachable(found.name, place, problems)
      if (found) all.push({ kind, ...found, place })
    }
  }
  return all
}

/** A URI is matched in its canonical spelling alone: a pattern of another one would forbid nothing. */
function refuseUnreachable(name: string, place: Place, problems: Problems): void {
  if (/^[*?]/.test(name)) return
  const whys = SAMPLES.map((sample) => notCanonical(name.replaceAll(/\*+|\?/g, sample)))
  const [why] = whys
  if (why === undefined || whys.includes(undefined)) return
  const remedy = 'write the URI in its canonical form, as `server/file:///srv/**`'
  problems.error({ place }, 'unreachable_pattern', `\`${name}\` matches no URI: ${why}`, remedy)
}

/** What a wildcard may stand for in a name, a number and a port. */
const SAMPLES = ['x', '1', '80'] as const

/** A list of different patterns, at least one; as globs of the kind given, if one is. */
export function patternsOf(
  node: DocNode | undefined,
  kind: 'server' | 'tool' | undefined,
  problems: Problems,
): readonly Pattern[] {
  const list = node && listOf(node, problems)
  if (!list) return []
  if (list.items.length === 0)
    problems.error(list, 'empty_list', `\`${list.path}\` is an empty list`, 'name at least one')
  return list.items.flatMap((item) => {
    const text = nameOf(item, problems)
    if (text === undefined) return []
    const pattern = { text, place: item.place }
    return kind && !compileGlob(pattern, kind, problems) ? [] : [pattern]
  })
}

export interface CompiledTarget {
  readonly kind: Target['kind']
  readonly server: Glob
  readonly name: Glob
  /** A pattern of resources read as a URI's; a rule restricts what either reading matches, as `never` does. */
  readonly uri?: Glob
}

/** Patterns that parsed compile. */
export function compileTarget({ kind, server, name, place }: Target): CompiledTarget {
  return {
    kind,
    server: globOf({ text: server, place }, 'server'),
    name: globOf({ text: name, place }, 'tool'),
    ...(kind === 'resource' && { uri: globOf({ text: name, place }, 'uri') }),
  }
}

/** @throws TypeError for a pattern that did not parse before */
export function globOf(pattern: Pattern, kind: 'server' | 'tool' | 'uri'): Glob {
  const glob = compileGlob(pattern, kind, new Problems())
  if (!glob) throw new TypeError(`\`${pattern.text}\` is no pattern`)
  return glob
}

export function names(
  target: CompiledTarget,
  kind: Target['kind'],
  server: string,
  name: string,
): boolean {
  if (target.kind !== kind || !target.server.matches(server)) return false
  return target.name.matches(name) || target.uri?.matches(name) === true
}
