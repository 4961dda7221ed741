/** What one decision of a compiled mandate costs, on one core, with nothing else in the way. */
import type { CompiledMandate } from '../../src/model/authority.ts'
import type { CallContext } from '../../src/model/call.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import { callContexts, definitions, mandateText, type Case } from './decision-case.ts'
import { median, percentile } from './numbers.ts'
import { BATCH, clockCost, takeWindow, timed, type Run } from './timing.ts'

export interface DecidePlan {
  /** How many grants the mandate holds; the targets are about the most. */
  readonly grants: readonly number[]
  readonly windows: number
  readonly windowMs: number
  /** Timed batches for the percentiles. */
  readonly samples: number
  /** Decisions before anything is timed. */
  readonly warmUp: number
}

export interface DecideResult extends Case {
  /** Decisions in one second of CPU, garbage collection on other threads included. */
  readonly perCpuSecond: number
  /** Of batches of BATCH decisions, divided by as many. */
  readonly p50Us: number
  readonly p99Us: number
  /** p99 of decisions timed one by one, the cost of reading the clock taken off. */
  readonly singleP99Us: number
  /** From the text of the mandate until every tool is compiled, ms. */
  readonly compileMs: number
  /** All of them gave the expected effect. */
  readonly decisions: number
}

export type Compile = (text: string) => CompiledMandate

/** Calls that are decided in turns; a power of two. */
const POOL = 1024

/**
 * All mandates are compiled and warm before the first is timed, and their windows take turns: each meets the same
 * just-in-time compiler, which has seen the rules of all of them, as that of a guard with many tools has.
 *
 * @throws Error when a decision is not the expected one: a wrong answer has no speed.
 */
export function measureDecide(
  compile: Compile,
  plan: DecidePlan,
  say: (line: string) => void,
): readonly DecideResult[] {
  say('decide: compile and warm up')
  const subjects = cases(plan.grants).map((one) => prepare(one, compile, plan))
  for (let window = 0; window < plan.windows; window += 1) {
    say(`decide: window ${window + 1} of ${plan.windows}`)
    const order = window % 2 === 0 ? subjects : subjects.toReversed()
    for (const each of order) countWindow(each, plan.windowMs)
  }
  say('decide: percentiles')
  return subjects.map((each) => conclude(each, plan))
}

/** Everything at the largest mandate; of the smaller ones what shows whether they differ. */
function cases(grants: readonly number[]): readonly Case[] {
  const most = Math.max(...grants)
  const list: Case[] = []
  for (const count of grants) {
    const base = { grants: count, rules: 'constraints and when', tools: 'one' } as const
    list.push({ ...base, args: 'small', expected: 'permit' })
    list.push({ ...base, args: 'small', expected: 'deny' })
    if (count !== most) continue
    list.push({ ...base, args: '64 KiB', expected: 'permit' })
    list.push({ ...base, args: '64 KiB', expected: 'deny' })
    list.push({ ...base, tools: 'all', args: 'small', expected: 'permit' })
    list.push({ ...base, rules: 'constraints', args: 'small', expected: 'permit' })
    list.push({ ...base, rules: 'when', args: 'small', expected: 'permit' })
  }
  return list
}

/** As the line does it: the compiled tool is looked up for each call, then asked. */
interface Decider {
  /** @returns how many of them were not decided as expected */
  run(from: number, count: number): number
}

interface Subject {
  readonly one: Case
  readonly decider: Decider
  readonly compileMs: number
  readonly rates: number[]
  decisions: number
  wrong: number
}

function prepare(one: Case, compile: Compile, plan: DecidePlan): Subject {
  const tools = definitions(one.grants)
  const began = performance.now()
  const compiled = compile(mandateText(one))
  for (const tool of tools) insistListed(compiled, tool)
  const compileMs = performance.now() - began
  const decider = deciderOf(one, compiled, tools)
  // Each of a thousand tools has closures of its own to be warmed.
  const warmUp = one.tools === 'all' ? plan.warmUp * 10 : plan.warmUp
  const wrong = decider.run(0, warmUp)
  return { one, decider, compileMs, rates: [], decisions: warmUp, wrong }
}

function countWindow(each: Subject, windowMs: number): void {
  const { done, wrong, perCpuSecond } = takeWindow(runOf(each.decider), windowMs, 1000)
  each.wrong += wrong
  each.rates.push(perCpuSecond)
  each.decisions += done
}

function runOf(decider: Decider): Run {
  return (from, count) => decider.run(from, count)
}

function conclude(each: Subject, plan: DecidePlan): DecideResult {
  const { one, decider, compileMs, rates } = each
  const batches = timed(runOf(decider), plan.samples, BATCH)
  const singles = timed(runOf(decider), plan.samples, 1)
  const wrong = each.wrong + batches.wrong + singles.wrong
  if (wrong > 0) throw new Error(`${wrong} decisions were not \`${one.expected}\``)
  return {
    ...one,
    perCpuSecond: median(rates),
    p50Us: percentile(batches.sortedUs, 0.5) / BATCH,
    p99Us: percentile(batches.sortedUs, 0.99) / BATCH,
    singleP99Us: Math.max(0, percentile(singles.sortedUs, 0.99) - clockCost()),
    compileMs,
    decisions: each.decisions + plan.samples * (BATCH + 1),
  }
}

/** @throws Error for a tool that the mandate should grant and hides. */
function insistListed(compiled: CompiledMandate, tool: ToolDefinition): void {
  const authority = compiled.tool(tool)
  if (authority.listed) return
  const why = authority.problems.map((problem) => problem.message).join('; ')
  throw new Error(`the mandate of the bench hides \`${tool.name}\`: ${why}`)
}

function deciderOf(
  one: Case,
  compiled: CompiledMandate,
  tools: readonly ToolDefinition[],
): Decider {
  // 64 KiB of arguments a thousand times would measure the memory of the machine.
  const size = one.args === 'small' ? POOL : 32
  const used = one.tools === 'one' ? tools.slice(0, 1) : tools
  const asked = Array.from({ length: size }, (_, index) => used[index % used.length]!)
  const calls: readonly CallContext[] = callContexts(one, asked)
  const mask = size - 1
  const { expected } = one
  return {
    run: (from, count) => {
      let wrong = 0
      for (let index = from; index < from + count; index += 1) {
        const at = index & mask
        const decision = compiled.tool(asked[at]!).decide(calls[at]!)
        if (decision.effect !== expected) wrong += 1
      }
      return wrong
    },
  }
}
