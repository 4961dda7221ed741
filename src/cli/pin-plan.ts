/** What `pin` would change in the lock file: worked out from what is approved and what was found, and nothing done. */
import { type Change, changesOf, type Offered } from '../config/approved.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { EffectClass } from '../model/call.ts'
import { contents, differences, differenceText } from '../model/difference.ts'
import { canonicalExact, type Exact, parseExact, textsIn } from '../model/exact.ts'
import type {
  ApprovedDefinition,
  ApprovedUpstream,
  DefinitionKind,
  Lock,
  WrittenLaunch,
} from '../model/lock.ts'
import { unseen } from '../model/plain-name.ts'
import { holdsSecret } from '../model/secret-shape.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { hiddenNames, isNamed } from './names.ts'
import type { Probed } from './probe.ts'

type Upstreams = Lock['upstreams']

/** One thing that the lock file would say otherwise. */
export interface Step {
  readonly server: string
  readonly kind: DefinitionKind | 'launch' | 'effect'
  /** Empty for a launch line. */
  readonly name: string
  readonly change: 'added' | 'changed' | 'removed'
  /** What differs, a line each. */
  readonly diff: readonly string[]
  /** What a person should look at before it is approved, in words. */
  readonly doubts: readonly string[]
  /** Puts it into what is approved. */
  readonly apply: (approved: Approved) => void
}

/** What a lock file says, while it is being changed. */
export type Approved = Map<string, Editable>
interface Editable {
  launch: WrittenLaunch
  readonly definitions: Record<DefinitionKind, Map<string, ApprovedDefinition>>
}

/** What may not be approved as it is, and why. */
export interface LeftOut {
  readonly offered: Offered
  readonly why: string
}

/** How upstreams would be started otherwise than approved; those that `mcp.json` no longer has are gone. */
export function launchSteps(
  approved: Upstreams,
  launches: ReadonlyMap<string, WrittenLaunch>,
): readonly Step[] {
  const steps: Step[] = []
  for (const [server, launch] of launches) {
    const before = approved.get(server)?.launch
    if (before?.digest === launch.digest) continue
    const { shown } = differences(before?.written ?? {}, launch.written)
    steps.push({
      server,
      kind: 'launch',
      name: '',
      change: before ? 'changed' : 'added',
      diff: shown.map(differenceText),
      doubts: [],
      apply: (into) => {
        const { definitions } = into.get(server) ?? nothing(launch)
        into.set(server, { launch, definitions })
      },
    })
  }
  for (const server of approved.keys()) {
    if (launches.has(server)) continue
    const apply = (into: Approved): void => void into.delete(server)
    const base = { server, kind: 'launch', name: '', diff: [], doubts: [] } as const
    steps.push({ ...base, change: 'removed', apply })
  }
  return steps
}

function nothing(launch: WrittenLaunch): Editable {
  return { launch, definitions: { tool: new Map(), prompt: new Map(), template: new Map() } }
}

export interface Asked {
  readonly approved: Upstreams
  /** Those that were asked, and answered. */
  readonly servers: readonly string[]
  /** All that `mcp.json` has: what is approved of one that was not asked keeps its name, too. */
  readonly all: readonly string[]
  readonly probed: Probed
  readonly mandate: CompiledMandate | undefined
  /** What `--only` names, in the order of `mcp.json`; it is approved even where its name looks like another. */
  readonly isChosen: (one: Pick<Offered, 'server' | 'name'>) => boolean
  /** What `--effect` says of tools that nobody else classifies. */
  readonly effect: EffectClass | undefined
}

/** What of the offer differs from what is approved, and what is left out of it. */
export function definitionSteps(asked: Asked): {
  readonly steps: readonly Step[]
  readonly leftOut: readonly LeftOut[]
} {
  const { approved, servers, all, probed, mandate, isChosen } = asked
  const hidden = hiddenNames(probed.definitions, {
    approved,
    servers: all,
    standingOf: (one) => {
      if (isChosen(one)) return 'approved'
      return mandate && isNamed(mandate.mandate, one) ? 'named' : 'covered'
    },
  })
  const offered = probed.definitions.filter((one) => !hidden.has(one))
  const steps = changesOf(approved, servers, offered).map((change) => stepOf(change, asked))
  const leftOut = [...hidden].map(([one, { why }]) => ({ offered: one, why }))
  return { steps: [...steps, ...effectSteps(asked, offered)], leftOut }
}

