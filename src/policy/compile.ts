/** Compiles a policy set: rules found by what they are about, conditions and constraints once for all tools. */
import { EFFECT_CLASSES, type EffectClass } from '../model/call.ts'
import { Problems } from '../model/document.ts'
import type { Sha256 } from '../model/id.ts'
import type { HistoryQuery, Obligation, PolicyMode } from '../model/policy.ts'
import { compileBudget, type CompiledBudget } from './budget.ts'
import type { LabelRule, PolicyFile, RuleSource, Target } from './language.ts'
import { type CompiledRule, compileRule, isAbout, type Subject } from './rule.ts'
import { setsOf, type Sets } from './sets.ts'
import { sharedAmong } from './shared.ts'
import { type CompiledTarget, compileTarget, globOf, names } from './target.ts'

/** An external engine as far as deciding goes: about which calls it is asked. */
export interface EngineSelection {
  readonly id: string
  readonly mode: PolicyMode
  /** Absent: about everything. */
  readonly targets?: readonly Target[]
  readonly effects: readonly EffectClass[]
}

export interface PolicySet {
  readonly files: readonly PolicyFile[]
  readonly engines: readonly EngineSelection[]
  /** Hash over everything that decides. */
  readonly revision: Sha256
}

export interface CompiledPolicies {
  readonly revision: Sha256
  readonly files: readonly PolicyFile[]
  readonly sets: Sets
  /** In the order of their names, so that the order of files and rules never matters. */
  readonly rules: readonly CompiledRule[]
  /** Limits, in the order of their names. */
  readonly budgets: readonly CompiledBudget[]
  /** The rules that name it, whatever the call, in the order of their names. */
  about(subject: Subject): readonly CompiledRule[]
  /** The engines that are asked about it. */
  enginesFor(subject: Subject): readonly EngineSelection[]
  /** What policies say that it does and touches. */
  classified(subject: Place): {
    readonly effects: readonly EffectClass[]
    readonly data: readonly string[]
  }
  /** The labels that it always leaves, as duties. */
  labelling(subject: Place): readonly Obligation[]
  /** The labels that anything this server says may leave, and the rules that redact what comes from it. */
  overheard(server: string): {
    readonly labels: readonly string[]
    readonly redacting: readonly CompiledRule[]
  }
  /** What its conditions ask of the past. */
  readonly queries: readonly HistoryQuery[]
  /** Webhooks that notify duties name. */
  readonly webhooks: ReadonlyMap<string, RuleSource>
}

type Place = Pick<Subject, 'kind' | 'server' | 'name'>

/**
 * The set compiled, or undefined when a problem of level error was reported. `before`: one with the same sets and zones, of
 * which the rules that are still the same objects are taken over.
 */
export function compilePolicies(
  set: PolicySet,
  problems: Problems,
  before?: CompiledPolicies,
): CompiledPolicies | undefined {
  const { files, engines, revision } = set
  const found = new Problems()
  refuseTwins(files, found)
  const sets = setsOf(files, found)
  const shared = sharedAmong(sets)
  const known = new Map(before?.rules.map((rule) => [rule.source, rule]))
  const rules = files.flatMap(({ rules: own, timezone }) =>
    own.flatMap((rule) => known.get(rule) ?? compileRule(rule, timezone, shared, found) ?? []),
  )
  const budgets = files.flatMap(({ budgets: own, timezone }) =>
    own.flatMap((budget) => compileBudget(budget, timezone, shared, found) ?? []),
  )
  for (const problem of found.list) problems.add(problem)
  if (found.bad) return undefined
  const sorted = rules.toSorted((a, b) => (a.source.name < b.source.name ? -1 : 1))
  const about = indexed(sorted)
  const selections = engines.map((engine) => ({
    engine,
    targets: engine.targets?.map(compileTarget),
  }))
  return {
    revision,
    files,
    sets,
    rules: sorted,
    budgets: budgets.toSorted((a, b) => (a.source.name < b.source.name ? -1 : 1)),
    about,
    enginesFor: (subject) =>
      selections
        .filter(({ engine, targets }) => selects(engine, targets, subject))
        .map(({ engine }) => engine),
    ...classifier(files),
    ...labeller(files, sorted),
    queries: queriesOf(sorted),
    webhooks: webhooksOf(sorted),
  }
}

function refuseTwins(files: readonly PolicyFile[], problems: Problems): void {
  const policies = new Map<string, PolicyFile>()
  for (const file of files) {
    const before = policies.get(file.name)
    if (before) {
      const message = `the policy \`${file.name}\` stands in \`${before.file}\` already`
      problems.error(file, 'duplicate_policy', message, 'rename one of the two')
    }
    policies.set(file.name, file)
    const rules = new Map<string, Pick<RuleSource, 'place'>>()
    for (const rule of [...file.rules, ...file.budgets]) {
      const same = rules.get(rule.name)
      if (same) {
        const what = `${'effect' in rule ? 'rule' : 'budget'} \`${rule.name.slice(file.name.length + 1)}\``
        const message = `the ${what} stands in line ${same.place.line} already`
        problems.error(rule, 'duplicate_rule', message, 'rename one of the two')
      }
      rules.set(rule.name, rule)
    }
  }
}

