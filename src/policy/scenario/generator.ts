/** Makes up calls after what rules, schemas, cases and invariants mention. */
import type { Expr } from '../../expression/syntax.ts'
import { inputSchema } from '../../model/tool.ts'
import { Problems } from '../../model/document.ts'
import type { Json } from '../../model/json.ts'
import { withSets } from '../sets.ts'
import type { CompiledRule } from '../rule.ts'
import { compileTarget, names } from '../target.ts'
import type { Bench } from './bench.ts'
import { inventCircumstances } from './invent.ts'
import type { Acted, Circumstances, Past, ScenarioFile } from './language.ts'
import { learn, type Lesson, type Mentioned, nothingMentioned } from './learn.ts'
import { learnConstraint, learnSchema } from './learn-document.ts'
import type { Random } from './random.ts'
import { argumentsOf, changed, learnValue, memberOfShape, newShape, type Shape } from './shape.ts'

/** What can be called, without arguments. */
export type Callable = Pick<Acted, 'kind' | 'server' | 'name'>

export interface Made {
  readonly acted: Acted
  readonly circumstances: Circumstances
}

export interface Generator {
  /** Everything that rules, cases or definitions name, and something that none of them does. */
  readonly callables: readonly Callable[]
  /** Circumstances that are fixed stay as they are given. */
  readonly make: (
    callable: Callable,
    given: Pick<Made, 'circumstances'> & { readonly fixed: ReadonlySet<string> },
    random: Random,
  ) => Made
}

/** A condition of an invariant, whose values matter as much as those of rules, for what it is about. */
export interface Asking {
  readonly about: (callable: Callable) => boolean
  readonly conditions: readonly Expr[]
}

export function generatorOf(
  bench: Bench,
  file: ScenarioFile,
  asking: readonly Asking[],
): Generator {
  const mentioned = mentionedIn(bench, file, asking)
  const shapes = new Map<string, Shape>()
  const callables = callablesIn(bench, file)
  const shapeFor = (callable: Callable): Shape => {
    const key = keyOf(callable)
    const found = shapes.get(key) ?? argumentShape(bench, file, asking, callable)
    shapes.set(key, found)
    return found
  }
  const written = Map.groupBy(file.cases, ({ call }) => keyOf(call))
  const tools = callables.filter(({ kind }) => kind === 'tool')
  const past = (random: Random): Past => {
    const called = random.pick(tools) ?? { kind: 'tool', server: 'other', name: 'tool' }
    const agoMs = random.pick(AGO_MS) ?? 0
    const outcome = random.chance(0.8) ? 'complete' : 'tool_error'
    return { ...called, args: argumentsOf(shapeFor(called), random), agoMs, outcome }
  }
  return {
    callables,
    make: (callable, { circumstances, fixed }, random) => {
      const inventing = { fixed, mentioned, bench, past, random }
      const shape = shapeFor(callable)
      // What a person wrote gets past more rules than what is made up from nothing.
      const near = random.chance(0.4) ? random.pick(written.get(keyOf(callable)) ?? []) : undefined
      const args = near ? changed(near.call.args, shape, random) : argumentsOf(shape, random)
      const acted = { ...callable, args }
      if (near && fixed.size === 0 && random.chance(0.5))
        return { acted, circumstances: near.circumstances }
      return { acted, circumstances: inventCircumstances(circumstances, inventing) }
    },
  }
}

const AGO_MS = [1000, 60_000, 1_799_000, 3_599_000, 3_600_000, 3_601_000, 86_400_000]

export function keyOf({ kind, server, name }: Callable): string {
  return `${kind} ${server}/${name}`
}

/** The rules that may be about it, whatever classes it has. */
function rulesFor({ policies }: Bench, { kind, server, name }: Callable): readonly CompiledRule[] {
  return policies.rules.filter(
    ({ targets }) => !targets || targets.some((one) => names(one, kind, server, name)),
  )
}

