/** Resolves what a test file names: rules by their id, tools, engines. A name that nothing has is a problem. */
import { nearest, type Place, type Problems } from '../../model/document.ts'
import type { BenchSource } from './bench.ts'
import type { Acted, Case, Circumstances, Expectation, ScenarioFile } from './language.ts'

interface Known {
  readonly source: BenchSource
  readonly engines: ReadonlySet<string>
  /** Full names by full name, and by id where only one rule has it. */
  readonly rules: ReadonlyMap<string, readonly string[]>
}

/** The file with every rule called by its full name. */
export function link(file: ScenarioFile, source: BenchSource, problems: Problems): ScenarioFile {
  const known = knownIn(source)
  const { cases, invariants } = file
  for (const one of [...cases, ...invariants])
    linkCircumstances(one.circumstances, one, known, problems)
  for (const { call, place } of cases) linkTool(call, place, known, problems)
  return { ...file, cases: cases.map((one) => linkCase(one, known, problems)) }
}

function knownIn(source: BenchSource): Known {
  const { policies, engines } = source
  const rules = new Map<string, readonly string[]>()
  for (const { source: rule } of policies.rules) {
    rules.set(rule.name, [rule.name])
    rules.set(rule.id, [...(rules.get(rule.id) ?? []), rule.name])
  }
  for (const id of engines) rules.set(`engine:${id}`, [`engine:${id}`])
  return { source, engines: new Set(engines), rules }
}

function linkCase(one: Case, known: Known, problems: Problems): Case {
  const { by, obligations, shadow } = one.expect
  const named = (names: readonly string[]): readonly string[] =>
    names.map((name) => fullName(name, one.expect, known, problems))
  const expect: Expectation = {
    ...one.expect,
    ...(by && { by: named(by) }),
    ...(obligations && { obligations: named(obligations) }),
    ...(shadow && { shadow: named(shadow) }),
  }
  return { ...one, expect }
}

function fullName(
  name: string,
  { place }: Expectation,
  { rules }: Known,
  problems: Problems,
): string {
  const [only, second] = rules.get(name) ?? []
  if (only === undefined) {
    const near = nearest(name, rules.keys())
    const remedy = near === undefined ? 'name a rule by its `id`' : `did you mean \`${near}\`?`
    problems.error({ place }, 'unknown_rule', `no rule is called \`${name}\``, remedy)
  } else if (second !== undefined) {
    const message = `more than one rule is called \`${name}\``
    problems.error({ place }, 'ambiguous_rule', message, `write \`${only}\``)
  }
  return only ?? name
}

function linkCircumstances(
  { engines, history, whose }: Circumstances,
  at: { readonly place: Place },
  known: Known,
  problems: Problems,
): void {
  for (const id of engines.keys()) {
    if (known.engines.has(id)) continue
    const message = `no engine is called \`${id}\``
    problems.error(at, 'unknown_engine', message, 'name one of `engines.yaml`')
  }
  if (history !== 'unknown') for (const past of history) linkTool(past, at.place, known, problems)
  if (whose && known.source.mandate) {
    const message = 'the mandate says who acts, for whom and what for'
    problems.error({ place: whose }, 'contradiction', message, 'remove `agent`, `owner`, `purpose`')
  }
}

/** Where definitions are given, a tool that has none is a misspelt one. */
function linkTool(
  { kind, server, name }: Acted,
  place: Place,
  { source: { tools } }: Known,
  problems: Problems,
): void {
  const full = `${server}/${name}`
  if (kind !== 'tool' || tools.size === 0 || tools.has(full)) return
  const near = nearest(full, tools.keys())
  const remedy = near === undefined ? 'name a tool that `tools` has' : `did you mean \`${near}\`?`
  problems.error({ place }, 'unknown_tool', `\`tools\` has no \`${full}\``, remedy)
}