/** Finds the rules about something without looking at all that name something else. */
function indexed(rules: readonly CompiledRule[]): CompiledPolicies['about'] {
  const exact = new Map<string, Set<CompiledRule>>()
  const wild: CompiledRule[] = []
  for (const rule of rules) {
    const { targets } = rule
    if (!targets || targets.some((one) => !one.server.literal || !one.name.literal)) {
      wild.push(rule)
      continue
    }
    for (const { kind, server, name } of targets) {
      const key = `${kind} ${server.source}/${name.source}`
      exact.set(key, (exact.get(key) ?? new Set()).add(rule))
    }
  }
  return (subject) => {
    const { kind, server, name } = subject
    const own = [...(exact.get(`${kind} ${server}/${name}`) ?? [])]
    const all = [...own, ...wild].filter((rule) => isAbout(rule, subject))
    return all.toSorted((a, b) => (a.source.name < b.source.name ? -1 : 1))
  }
}

function selects(
  { effects }: EngineSelection,
  targets: readonly CompiledTarget[] | undefined,
  subject: Subject,
): boolean {
  const { kind, server, name } = subject
  if (targets && !targets.some((one) => names(one, kind, server, name))) return false
  return effects.length === 0 || effects.some((one) => subject.effects.includes(one))
}

/** A file in shadow changes nothing: neither what tools count as, nor what sessions carry. */
function inForce({ mode }: PolicyFile): boolean {
  return mode === 'enforce'
}

function classifier(files: readonly PolicyFile[]): Pick<CompiledPolicies, 'classified'> {
  const rows = files
    .filter(inForce)
    .flatMap(({ classify }) =>
      classify.map((row) => ({ ...row, targets: row.targets.map(compileTarget) })),
    )
  return {
    classified: ({ kind, server, name }) => {
      const own = rows.filter((row) => row.targets.some((one) => names(one, kind, server, name)))
      return {
        effects: EFFECT_CLASSES.filter((effect) => own.some((row) => row.effect === effect)),
        data: [...new Set(own.flatMap(({ data }) => data))],
      }
    },
  }
}

type Labelling = Pick<CompiledPolicies, 'labelling' | 'overheard'>

/**
 * What a label rule says of tools also holds for the resources and prompts of their servers, unless it names some of
 * these itself: the words come from the same place.
 */
function labeller(files: readonly PolicyFile[], rules: readonly CompiledRule[]): Labelling {
  const rows = files.filter(inForce).flatMap(({ labels }) => labels.map(compileLabels))
  const redacting = rules.filter(
    ({ source }) => source.mode === 'enforce' && source.obligation?.type === 'redact',
  )
  const meets = (targets: readonly CompiledTarget[], server: string): boolean =>
    targets.some((one) => one.server.matches(server))
  return {
    labelling: ({ kind, server, name }) =>
      rows
        .filter(({ targets, servers }) => {
          if (servers.some((glob) => glob.matches(server))) return true
          if (targets.some((one) => names(one, kind, server, name))) return true
          return (
            !targets.some((one) => one.kind === kind) && kind !== 'tool' && meets(targets, server)
          )
        })
        .map(({ rule }) => ({ type: 'label', rule: rule.name, add: rule.add })),
    overheard: (server) => ({
      labels: [
        ...new Set(
          rows
            .filter(
              ({ targets, servers }) =>
                meets(targets, server) || servers.some((glob) => glob.matches(server)),
            )
            .flatMap(({ rule }) => rule.add),
        ),
      ],
      redacting: redacting.filter(({ targets }) => !targets || meets(targets, server)),
    }),
  }
}

function compileLabels(rule: LabelRule): {
  readonly rule: LabelRule
  readonly targets: readonly CompiledTarget[]
  readonly servers: readonly ReturnType<typeof globOf>[]
} {
  const { place } = rule
  return {
    rule,
    targets: rule.targets.map(compileTarget),
    servers: rule.servers.map((text) => globOf({ text, place }, 'server')),
  }
}

/** Those of rules in force come first: where not all fit in, what only watches gives way. */
function queriesOf(rules: readonly CompiledRule[]): readonly HistoryQuery[] {
  const enforced = rules.filter(({ source }) => source.mode === 'enforce')
  const all = [...enforced, ...rules].flatMap(({ when, unless }) => [
    ...(when?.history ?? []),
    ...(unless?.history ?? []),
  ])
  return [...new Map(all.map((query) => [query.key, query])).values()]
}

function webhooksOf(rules: readonly CompiledRule[]): ReadonlyMap<string, RuleSource> {
  const all = new Map<string, RuleSource>()
  for (const { source } of rules)
    if (source.obligation?.type === 'notify') all.set(source.obligation.to, source)
  return all
}
