/** A call that was made up, as a case that can be pasted into a test file. */
import { isList, isObject, type Json } from '../../model/json.ts'
import type { Made } from './generator.ts'
import type { Acted, Circumstances } from './language.ts'
import type { Tried } from './bench.ts'
import { effectOf } from './run.ts'

export interface CaseText {
  readonly lines: readonly string[]
  /** What no document can hold, because no call that holds it gets past the guard's own checks. */
  readonly unwritable?: string
}

/** What is as in the defaults is left out. */
export function caseText(
  name: string,
  { acted, circumstances }: Made,
  defaults: Circumstances,
  expect: string,
): CaseText {
  const { history } = circumstances
  const past = history === 'unknown' ? [] : history.map(({ args }) => args)
  const why = [acted.args, ...past].map(unwritable).find((one) => one !== undefined)
  const lines = [
    `- name: ${JSON.stringify(name)}`,
    `  call: ${actedText(acted)}`,
    ...circumstanceLines(circumstances, defaults).map((line) => `  ${line}`),
    `  expect: ${expect}`,
  ]
  return { lines, ...(why !== undefined && { unwritable: why }) }
}

/** What the call gets now, as an expectation. */
export function expectText({ decision }: Tried): string {
  const { determining = [], errors = [], shadow = [] } = decision.policy ?? {}
  const members = [
    `effect: ${effectOf(decision)}`,
    ...(determining.length > 0 ? [`by: [${determining.map(quoted).join(', ')}]`] : []),
    ...(errors.length > 0 ? [`errors: ${errors.length}`] : []),
    ...(shadow.length > 0
      ? [`shadow: [${shadow.map(({ rule }) => quoted(rule)).join(', ')}]`]
      : []),
  ]
  return `{ ${members.join(', ')} }`
}

function quoted(rule: string): string {
  return JSON.stringify(rule)
}

function actedText(acted: Acted, more: readonly string[] = []): string {
  const { kind, server, name, args } = acted
  const members = [`${kind}: ${JSON.stringify(`${server}/${name}`)}`]
  if (Object.keys(args).length > 0) members.push(`args: ${JSON.stringify(escaped(args))}`)
  return `{ ${[...members, ...more].join(', ')} }`
}

function circumstanceLines(given: Circumstances, defaults: Circumstances): readonly string[] {
  const { clock, environment, risk, agent, owner, purpose, labels, engines, history } = given
  const lines: string[] = []
  if (clock !== defaults.clock) lines.push(`clock: ${new Date(clock).toISOString()}`)
  if (environment !== defaults.environment) lines.push(`environment: ${environment}`)
  if (risk !== defaults.risk) lines.push(`risk: ${risk}`)
  if (agent !== defaults.agent) lines.push(`agent: ${JSON.stringify(agent)}`)
  if (owner !== defaults.owner) lines.push(`owner: ${JSON.stringify(owner)}`)
  if (purpose?.ref !== defaults.purpose?.ref) lines.push(`purpose: ${JSON.stringify(purpose)}`)
  if (labels.join() !== defaults.labels.join()) lines.push(`labels: ${JSON.stringify(labels)}`)
  if (engines !== defaults.engines && engines.size > 0)
    lines.push(`engines: ${JSON.stringify(Object.fromEntries(engines))}`)
  if (history !== defaults.history) lines.push(`history: ${historyText(history)}`)
  return lines
}

function historyText(history: Circumstances['history']): string {
  if (history === 'unknown') return history
  const calls = history.map((past) => {
    const { agoMs, outcome } = past
    const more = outcome === 'complete' ? [] : [`outcome: ${outcome}`]
    return actedText(past, [`at: -${durationText(agoMs)}`, ...more])
  })
  return `[${calls.join(', ')}]`
}

/** What would stand for a variable gets another `$`. */
function escaped(value: Json): Json {
  if (typeof value === 'string') return /^\$+[A-Za-z_]\w*$/.test(value) ? `$${value}` : value
  if (isList(value)) return value.map(escaped)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escaped(item)]))
}

function durationText(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

const DANGEROUS: readonly string[] = ['__proto__', 'constructor', 'prototype']

function unwritable(value: Json): string | undefined {
  if (typeof value === 'string')
    return value.isWellFormed() ? undefined : 'half of a surrogate pair'
  if (typeof value === 'number') {
    const exact = !Number.isInteger(value) || Number.isSafeInteger(value)
    return exact ? undefined : 'a number that cannot be kept exactly'
  }
  if (isList(value)) return value.map(unwritable).find((why) => why !== undefined)
  if (!isObject(value)) return undefined
  const key = Object.keys(value).find((one) => DANGEROUS.includes(one) || !one.isWellFormed())
  if (key !== undefined) return `the key \`${key.toWellFormed()}\``
  return Object.values(value)
    .map(unwritable)
    .find((why) => why !== undefined)
}
