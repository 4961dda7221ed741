/** Engines that decide the same calls by the same rules, one behind the other in one process. */
import type { Asked } from './call.ts'

export type Verdict = 'permit' | 'deny'

/** Calls made ready for one engine, outside of what is timed. */
export interface Decider {
  /** Decides the calls from there on, in turns; returns how many were decided otherwise than expected. */
  run(from: number, count: number): number
}

export interface Engine {
  readonly name: string
  /** Says what it was given ready that the others work out for themselves. */
  readonly note?: string
  prepare(calls: readonly Asked[]): Decider
}

/** One that cannot be measured here, and why. */
export interface Missing {
  readonly name: string
  readonly missing: string
}

/** Inputs made once, then decided over and over. */
export function deciderOf<Input>(
  calls: readonly Asked[],
  inputOf: (asked: Asked) => Input,
  decide: (input: Input) => Verdict,
): Decider {
  const inputs = calls.map(inputOf)
  const expected = calls.map((asked) => asked.expected)
  const size = calls.length
  return {
    run: (from, count) => {
      let wrong = 0
      let at = from % size
      for (let done = 0; done < count; done += 1) {
        if (decide(inputs[at]!) !== expected[at]) wrong += 1
        at = at + 1 === size ? 0 : at + 1
      }
      return wrong
    },
  }
}

/** What engines that cannot work it out are given: the guard's own reading of the call. */
export interface Prepared {
  readonly tool: string
  readonly agent: string
  readonly environment: string
  readonly risk: string
  readonly labels: readonly string[]
  /** Monday is 1. */
  readonly weekday: number
  /** Of the day, in Berlin. */
  readonly minute: number
  readonly args: Asked['call']['args']
  /** Of the addressees; one that is no address, or no list of them, is `?`. */
  readonly domains: readonly string[]
  readonly addressees: number
  /** Empty where it is not canonical. */
  readonly path: string
  readonly bytes: number
  /** Of a mail's text. */
  readonly length: number
}

const HOUR = 3_600_000

export function preparedOf({ tool, call }: Asked): Prepared {
  const { args } = call
  const local = new Date(call.at + HOUR)
  const { to, path, content, body } = args
  const domains = Array.isArray(to) ? to.map(domainOf) : to === undefined ? [] : ['?']
  return {
    tool: `${tool.server}/${tool.name}`,
    agent: call.principal.agent,
    environment: call.environment,
    risk: call.risk,
    labels: call.session.labels,
    weekday: local.getUTCDay(),
    minute: local.getUTCHours() * 60 + local.getUTCMinutes(),
    args,
    domains,
    addressees: domains.length,
    path: typeof path === 'string' && !path.includes('..') ? path : '',
    bytes: typeof content === 'string' ? Buffer.byteLength(content) : 0,
    length: typeof body === 'string' ? body.length : 0,
  }
}

function domainOf(address: unknown): string {
  return (typeof address === 'string' && /^[a-z0-9.]+@([a-z0-9.-]+)$/.exec(address)?.[1]) || '?'
}
