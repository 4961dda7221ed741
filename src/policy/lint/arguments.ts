/** Conditions and exemptions against the schemas of the tools that a rule is about. */
import { compileCondition, placeWithin } from '../../expression/condition.ts'
import { argumentNames } from '../../mandate/schema.ts'
import { nearest, type Place, type Problem, Problems } from '../../model/document.ts'
import { isList, isObject, type JsonObject, member } from '../../model/json.ts'
import { inputSchema, type ToolDefinition } from '../../model/tool.ts'
import { scopeOfRule } from '../logic/rule-prop.ts'
import type { CompiledRule } from '../rule.ts'
import { type OfferedTool, selectedBy, type SelectedTool } from './catalog.ts'
import { conditionsIn } from './expressions.ts'
import { type FindingId, type Findings, type LintGiven, someOf } from './finding.ts'
import { unguardedReads } from './guards.ts'

export function lintArguments(
  given: LintGiven,
  offered: readonly OfferedTool[],
  findings: Findings,
): void {
  for (const rule of given.policies.rules) {
    const selected = selectedBy(rule, offered)
    if (selected.length === 0) continue
    const gathered = new Gathered(rule, selected.length)
    for (const one of selected) {
      checkConditions(rule, one, given, gathered)
      checkExempt(rule, one, gathered)
      checkOptional(rule, one, gathered)
    }
    gathered.report(findings)
  }
}

interface Gathering {
  readonly id: FindingId
  readonly place: Place
  readonly message: string
  readonly remedy: string
  readonly tools: string[]
  level: Problem['level']
}

/** The same finding under several tools is one. */
class Gathered {
  readonly #all = new Map<string, Gathering>()
  readonly #rule: CompiledRule
  readonly #selected: number

  constructor(rule: CompiledRule, selected: number) {
    this.#rule = rule
    this.#selected = selected
  }

  note(found: Omit<Gathering, 'tools'>, { tool, literally }: SelectedTool): void {
    const { id, place, message } = found
    const key = JSON.stringify([id, place, message])
    const known = this.#all.get(key) ?? { ...found, tools: [] }
    known.tools.push(`${tool.server}/${tool.name}`)
    if (literally && found.level === 'error') known.level = 'error'
    this.#all.set(key, known)
  }

  report(findings: Findings): void {
    for (const { id, place, message, remedy, tools, level } of this.#all.values()) {
      const rule = this.#rule.source.name
      const of =
        tools.length === this.#selected && this.#selected > 3 ? 'every tool' : someOf(tools)
      findings.add(id, { place, rule, level }, `${message}, for ${of}`, remedy)
    }
  }
}

function checkConditions(
  rule: CompiledRule,
  selected: SelectedTool,
  given: LintGiven,
  gathered: Gathered,
): void {
  const schema = inputSchema(selected.tool)
  // A tool that says nothing of its arguments may take any.
  if (!isObject(member(schema, 'properties'))) return
  const scope = { policy: scopeOfRule(rule, given.policies), inputSchema: schema }
  for (const { node, conjuncts } of conditionsIn(rule)) {
    const problems = new Problems()
    compileSafely(node, scope, problems)
    const read = new Set(unguardedReads(conjuncts).flatMap(({ path }) => path))
    for (const { id, level, place, message, remedy } of problems.list) {
      const known = idOf(id, level)
      const name = /`([^`]*)`$/.exec(message)?.[1] ?? ''
      // Whoever asks whether it is there knows that not every tool has it.
      const asked = known === 'unknown_argument' && !read.has(name)
      if (asked && !selected.literally) continue
      gathered.note(
        {
          id: known,
          place: place ?? node.place,
          message,
          remedy: remedy ?? 'correct it',
          level: level === 'error' && selected.literally ? 'error' : 'warning',
        },
        selected,
      )
    }
  }
}

type Compiled = Parameters<typeof compileCondition>

/** A schema is text of an upstream: one that cannot be followed says nothing. */
function compileSafely(node: Compiled[0], scope: Compiled[1], problems: Problems): void {
  try {
    compileCondition(node, scope, problems)
  } catch {
    const message = 'the definition cannot be followed'
    problems.error(node, 'type_mismatch', message, 'ask whoever runs the upstream')
  }
}

function idOf(id: string, level: Problem['level']): FindingId {
  if (id === 'unknown_argument' || id === 'unknown_member') return 'unknown_argument'
  return level === 'error' ? 'type_mismatch' : 'impossible_value'
}

/** Names under `unlessArgs` that the tool does not have: no call of it is ever exempt, unless they may be left out. */
function checkExempt(rule: CompiledRule, selected: SelectedTool, gathered: Gathered): void {
  const { unlessArgs } = rule.source
  const known = argumentNames(inputSchema(selected.tool))
  if (!unlessArgs || !known) return
  for (const [name, node] of unlessArgs.args) {
    const optional = mayBeLeftOut(rule, name)
    // Of several tools not each has all that a call may say.
    if (known.has(name) || (optional && !selected.literally)) continue
    const near = nearest(name, known)
    const so = optional ? '' : ', so that no call is exempt'
    const message = `the tool has no argument \`${name}\`${so}`
    const remedy =
      near === undefined ? `there are ${someOf([...known])}` : `did you mean \`${near}\`?`
    const level = selected.literally ? 'error' : 'warning'
    const { place } = node
    gathered.note({ id: 'unknown_argument', place, message, remedy, level }, selected)
  }
}

function mayBeLeftOut({ exempt }: CompiledRule, name: string): boolean {
  return exempt?.constraints[exempt.names.indexOf(name)]?.judge(undefined) === 'holds'
}

/** What a call may leave out makes the condition fail, and that counts as a match. */
function checkOptional(rule: CompiledRule, selected: SelectedTool, gathered: Gathered): void {
  if (rule.source.effect === 'oblige') return
  const [when] = conditionsIn(rule).filter((one) => one.member === 'when')
  if (!when) return
  const seen = new Set<string>()
  for (const { path, expr } of unguardedReads(when.conjuncts)) {
    const name = path.join('.')
    if (seen.has(name) || !mayBeAbsent(path, selected.tool)) continue
    seen.add(name)
    const message = `a call may leave out \`${name}\`, and then the rule matches, since its condition cannot be evaluated`
    const remedy = `write \`has(args.${name}) && …\`, or \`!has(args.${name}) || …\` if it is meant`
    const place = placeWithin(when.node, expr.start)
    gathered.note(
      { id: 'optional_without_has', place, message, remedy, level: 'warning' },
      selected,
    )
  }
}

/** Declared, and not required, on some step of the way. */
function mayBeAbsent(path: readonly string[], tool: ToolDefinition): boolean {
  let schema: JsonObject = inputSchema(tool)
  for (const step of path) {
    const properties = member(schema, 'properties')
    const inner = isObject(properties) ? member(properties, step) : undefined
    if (inner === undefined) return false
    const required = member(schema, 'required')
    if (!isList(required) || !required.includes(step)) return true
    if (!isObject(inner)) return false
    schema = inner
  }
  return false
}
