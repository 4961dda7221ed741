/**
 * Questions about what happened before in the task: `session.calls("mail/send", "1h")`, `session.completed("mail/*")`,
 * `session.calledWith("vendors/create", "vendor_id", args.vendor_id)`. The answer enters with the call.
 */
import { Problems } from '../model/document.ts'
import type { History, HistoryQuery } from '../model/policy.ts'
import { durationMs } from '../model/time.ts'
import { type Building, flaw, mismatch, suggestion } from './building.ts'
import { compileGlob } from './glob.ts'
import type { Run, Typed, Value } from './run.ts'
import { type Expr, exprText, parts } from './syntax.ts'
import { BOOL, INT, KIND, NUMBER, type Type } from './typing.ts'

type Call = Extract<Expr, { kind: 'call' }>

interface Question {
  readonly kind: HistoryQuery['kind']
  readonly type: Type
  readonly usage: string
}

const QUESTIONS: ReadonlyMap<string, Question> = new Map([
  ['calls', { kind: 'calls', type: INT, usage: counted('calls') }],
  ['completed', { kind: 'completed', type: INT, usage: counted('completed') }],
  [
    'calledWith',
    {
      kind: 'called_with',
      type: BOOL,
      usage:
        'write `session.calledWith("vendors/create", "vendor_id", args.vendor_id)`, the first two in full',
    },
  ],
])

export const HISTORY_NAMES: readonly string[] = [...QUESTIONS.keys()]

const LEAST_WINDOW_MS = 30_000
const MOST_WINDOW_MS = 86_400_000

/** Longest text that is asked for as an argument. */
const MAX_VALUE = 4096
const SCALAR = KIND.null | KIND.bool | NUMBER | KIND.text
const UNFIT = Symbol('the history is asked for a list, an object or a very long text')
const NO_HISTORY = Symbol('the history of the task is not known')

/** A call of a function of `session`. */
export function buildHistory(expr: Call, building: Building): Typed | undefined {
  const question = QUESTIONS.get(expr.name)
  if (!question)
    return flaw(building, expr, 'unknown_function', [
      `the session has no function \`${expr.name}\``,
      suggestion(expr.name, HISTORY_NAMES),
    ])
  const query = queryOf(expr, question, building)
  if (!query) return undefined
  const run = question.kind === 'called_with' ? calledWith(expr, query, building) : count(query)
  if (!run) return undefined
  building.asks.set(query.key, { query, run })
  return { type: question.type, run }
}

function counted(name: string): string {
  return `write \`session.${name}("mail/send", "1h")\` or \`session.${name}("mail/*")\`, all in full`
}

function queryOf(expr: Call, question: Question, building: Building): HistoryQuery | undefined {
  const { kind, usage } = question
  const [pattern, second] = expr.args.map(literalText)
  const tooMany = kind === 'called_with' ? expr.args.length !== 3 : expr.args.length > 2
  const missing = second === undefined && (kind === 'called_with' || expr.args.length === 2)
  if (pattern === undefined || tooMany || missing)
    return flaw(building, expr, 'invalid_call', [
      `\`session.${expr.name}\` is not called like this`,
      usage,
    ])
  const matches = target(pattern, expr, building)
  const windowMs = kind === 'called_with' ? undefined : windowOf(second, expr, building)
  if (!matches || windowMs === 'flawed') return undefined
  return {
    key: exprText(expr),
    kind,
    matches,
    ...(windowMs !== undefined && { windowMs }),
    ...(kind === 'called_with' && { argument: second ?? '' }),
  }
}

function literalText(expr: Expr): string | undefined {
  return expr.kind === 'literal' && typeof expr.value === 'string' ? expr.value : undefined
}

/** `server/tool`, split at its first slash, as grants are. */
function target(
  pattern: string,
  expr: Call,
  building: Building,
): HistoryQuery['matches'] | undefined {
  const at = expr.args[0] ?? expr
  const slash = pattern.indexOf('/')
  if (slash < 1 || slash === pattern.length - 1)
    return flaw(building, at, 'invalid_target', [
      `\`${pattern}\` does not name a server and a tool`,
      "write `server/tool`, with the server's name as it stands in mcp.json",
    ])
  const problems = new Problems()
  const place = { file: '', line: 1, column: 1 }
  const server = compileGlob({ text: pattern.slice(0, slash), place }, 'server', problems)
  const tool = compileGlob({ text: pattern.slice(slash + 1), place }, 'tool', problems)
  for (const { id, message, remedy } of problems.list)
    flaw(building, at, id, remedy === undefined ? [message] : [message, remedy])
  return server && tool && ((serverName, name) => server.matches(serverName) && tool.matches(name))
}

function windowOf(
  text: string | undefined,
  expr: Call,
  building: Building,
): number | undefined | 'flawed' {
  if (text === undefined) return undefined
  const ms = durationMs(text)
  const at = expr.args[1] ?? expr
  if (ms !== undefined && ms >= LEAST_WINDOW_MS && ms <= MOST_WINDOW_MS) return ms
  const remedy =
    ms !== undefined && ms > MOST_WINDOW_MS
      ? 'write `24h` or less, or leave it out to count since the task began: longer windows come with budgets'
      : 'write it like `30s`, `15m` or `1h`'
  flaw(building, at, 'invalid_call', [`\`${text}\` is no window from 30s to 24h`, remedy])
  return 'flawed'
}

function count(query: HistoryQuery): Run {
  return once(query.key, ({ call: { session, at } }) => {
    const found = session.history?.read(query, at)
    return isCount(found) ? found : NO_HISTORY
  })
}

function calledWith(expr: Call, query: HistoryQuery, building: Building): Run | undefined {
  const [, , wanted] = expr.args
  if (!wanted) return undefined
  const variable = variableIn(wanted, building)
  if (variable !== undefined)
    return flaw(building, wanted, 'outside_profile', [
      `\`session.calledWith\` of \`${variable}\`, which is another with each element, is not part of the profile`,
      'ask it of one value',
    ])
  const value = building.build(wanted, building)
  if (!value) return undefined
  if ((value.type.kinds & SCALAR) === 0)
    return mismatch(
      building,
      wanted,
      '`session.calledWith` takes a text, a number or a boolean',
      value.type,
    )
  const of = value.run
  return once(query.key, (frame) => {
    const given = of(frame)
    if (typeof given === 'symbol') return given
    const long = typeof given === 'string' && given.length > MAX_VALUE
    if (long || (typeof given === 'object' && given !== null)) return UNFIT
    const { session, at } = frame.call
    const found = session.history?.read(query, at, given)
    return typeof found === 'boolean' ? found : NO_HISTORY
  })
}

/** One evaluation asks one question once, however often it stands in a macro. */
function once(key: string, ask: Run): Run {
  return (frame) => {
    const answers = (frame.answers ??= new Map<string, Value>())
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = ask(frame)
    answers.set(key, answer)
    return answer
  }
}

/** A macro's variable within an expression: the facts of a decision hold one answer for each question. */
function variableIn(expr: Expr, building: Building): string | undefined {
  if (expr.kind === 'name') {
    const { names, spaces } = building.scope
    const free = names.has(expr.name) || spaces.has(expr.name) || !building.names.has(expr.name)
    return free ? undefined : expr.name
  }
  for (const part of parts(expr)) {
    const found = variableIn(part, building)
    if (found !== undefined) return found
  }
  return undefined
}

/** What a history may answer where it counts. */
export function isCount(value: ReturnType<History['read']>): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
