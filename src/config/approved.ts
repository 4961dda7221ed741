/** What is not as the lock file approves it: launch lines of `mcp.json`, and definitions that upstreams offer. */
import { differences, differenceText } from '../model/difference.ts'
import { type Problem, Problems } from '../model/document.ts'
import {
  type ApprovedDefinition,
  type Definition,
  DEFINITION_KINDS,
  type DefinitionKind,
  type Lock,
} from '../model/lock.ts'
import { lockLines } from './lock.ts'
import type { Upstreams } from './mcp-json.ts'

/**
 * An error for each upstream whose launch line is not the approved one: a guard never starts it. `pinning` is the command
 * that approves, with what it needs to see what the guard sees.
 */
export function unapprovedLaunches(
  lock: Lock,
  { upstreams, launches }: Pick<Upstreams, 'upstreams' | 'launches'>,
  pinning = 'chaperone pin',
): readonly Problem[] {
  const problems = new Problems()
  const lineOf = lockLines(lock)
  for (const upstream of upstreams) {
    const { server } = upstream
    const remedy = `see that it is meant, then approve it: ${pinning} --only ${server}`
    const approved = lock.upstreams.get(server)?.launch
    const written = launches.get(server)
    if (!approved || !written) {
      const message = `nobody approved the upstream \`${server}\`: it does not stand in \`${lock.file}\``
      problems.error(upstream, 'upstream_not_approved', message, remedy)
    } else if (approved.digest !== written.digest) {
      const { shown } = differences(approved.written, written.written)
      const at = `\`${lock.file}\` (line ${lineOf(server)})`
      const how = shown.map(differenceText).join('; ')
      const message = `the launch line of \`${server}\` is not the one that ${at} approves: ${how}`
      problems.error(upstream, 'launch_changed', message, remedy)
    }
  }
  return problems.list
}

/** A definition as its upstream shows it. */
export interface Offered extends Definition {
  readonly server: string
  readonly kind: DefinitionKind
}

/** A definition that is not as it was approved. */
export type Change = {
  readonly server: string
  readonly kind: DefinitionKind
  readonly name: string
} & (
  | { readonly change: 'added'; readonly after: Offered }
  | {
      readonly change: 'changed'
      readonly before: ApprovedDefinition
      readonly after: Offered
    }
  | { readonly change: 'removed'; readonly before: ApprovedDefinition }
)

/** Every difference between what these servers offer and what is approved, by server, kind and name. */
export function changesOf(
  upstreams: Lock['upstreams'],
  servers: readonly string[],
  offered: readonly Offered[],
): readonly Change[] {
  return servers.flatMap((server) =>
    DEFINITION_KINDS.flatMap((kind) => {
      const approved = upstreams.get(server)?.definitions[kind] ?? new Map()
      const own = offered.filter((one) => one.server === server && one.kind === kind)
      return changesIn(approved, own, { server, kind })
    }),
  )
}

function changesIn(
  approved: ReadonlyMap<string, ApprovedDefinition>,
  own: readonly Offered[],
  at: { readonly server: string; readonly kind: DefinitionKind },
): readonly Change[] {
  const byName = new Map(own.map((one) => [one.name, one]))
  const names = [...new Set([...approved.keys(), ...byName.keys()])].toSorted()
  return names.flatMap((name): readonly Change[] => {
    const before = approved.get(name)
    const after = byName.get(name)
    if (!before) return after ? [{ ...at, name, change: 'added', after }] : []
    if (!after) return [{ ...at, name, change: 'removed', before }]
    const same = before.digest === after.digest
    return same ? [] : [{ ...at, name, change: 'changed', before, after }]
  })
}
