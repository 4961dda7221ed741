/** What the linter finds: things that load, and yet are hardly meant. */
import type { CompiledMandate } from '../../model/authority.ts'
import type { Place, Problem } from '../../model/document.ts'
import type { ToolDefinition } from '../../model/tool.ts'
import type { CompiledPolicies, EngineSelection } from '../compile.ts'

export interface Finding extends Problem {
  /** The rule or grant that it is about, as the record names it. */
  readonly rule?: string
}

export interface LintGiven {
  readonly policies: CompiledPolicies
  readonly mandates: readonly CompiledMandate[]
  /** What upstreams offer; absent: nobody asked them, and nothing is said of tools and arguments. */
  readonly tools?: readonly ToolDefinition[]
  /** All upstreams; absent: those that have a tool. */
  readonly servers?: readonly string[]
  /** Upstreams that could not be asked what they offer. */
  readonly silent?: ReadonlySet<string>
  /** Rules that a test names; absent: tests were not read. */
  readonly tests?: ReadonlySet<string>
  readonly engines?: readonly EngineSelection[]
}

export type FindingId =
  | 'unknown_server'
  | 'unknown_tool'
  | 'unknown_argument'
  | 'type_mismatch'
  | 'impossible_value'
  | 'optional_without_has'
  | 'never_matches'
  | 'always_matches'
  | 'unknown_label'
  | 'shadowed_rule'
  | 'whole_week_window'
  | 'loose_pattern'
  | 'suffix_domain'
  | 'prefix_host'
  | 'exists_exempts'
  | 'numeric_id'
  | 'unconstrained_argument'
  | 'mandate_unusable'
  | 'nobody_approves'
  | 'dead_set'
  | 'no_test'
  | 'unused_ignore'

/** Every kind of finding, with its level; some findings of a kind that is an error are only warnings. */
export const FINDINGS: Readonly<Record<FindingId, Problem['level']>> = {
  unknown_server: 'error',
  unknown_tool: 'error',
  unknown_argument: 'error',
  type_mismatch: 'error',
  impossible_value: 'warning',
  optional_without_has: 'warning',
  never_matches: 'warning',
  always_matches: 'warning',
  unknown_label: 'warning',
  shadowed_rule: 'warning',
  whole_week_window: 'warning',
  loose_pattern: 'warning',
  suffix_domain: 'warning',
  prefix_host: 'warning',
  exists_exempts: 'warning',
  numeric_id: 'warning',
  unconstrained_argument: 'warning',
  mandate_unusable: 'error',
  nobody_approves: 'warning',
  dead_set: 'warning',
  no_test: 'warning',
  unused_ignore: 'warning',
}

/** Where a finding stands and which rule it is about. */
export interface About {
  readonly place: Place
  readonly rule?: string
  /** Absent: the level of its kind. */
  readonly level?: Problem['level']
}

export class Findings {
  readonly #list: Finding[] = []

  get list(): readonly Finding[] {
    return this.#list
  }

  add(id: FindingId, { place, rule, level }: About, message: string, remedy: string): void {
    this.#list.push({
      id,
      level: level ?? FINDINGS[id],
      place,
      message,
      remedy,
      ...(rule !== undefined && { rule }),
    })
  }
}

/** `a`, `b` and 3 more. */
export function someOf(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).map((one) => `\`${one}\``)
  const left = names.length - shown.length
  if (left > 0) return `${shown.join(', ')} and ${left} more`
  const last = shown.pop() ?? ''
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`
}
