/** The allowed set: for everything in the catalog of a moment, whether the agent was offered it, and what was asked of a call. */
import type { KeptItem, KeptTool, KeptUpstream } from '../audit/catalog.ts'
import { textIn } from '../audit/said.ts'
import { keptCall } from '../mandate/kept.ts'
import type { Authority, CompiledMandate } from '../model/authority.ts'
import type { Action, CallContext, Resource } from '../model/call.ts'
import type { Conjunct, Outcome } from '../model/decision.ts'
import { problemText } from '../model/document.ts'
import { callId } from '../model/id.ts'
import { Unkept } from './keepsakes.ts'
import type { MomentState } from './moment-state.ts'

export interface Allowed {
  readonly kind: 'tool' | 'prompt' | 'resource'
  readonly server: string
  readonly name: string
  readonly definition?: string
  readonly listed: boolean
  /** Why it was hidden. */
  readonly hidden?: string
  readonly effects: readonly string[]
  readonly data: readonly string[]
  /** Labels that every call of it leaves on the task. */
  readonly leaves: readonly string[]
  /** What a call of it could have come to at that moment, whatever its arguments. */
  readonly outcomes: readonly Outcome[]
  readonly conjuncts: readonly Conjunct[]
}

/** Everything that the guard knew of, in the catalog's order. */
export function allowedSet(state: MomentState): readonly Allowed[] {
  const { under, catalog } = state
  if (!under || !catalog) return []
  return catalog.flatMap((upstream) => [
    ...upstream.tools.map((tool) => toolAllowed(state, under, upstream, tool)),
    ...upstream.prompts.map((one) =>
      named(state, upstream, one, {
        kind: 'prompt',
        authority: under.prompt(upstream.server, one.name),
      }),
    ),
    ...upstream.resources.map((one) =>
      named(state, upstream, one, {
        kind: 'resource',
        authority: under.resource(upstream.server, one.name),
      }),
    ),
  ])
}

const NOTHING = { effects: [], data: [], leaves: [], outcomes: [], conjuncts: [] } as const

function toolAllowed(
  state: MomentState,
  under: CompiledMandate,
  upstream: KeptUpstream,
  tool: KeptTool,
): Allowed {
  const { server } = upstream
  const { name, definition, raw } = tool
  if (definition === undefined || !raw) {
    const hidden = 'its definition is not kept as it was: what was allowed is not known'
    return { kind: 'tool', server, name, listed: false, hidden, ...NOTHING }
  }
  try {
    const lockedEffect = state.keepsakes.effectOf(server, name)
    const whole = { server, name, raw, definition, ...(lockedEffect && { lockedEffect }) }
    return named(state, upstream, tool, { kind: 'tool', authority: under.tool(whole) })
  } catch (error) {
    if (!(error instanceof Unkept)) throw error
    return { kind: 'tool', server, name, listed: false, hidden: error.message, ...NOTHING }
  }
}

function named(
  state: MomentState,
  { server }: KeptUpstream,
  item: KeptItem,
  { kind, authority }: { readonly kind: Allowed['kind']; readonly authority: Authority },
): Allowed {
  const { name, definition } = item
  const call = unknownCall(state, { kind, server, name, item })
  const conjuncts = authority.explain(call).filter(({ rule }) => rule !== 'args')
  const hidden = whyHidden(state, { kind, server, item, authority, conjuncts })
  const outcomes = state.unbound.map(({ reason }): Outcome => reason)
  const could = hidden === undefined ? [...authority.possible(call)].toSorted() : []
  return {
    kind,
    server,
    name,
    ...(definition !== undefined && { definition }),
    listed: hidden === undefined,
    ...(hidden !== undefined && { hidden }),
    effects: authority.effects,
    data: authority.data,
    leaves: labelsOf(state, { kind, server, name }),
    outcomes: outcomes.length > 0 ? outcomes : could,
    conjuncts,
  }
}