function stepOf(change: Change, asked: Asked): Step {
  const { server, kind, name } = change
  return {
    server,
    kind,
    name,
    change: change.change,
    diff: diffOf(change),
    doubts: change.change === 'removed' ? [] : doubtsAbout(change.after.value),
    apply: (into) => {
      const names = into.get(server)?.definitions[kind]
      if (change.change === 'removed') names?.delete(name)
      else names?.set(name, approvedAs(change.after, asked, names.get(name)))
    },
  }
}

/** What a model reads of a definition before anything is called. */
const READ = ['title', 'description', 'inputSchema', 'arguments', 'annotations']

function diffOf(change: Change): readonly string[] {
  switch (change.change) {
    case 'added':
      return linesOf(contents(change.after.value, READ))
    case 'changed':
      return linesOf(differences(change.before.value, change.after.value))
    case 'removed':
      return []
  }
}

/** Definitions that are longer than this, as JSON, are worth a look: what nobody reads to its end hides there. */
const LONG = 16 * 1024

/** What the file would hold that a reader does not expect in it. */
function doubtsAbout(value: Exact): readonly string[] {
  const text = canonicalExact(value)
  const hidden = unseen(textsIn(value).join('\n'))
  return [
    ...(holdsSecret(text) ? ['holds what looks like a secret, and the lock file would, too'] : []),
    ...(hidden === '' ? [] : [`holds what cannot be seen: ${hidden}`]),
    ...(text.length > LONG ? [`is ${text.length} characters long`] : []),
  ]
}

function linesOf({ shown, more }: ReturnType<typeof differences>): readonly string[] {
  const lines = shown.map(differenceText)
  return more === 0 ? lines : [...lines, `and ${more} more`]
}

/** The definition in its canonical form, with the effect that somebody said. */
function approvedAs(
  { name, kind, digest, value, server }: Offered,
  { mandate, effect, probed }: Asked,
  before: ApprovedDefinition | undefined,
): ApprovedDefinition {
  const base = { name, digest, value: parseExact(canonicalExact(value)) }
  if (kind !== 'tool') return base
  const tool = probed.tools.find((one) => one.server === server && one.name === name)
  const said = before?.effect ?? (mandate && tool && grantedEffect(mandate, tool)) ?? effect
  return said === undefined ? base : { ...base, effect: said }
}

/** What the grants say that the tool does; undefined where they say nothing. */
function grantedEffect(mandate: CompiledMandate, tool: ToolDefinition): EffectClass | undefined {
  const { effects } = mandate.tool(tool)
  return effects.length === 1 ? effects[0] : undefined
}

/** `--effect` beside `--only` classifies what is approved already. */
function effectSteps(
  { approved, effect, isChosen }: Asked,
  offered: readonly Offered[],
): readonly Step[] {
  if (effect === undefined) return []
  return offered.flatMap(({ server, kind, name }): readonly Step[] => {
    const before = approved.get(server)?.definitions.tool.get(name)
    if (kind !== 'tool' || !before || before.effect === effect || !isChosen({ server, name }))
      return []
    const apply = (into: Approved): void => {
      const names = into.get(server)?.definitions.tool
      const now = names?.get(name)
      if (now) names?.set(name, { ...now, effect })
    }
    const diff = [`effect: ${before.effect ?? 'unclassified'} → ${effect}`]
    const base = { server, kind: 'effect', name, diff, doubts: [] } as const
    return [{ ...base, change: 'changed', apply }]
  })
}

/** What the lock file says once these steps are taken. */
export function applied(approved: Upstreams, steps: readonly Step[]): Upstreams {
  const into: Approved = new Map([...approved].map(([server, one]) => [server, editable(one)]))
  for (const step of steps) step.apply(into)
  return into
}

function editable({ launch, definitions: { tool, prompt, template } }: ApprovedUpstream): Editable {
  const definitions = {
    tool: new Map(tool),
    prompt: new Map(prompt),
    template: new Map(template),
  }
  return { launch, definitions }
}
