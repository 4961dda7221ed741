/** The same rules as CEL for @bufbuild/cel: planned once, found by their tool; an error counts as a match. */
import { celEnv, isCelError, parse, plan } from '@bufbuild/cel'
import type { CelInput } from '@bufbuild/cel'
import { deciderOf, preparedOf, type Engine, type Prepared } from './engine.ts'
import { FLAT, type Flat } from './flat.ts'

/** What matches: the call is then denied. */
function conditionOf(rule: Flat): string {
  switch (rule.kind) {
    case 'night':
      return '!(weekday >= 1 && weekday <= 6 && minute >= 360 && minute < 1320)'
    case 'leak':
      return '"untrusted" in labels && "confidential" in labels'
    case 'risk':
      return 'risk == "high"'
    case 'personal':
      return 'personal && environment != "prod"'
    case 'limit':
    case 'administration':
      return `has(args.amount) && args.amount > ${rule.limit}.0`
    case 'agent':
      return `agent != ${text(rule.agent)}`
    case 'class':
      return `!(args.vendor_class in ${text(rule.classes)})`
    case 'amount':
      return `args.amount > ${rule.limit}.0`
    case 'partners':
      return `!(size(domains) >= 1 && size(domains) <= 5 && domains.all(d, d in ${text(rule.domains)}))`
    case 'untrusted':
      return '"untrusted" in labels'
    case 'body':
      return `size(args.body) > ${rule.longest}`
    case 'path':
      return `!(path.startsWith("${rule.under}/") && (path.endsWith(".md") || path.endsWith(".csv")))`
    case 'bytes':
      return `bytes > ${rule.most}`
    case 'region':
      return `!(args.region in ${text(rule.regions)})`
    case 'word':
      return `has(args.note) && args.note.contains(${text(rule.word)})`
    case 'hours':
      return `!(weekday >= 1 && weekday <= ${rule.days} && minute >= ${rule.from * 60} && minute < ${rule.to * 60})`
  }
}

function text(value: string | readonly string[]): string {
  return JSON.stringify(value)
}

/** Whole numbers that the guard worked out are int; those of JSON are double. */
function inputOf({ weekday, minute, bytes, ...facts }: Prepared): Record<string, CelInput> {
  const whole = { weekday: BigInt(weekday), minute: BigInt(minute), bytes: BigInt(bytes) }
  return { ...facts, ...whole, personal: false }
}

export function celEngine(): Engine {
  const env = celEnv()
  const compiled = new Map<string, ReturnType<typeof plan>>()
  const planned = (condition: string): ReturnType<typeof plan> => {
    const made = compiled.get(condition) ?? plan(env, parse(condition))
    compiled.set(condition, made)
    return made
  }
  const rules = new Map(
    [...FLAT].map(([tool, all]) => [tool, all.map((one) => planned(conditionOf(one)))]),
  )
  return {
    name: '@bufbuild/cel',
    prepare: (calls) =>
      deciderOf(
        calls,
        (asked) => {
          const prepared = preparedOf(asked)
          return { tool: prepared.tool, input: inputOf(prepared) }
        },
        ({ tool, input }) => {
          const all = rules.get(tool)
          if (!all) return 'deny'
          for (const rule of all) {
            const result = rule(input)
            if (isCelError(result) || result !== false) return 'deny'
          }
          return 'permit'
        },
      ),
  }
}