/** Nothing where the policies of then are not kept, which is said elsewhere. */
function labelsOf(
  { under, run, keepsakes }: MomentState,
  subject: { readonly kind: Allowed['kind']; readonly server: string; readonly name: string },
): readonly string[] {
  if (!under || !run.policies) return []
  const { policies } = keepsakes.policies(run.policies.value)
  return policies.labelling(subject).flatMap((duty) => (duty.type === 'label' ? duty.add : []))
}

const ACTION: Readonly<Record<Allowed['kind'], Action>> = {
  tool: 'tools/call',
  prompt: 'prompts/get',
  resource: 'resources/read',
}

/** A call of which nothing is known but what it would act on, and when: whatever hangs on its arguments is unknown. */
function unknownCall(
  state: MomentState,
  about: {
    readonly kind: Allowed['kind']
    readonly server: string
    readonly name: string
    readonly item: KeptItem
  },
): CallContext {
  const { at, standing, environment, risk, labels, task, mandate } = state
  const { args, veil, history } = keptCall({
    facts: {},
    erased: ['facts'],
    reads: undefined,
    verify: () => undefined,
    passed: false,
  })
  return {
    id: callId('moment'),
    at,
    principal: { agent: standing.agent, assurance: assuranceOf(standing.assurance) },
    action: ACTION[about.kind],
    resource: resourceOf(about),
    args,
    environment,
    risk,
    session: { id: task?.task ?? 'moment', labels, history },
    ...(mandate && { mandate: mandate.mandate }),
    veil,
  }
}

function resourceOf({
  kind,
  server,
  name,
  item,
}: {
  readonly kind: Allowed['kind']
  readonly server: string
  readonly name: string
  readonly item: KeptItem
}): Resource {
  if (kind === 'resource') return { kind, server, uri: name }
  if (kind === 'prompt' || item.definition === undefined) return { kind: 'prompt', server, name }
  return { kind, server, name, definition: item.definition }
}

function assuranceOf(text: string): CallContext['principal']['assurance'] {
  return (
    (['bearer_key', 'launch_line', 'mandate'] as const).find((one) => one === text) ?? 'mandate'
  )
}

const STATES: Readonly<Record<string, string>> = {
  changed: 'its definition was not the one that it is pinned to',
  new: 'nobody had approved its definition',
}

function whyHidden(
  state: MomentState,
  found: {
    readonly kind: Allowed['kind']
    readonly server: string
    readonly item: KeptItem
    readonly authority: Authority
    readonly conjuncts: readonly Conjunct[]
  },
): string | undefined {
  const { kind, server, item, authority, conjuncts } = found
  const taken = takenBack(state, server, kind === 'tool' ? item.name : undefined)
  if (taken !== undefined) return taken
  const upstream = state.standing.upstreams.get(server)?.value
  if (upstream?.up === 0 && upstream.last !== 'started')
    return `its upstream was not up (${upstream.last})`
  if (item.state !== 'pinned') return STATES[item.state] ?? `it was ${item.state}`
  if (item.why !== undefined) return item.why
  if (authority.listed) return undefined
  return notGranted(authority, conjuncts)
}

function takenBack(
  { restrictions }: MomentState,
  server: string,
  tool: string | undefined,
): string | undefined {
  for (const { value } of restrictions) {
    const { kind, target, by, why } = value
    const its =
      target['kind'] === 'upstream'
        ? textIn(target, 'name') === server
        : target['kind'] === 'tool' &&
          textIn(target, 'server') === server &&
          tool !== undefined &&
          textIn(target, 'name') === tool
    if (its) return `${kind} by ${by}: ${why}`
  }
  return undefined
}

function notGranted(authority: Authority, conjuncts: readonly Conjunct[]): string {
  const [problem] = authority.problems
  if (problem) return problemText(problem)
  const failing = conjuncts.find(({ result, of }) => result === 'fails' && of === undefined)
  if (!failing) return 'its grant can never hold'
  const { rule, expected, effect, read } = failing
  if (rule.startsWith('never.')) return `\`never\` names it (\`${read ?? rule}\`)`
  if (effect === 'forbid') return `\`${rule}\` forbids it`
  return expected.startsWith('a grant names') ? 'no grant names it' : `not so: ${expected}`
}
