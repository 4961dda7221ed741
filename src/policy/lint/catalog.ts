/** The tools that upstreams offer, as rules see them: what they do and touch, as whoever classified them says. */
import { EFFECT_CLASSES, type EffectClass } from '../../model/call.ts'
import type { ToolDefinition } from '../../model/tool.ts'
import { guarded } from '../guarded.ts'
import { type CompiledRule, isAbout, type Subject } from '../rule.ts'
import { names } from '../target.ts'
import type { LintGiven } from './finding.ts'

export interface OfferedTool {
  readonly tool: ToolDefinition
  /** Under each mandate that lists it; where none does, as the lock file and the policies say. */
  readonly subjects: readonly Subject[]
}

export function offeredTools(given: LintGiven): readonly OfferedTool[] | undefined {
  const { tools, mandates, policies } = given
  // Effects are the same in every environment.
  const all = mandates.map((mandate) => ({ mandate, under: guarded(mandate, policies, 'prod') }))
  return tools?.map((tool) => {
    const listing = all.filter(({ mandate }) => mandate.tool(tool).listed)
    const { server, name } = tool
    const found = listing.map(({ under }): Subject => {
      const { effects, data } = under.tool(tool)
      return { kind: 'tool', server, name, effects, data }
    })
    return { tool, subjects: found.length > 0 ? found : [unlisted(tool, given)] }
  })
}

function unlisted({ server, name, lockedEffect }: ToolDefinition, given: LintGiven): Subject {
  const said = given.policies.classified({ kind: 'tool', server, name })
  const all: readonly (EffectClass | undefined)[] = [lockedEffect, ...said.effects]
  const named = EFFECT_CLASSES.filter((one) => all.includes(one))
  const effects = named.length === 0 ? EFFECT_CLASSES : named
  return { kind: 'tool', server, name, effects, data: said.data }
}

export interface SelectedTool {
  readonly tool: ToolDefinition
  /** The rule names it in full, and not by a wildcard or by what it does. */
  readonly literally: boolean
}

/** The tools that a rule means: not those that it is only about because nobody classified them. */
export function selectedBy(
  rule: CompiledRule,
  offered: readonly OfferedTool[],
): readonly SelectedTool[] {
  return offered.flatMap(({ tool, subjects }) => {
    const naming = rule.targets?.filter((one) => names(one, 'tool', tool.server, tool.name)) ?? []
    const about = subjects.filter((one) => isAbout(rule, one))
    const meant = naming.length > 0 || about.some(isClassified) || isPlain(rule)
    if (about.length === 0 || !meant) return []
    return [{ tool, literally: naming.some((one) => one.server.literal && one.name.literal) }]
  })
}

function isClassified({ effects }: Subject): boolean {
  return effects.length < EFFECT_CLASSES.length
}

/** A rule that does not ask what is done or touched. */
function isPlain({ source }: CompiledRule): boolean {
  return source.effects.length === 0 && source.data.length === 0
}
