/** Compiles a mandate: one object from which both the filtered lists and the decisions come. */
import { compileCondition } from '../expression/condition.ts'
import type { Authority, CompiledMandate, Overheard } from '../model/authority.ts'
import { Problems } from '../model/document.ts'
import type { Instant } from '../model/id.ts'
import type { Mandate } from '../model/mandate.ts'
import type { HistoryQuery } from '../model/policy.ts'
import type { ToolDefinition } from '../model/tool.ts'
import {
  type AuthoritySource,
  promptAuthority,
  resourceAuthority,
  toolAuthority,
} from './authority.ts'
import { counterOf, prepareBudget } from './budget.ts'
import { conditionsOf } from './conditions.ts'
import { conditionScope } from './grant.ts'
import { indexOf } from './grant-index.ts'
import { memo } from './memo.ts'
import { unmatchedIn } from './unmatched.ts'

/** How many are remembered: tools and prompts are named by upstreams, resources by whoever asks for one. */
const MAX_NAMED = 16_384
const MAX_RESOURCES = 2048

interface Compiled {
  readonly definition: ToolDefinition['definition']
  readonly lockedEffect: ToolDefinition['lockedEffect'] | undefined
  readonly authority: Authority
}

/** A mandate alone says nothing of it. */
const NOTHING: Overheard = { labels: [], detectors: [] }

/** The compiled mandate, or undefined when a problem was reported. */
export function compileMandate(mandate: Mandate, problems: Problems): CompiledMandate | undefined {
  const index = indexOf(mandate, problems)
  if (!index) return undefined
  const source: AuthoritySource = {
    mandate,
    index,
    budgets: (mandate.budgets ?? []).map((budget) =>
      prepareBudget(budget, counterOf(budget, mandate.name, { own: true })),
    ),
    conditions: conditionsOf(mandate.purpose),
    readers: new Map(),
  }
  const tools = memo<Compiled>(MAX_NAMED)
  const resources = memo<Authority>(MAX_RESOURCES)
  const prompts = memo<Authority>(MAX_NAMED)
  const tool: CompiledMandate['tool'] = (given) => {
    const { server, name, definition, lockedEffect } = given
    const known = tools.get(server, name)
    // Only the latest definition is remembered: an upstream that changes it compiles again.
    if (known?.definition === definition && known.lockedEffect === lockedEffect)
      return known.authority
    const authority = toolAuthority(source, given)
    tools.set(server, name, { definition, lockedEffect, authority })
    return authority
  }
  const resource: CompiledMandate['resource'] = (server, uri) =>
    resources.get(server, uri) ?? resources.set(server, uri, resourceAuthority(source, server, uri))
  return {
    mandate,
    overheard: () => NOTHING,
    queries: queriesOf(mandate),
    tool,
    names: (server, name) =>
      index.naming('tool', server, name).length > 0 &&
      index.blocking('tool', server, name).length === 0,
    resource,
    prompt: (server, name) =>
      prompts.get(server, name) ?? prompts.set(server, name, promptAuthority(source, server, name)),
    resourceListed: (server, uri) => resource(server, uri).listed,
    templateListed: (server, uriTemplate) => index.template(server, uriTemplate).length > 0,
    permitsRequest: (server, request) => mandate.requests.get(server)?.includes(request) === true,
    validity: (at) => validityOf(mandate, at),
    unmatched: (catalog) => unmatchedIn({ ...source, tool }, catalog),
  }
}

function validityOf({ valid }: Mandate, at: Instant): 'valid' | 'not_yet' | 'expired' {
  // A time that is not a number is never valid: both comparisons are written so that NaN fails them.
  if (valid.from !== undefined && !(at >= valid.from)) return 'not_yet'
  return at < valid.until ? 'valid' : 'expired'
}

/** Compiled once more without a schema: what is asked of the past does not depend on the tool. */
function queriesOf({ grants, purpose }: Mandate): readonly HistoryQuery[] {
  const scope = conditionScope({
    purpose: purpose.text,
    ...(purpose.ref !== undefined && { ref: purpose.ref }),
  })
  return grants
    .flatMap(({ when, approval }) => [when, approval?.when])
    .filter((node) => node?.kind === 'scalar' && String(node.value).includes('session'))
    .flatMap((node) => (node && compileCondition(node, scope, new Problems())?.history) ?? [])
}
