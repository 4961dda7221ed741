/** Holds what `explain` is told to suppose against what there is, and says what supposed calls left on the session. */
import type { CompiledMandate } from '../model/authority.ts'
import { plain, nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { CompiledPolicies } from '../policy/compile.ts'
import type { GuardedMandate } from '../policy/guarded.ts'
import { callOf, type Supposed } from './explain-judge.ts'
import { type CliIo, paint, printable } from './io.ts'
import type { PolicyLoad } from './policies.ts'
import type { Before, Count } from './explain-suppose.ts'
import { bareDefinition } from './explain-target.ts'

/** @throws GuardError ERR_USAGE for an engine that is not configured, or a tool that an upstream is known not to have */
export function refuseUnknown(
  { counts, engines = [] }: Before,
  known: Pick<Supposed, 'probed' | 'approved'> & {
    readonly load: Pick<PolicyLoad, 'engines'> | undefined
  },
): void {
  const ids = known.load?.engines.map(({ id }) => id) ?? []
  for (const { engine, effect } of engines)
    if (!ids.includes(engine))
      throw unknown(`--engine ${engine}=${effect}`, 'no such engine is configured', {
        name: engine,
        names: ids,
      })
  for (const { server, name, count } of counts) {
    const names = toolsOf(server, known)
    if (names.length > 0 && !names.includes(name))
      throw unknown(`--history ${server}/${name}=${count}`, `\`${server}\` has no such tool`, {
        name,
        names,
      })
  }
}

/** None where nobody was asked, and nothing is approved. */
function toolsOf(
  server: string,
  { probed, approved }: Pick<Supposed, 'probed' | 'approved'>,
): readonly string[] {
  const offered = (probed?.tools ?? []).filter((tool) => tool.server === server)
  const locked = [...(approved?.get(server)?.definitions.tool.keys() ?? [])]
  return [...offered.map(({ name }) => name), ...locked]
}

function unknown(
  flag: string,
  why: string,
  { name, names }: { readonly name: string; readonly names: readonly string[] },
): GuardError {
  const near = nearest(name, names)
  const there = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`
  const hint = near === undefined ? there : `did you mean \`${near}\`?`
  return new GuardError('ERR_USAGE', `\`${flag}\`: ${why} (${hint})`)
}

export function warnOfLabels(
  labels: readonly string[],
  set: CompiledPolicies | undefined,
  io: CliIo,
): void {
  for (const odd of oddLabels(labels, set))
    io.stderr(`${paint(io, 'yellow', 'warning')}: ${printable(odd)}\n`)
}

/** What to say of labels that no policy leaves or asks for: they may be misspelt. */
function oddLabels(
  labels: readonly string[],
  set: CompiledPolicies | undefined,
): readonly string[] {
  if (!set) return []
  const known = new Set([
    ...set.files.flatMap((file) => file.labels.flatMap(({ add }) => add)),
    ...set.rules.flatMap(({ source: { labels: asked, obligation } }) => [
      ...asked,
      ...(obligation?.type === 'label' ? obligation.add : []),
    ]),
  ])
  const conditions = set.rules.flatMap(({ source: { when, unless } }) =>
    [when, unless].map((node) => (node ? JSON.stringify(plain(node)) : '')),
  )
  return labels
    .filter((label) => !known.has(label) && !conditions.some((text) => text.includes(label)))
    .map((label) => {
      const near = nearest(label, known)
      const hint = near === undefined ? '' : ` (did you mean \`${near}\`?)`
      return `\`--label ${label}\`: no policy leaves or asks for this label${hint}`
    })
}

/** The labels that supposed calls left: those that their tools always leave, and those of rules that may have applied. */
export function labelsLeft(
  counts: readonly Count[],
  mandate: CompiledMandate,
  given: {
    readonly set: CompiledPolicies | undefined
    readonly supposed: Omit<Supposed, 'target' | 'args'>
  },
): readonly string[] {
  const { set, supposed } = given
  if (!set || !isGuarded(mandate)) return []
  const made = counts.filter(({ count }) => count > 0)
  return made.flatMap(({ server, name }) => {
    const definition = supposed.probed?.tools.find(
      (tool) => tool.server === server && tool.name === name,
    )
    const target = { kind: 'tool', server, name, ...(definition && { definition }) } as const
    const authority = mandate.tool(definition ?? bareDefinition(target))
    // With which arguments it was called is not supposed: what cannot be evaluated counts as a match.
    const call = callOf(mandate, { ...supposed, target, args: {} })
    const duties = authority.examine(call).flatMap(({ rule: { source }, matched }) => {
      const counted = source.mode === 'enforce' && matched !== false && source.obligation
      return counted ? [source.obligation] : []
    })
    return [...set.labelling({ kind: 'tool', server, name }), ...duties].flatMap((duty) =>
      duty?.type === 'label' ? duty.add : [],
    )
  })
}

function isGuarded(mandate: CompiledMandate): mandate is GuardedMandate {
  return mandate.revision !== undefined
}
