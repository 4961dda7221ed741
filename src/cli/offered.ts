/** What of the upstreams' offer an agent would not see although a grant covers it: by its name, or by the lock file. */
import { type Change, changesOf, type Offered } from '../config/approved.ts'
import { lockLines } from '../config/lock.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { differences, differenceText } from '../model/difference.ts'
import type { Problems } from '../model/document.ts'
import type { Lock } from '../model/lock.ts'
import { spelt } from '../model/plain-name.ts'
import type { Prepared } from './launch.ts'
import { type Hidden, hiddenNames, isNamed } from './names.ts'
import type { Probed } from './probe.ts'

type Named = Pick<Offered, 'kind' | 'server' | 'name'>

/** What was found out about an offer before any agent is there. */
export interface Judged {
  /** Names that are hidden, and why; `pin` leaves them out. */
  readonly hidden: ReadonlyMap<Offered, Hidden>
  /** What else is not as the lock file approves it. */
  readonly changes: readonly Change[]
  /** True for what no agent would see. */
  isHidden(one: Named): boolean
}

/** Holds the offer against names and lock as the guard would. */
export function judgeOffer(
  mandate: CompiledMandate,
  { upstreams, lock }: Pick<Prepared, 'upstreams' | 'lock'>,
  { definitions, failed }: Probed,
): Judged {
  const servers = upstreams.map(({ server }) => server)
  const asked = servers.filter((server) => !failed.some((one) => one.server === server))
  const hidden = hiddenNames(definitions, {
    approved: lock?.upstreams ?? new Map(),
    servers,
    standingOf: (one) => {
      // A lock file approves names whether a grant covers them or not.
      if (!lock && !isGranted(mandate, one)) return undefined
      return isNamed(mandate.mandate, one) ? 'named' : 'covered'
    },
  })
  const left = definitions.filter((one) => !hidden.has(one))
  const changes = lock ? changesOf(lock.upstreams, asked, left) : []
  const shown = new Set(left.map(keyOf))
  const lost = [...hidden.keys()].map(keyOf).filter((key) => !shown.has(key))
  const keys = new Set([...changes.map(keyOf), ...lost])
  return { hidden, changes, isHidden: (one) => keys.has(keyOf(one)) }
}

/** The tools with the effects that the lock file gives them. */
export function classified(probed: Probed, lock: Lock | undefined): Probed {
  if (!lock) return probed
  const tools = probed.tools.map((tool) => {
    const approved = lock.upstreams.get(tool.server)?.definitions.tool.get(tool.name)
    return approved?.effect ? { ...tool, lockedEffect: approved.effect } : tool
  })
  return { ...probed, tools }
}

function keyOf({ kind, server, name }: Named): string {
  return `${kind} ${server}/${name}`
}

function isGranted(mandate: CompiledMandate, { kind, server, name }: Named): boolean {
  switch (kind) {
    case 'tool':
      return mandate.names(server, name)
    case 'prompt':
      return mandate.prompt(server, name).listed
    case 'template':
      return mandate.templateListed(server, name)
  }
}

/** A problem for each that a grant covers; the others are counted, since nobody would miss them. */
export function reportOffer(
  mandate: CompiledMandate,
  { upstreams, lock, pinning }: Pick<Prepared, 'upstreams' | 'lock' | 'pinning'>,
  { hidden, changes }: Judged,
  problems: Problems,
): void {
  for (const [one, { why }] of hidden) {
    const at = upstreams.find(({ server }) => server === one.server)
    if (!at || !isGranted(mandate, one)) continue
    const message = `the ${one.kind} \`${one.server}/${spelt(one.name)}\` is hidden: ${why}`
    const remedy = 'see docs/operations.md, names'
    if (isNamed(mandate.mandate, one)) problems.error(at, 'name_hidden', message, remedy)
    else problems.warning(at, 'name_hidden', message, remedy)
  }
  if (lock) reportChanges({ mandate, lock, pinning }, changes, problems)
}

function reportChanges(
  {
    mandate,
    lock,
    pinning,
  }: {
    readonly mandate: CompiledMandate
    readonly lock: Lock
    readonly pinning: string
  },
  changes: readonly Change[],
  problems: Problems,
): void {
  const lineOf = lockLines(lock)
  const at = (server: string): Parameters<Problems['error']>[0] => ({
    place: { file: lock.file, line: lineOf(server), column: 1 },
  })
  let others = 0
  for (const change of changes) {
    const { server, kind, name } = change
    if (!isGranted(mandate, change)) {
      others += 1
      continue
    }
    const shown = `${server}/${spelt(name)}`
    const message = `the ${kind} \`${shown}\` ${HOW[change.change]}${differing(change)}`
    const remedy = `see that it is meant, then approve it: ${pinning} --only ${shown}`
    problems.error(at(server), `definition_${change.change}`, message, remedy)
  }
  if (others === 0) return
  const plural = others === 1 ? '' : 's'
  const message = `what no grant covers differs from the lock, too: ${others} definition${plural}`
  problems.warning(at(''), 'definitions_differ', message, `see ${pinning} --check`)
}

const HOW: Readonly<Record<Change['change'], string>> = {
  added: 'is not approved, and hidden',
  changed: 'is not as it was approved, and hidden',
  removed: 'is approved, and its upstream no longer has it',
}

function differing(change: Change): string {
  if (change.change !== 'changed') return ''
  const { shown } = differences(change.before.value, change.after.value)
  const [first, ...rest] = shown
  if (!first) return ''
  return `: ${differenceText(first)}${rest.length === 0 ? '' : `, and ${rest.length} more`}`
}