function argumentShape(
  bench: Bench,
  { cases }: ScenarioFile,
  asking: readonly Asking[],
  callable: Callable,
): Shape {
  const args = newShape()
  const { kind, server, name } = callable
  const lesson = lessonFor(bench, args, nothingMentioned())
  for (const rule of rulesFor(bench, callable)) learnRule(rule, lesson, bench)
  for (const { about, conditions } of asking)
    if (about(callable)) for (const condition of conditions) learn(condition, lesson)
  const tool = kind === 'tool' ? bench.tools.get(`${server}/${name}`) : undefined
  if (tool) learnSchema(inputSchema(tool), args)
  for (const { call } of cases) if (keyOf(call) === keyOf(callable)) learnValue(call.args, args)
  return args
}

function lessonFor({ policies }: Bench, args: Shape, mentioned: Mentioned): Lesson {
  const sets = new Map<string, readonly Json[]>(
    [...policies.sets].map(([name, { values }]) => [name, values]),
  )
  return { args, mentioned, sets }
}

function learnRule(
  { when, unless, source }: CompiledRule,
  lesson: Lesson,
  { policies }: Bench,
): void {
  const file = policies.files.find((one) => one.file === source.place.file)
  const own = { ...lesson, timezone: file?.timezone }
  for (const condition of [when, unless])
    for (const conjunct of condition?.conjuncts ?? []) learn(conjunct, own)
  for (const [name, node] of source.unlessArgs?.args ?? [])
    learnConstraint(withSets(node, policies.sets, new Problems()), memberOfShape(lesson.args, name))
}

function mentionedIn(
  bench: Bench,
  { cases, invariants, defaults }: ScenarioFile,
  asking: readonly Asking[],
): Mentioned {
  const mentioned = nothingMentioned()
  const lesson = lessonFor(bench, newShape(), mentioned)
  const { rules, files } = bench.policies
  for (const rule of rules) {
    learnRule(rule, lesson, bench)
    for (const label of rule.source.labels) mentioned.labels.add(label)
    for (const { text } of rule.source.agents) note(mentioned, 'agent', text)
    for (const { text } of rule.source.purposes) note(mentioned, 'purposeRef', text)
  }
  for (const { labels } of files)
    for (const { add } of labels) for (const label of add) mentioned.labels.add(label)
  for (const condition of asking.flatMap(({ conditions }) => conditions)) learn(condition, lesson)
  for (const { circumstances } of [...cases, ...invariants, { circumstances: defaults }]) {
    const { labels, agent, owner, purpose } = circumstances
    for (const label of labels) mentioned.labels.add(label)
    note(mentioned, 'agent', agent)
    note(mentioned, 'owner', owner)
    note(mentioned, 'purposeRef', purpose?.ref)
  }
  return mentioned
}

function note({ texts }: Mentioned, name: string, text: string | undefined): void {
  if (text === undefined) return
  texts.set(name, (texts.get(name) ?? new Set()).add(written(text)))
}

/** A text that the glob matches. */
function written(glob: string): string {
  return glob.replaceAll(/\*+/g, 'x').replaceAll('?', 'x')
}

function callablesIn({ policies, tools }: Bench, { cases }: ScenarioFile): readonly Callable[] {
  const found: Callable[] = cases.flatMap(({ call, circumstances: { history } }) => [
    call,
    ...(history === 'unknown' ? [] : history),
  ])
  for (const { server, name } of tools.values()) found.push({ kind: 'tool', server, name })
  const rows = policies.files.flatMap(({ rules, labels, classify }) => [
    ...rules.flatMap(({ targets }) => targets ?? []),
    ...[...labels, ...classify].flatMap(({ targets }) => targets),
  ])
  const known = tools.size > 0
  for (const target of rows) {
    // Where definitions are given, there is no other tool.
    if (known && target.kind === 'tool') continue
    const compiled = compileTarget(target)
    if (found.some(({ kind, server, name }) => names(compiled, kind, server, name))) continue
    found.push({ ...target, server: written(target.server), name: written(target.name) })
  }
  if (!known) found.push({ kind: 'tool', server: 'other', name: 'tool' })
  const all = found.map(({ kind, server, name }): Callable => ({ kind, server, name }))
  return [...new Map(all.map((one) => [keyOf(one), one])).values()]
}
