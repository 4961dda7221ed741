/**
 * A compiled policy set against an evaluator that is as plain as can be: no index, no order, another CEL implementation,
 * and three answers. Whatever rules are made at random, both say the same of every call.
 */
import { celEnv, isCelError, parse, plan } from '@bufbuild/cel'
import type { CelInput } from '@bufbuild/cel'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import type { Decision } from '../../src/model/decision.ts'
import { isList, isObject, type Json, type JsonObject } from '../../src/model/json.ts'
import { guarded } from '../../src/policy/guarded.ts'
import { tool } from '../fakes/line.ts'
import { EVERYTHING, policies, toolCall } from '../policy/written.ts'
import { names } from './generated.ts'

const TOOLS = [
  tool('mail', 'send'),
  tool('mail', 'read_inbox'),
  tool('vendors', 'approve'),
  tool('web', 'fetch'),
]
type Tool = (typeof TOOLS)[number]
type Answer = boolean | 'error'

const PARTNERS = ['acme.example', 'partner.example']
const CLASSES: Readonly<Record<string, { readonly effect: string; readonly data: string }>> = {
  mail: { effect: 'send', data: 'personal' },
  web: { effect: 'read', data: 'public' },
}

const LEAVES = [
  'args.amount > 5.0',
  'args.amount <= 2.5',
  'has(args.amount) && args.amount >= 3.0',
  'args.to == "acme.example"',
  'args.to != "evil.test"',
  'args.to in sets.partners',
  'args.to.endsWith(".example")',
  'args.note.contains("a")',
  'size(args.note) > 2',
  'has(args.note) && args.note < "m"',
  'args.list.exists(x, x == "a")',
  'args.list.all(x, x.startsWith("a"))',
  'args.list.exists_one(x, x in ["a", "b"])',
  'args.list.all(x, args.list.exists(y, x == y + ""))',
  'size(args.list) >= 2',
  'args.list[0] == "a"',
  'args.order.total > 10.0',
  'has(args.order.total)',
  'args.flag',
  '"untrusted" in session.labels',
  'session.labels.exists(l, l.startsWith("conf"))',
  'agent == "procurement-agent-001"',
  'environment == "prod"',
  'risk == "high"',
  'server == "mail"',
  'tool == "mail/send"',
  'mandate == "vendor-intake-q4"',
  'owner.endsWith("@acme.example")',
  'purposeRef == "PROC-1182"',
  'args.amount / 0.0 > 1.0 && false',
]

const condition: fc.Arbitrary<string> = fc.letrec<{ all: string }>((tie) => ({
  all: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 3, arbitrary: fc.constantFrom(...LEAVES) },
    { weight: 1, arbitrary: tie('all').map((one) => `!(${one})`) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('all'), fc.constantFrom('&&', '||'), tie('all'))
        .map(([a, operator, b]) => `(${a}) ${operator} (${b})`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(tie('all'), tie('all'), tie('all'))
        .map(([c, a, b]) => `(${c}) ? (${a}) : (${b})`),
    },
  ),
})).all

/** Constraints with what they mean. */
const EXEMPTIONS: readonly {
  readonly written: JsonObject
  readonly otherArgs: 'refuse' | 'permit'
  readonly fits: (args: JsonObject) => boolean
}[] = [
  {
    written: { amount: { range: { max: 5 } } },
    otherArgs: 'permit',
    fits: (args) => typeof args['amount'] === 'number' && args['amount'] <= 5,
  },
  {
    written: { amount: { range: { max: 5 }, optional: true }, to: { one_of: ['$partners'] } },
    otherArgs: 'refuse',
    fits: (args) =>
      Object.keys(args).every((name) => name === 'amount' || name === 'to') &&
      PARTNERS.some((one) => one === args['to']) &&
      (args['amount'] === undefined || Number(args['amount']) <= 5),
  },
  {
    written: { list: { each: { one_of: ['a', 'b'] } } },
    otherArgs: 'permit',
    fits: ({ list }) => Array.isArray(list) && list.every((one) => one === 'a' || one === 'b'),
  },
]

interface Rule {
  readonly effect: 'forbid' | 'require_approval' | 'oblige'
  readonly mode?: 'enforce' | 'shadow'
  readonly tools?: readonly string[]
  readonly effects?: readonly string[]
  readonly data?: readonly string[]
  readonly risk?: readonly string[]
  readonly labels?: readonly string[]
  readonly when?: string
  readonly unless?: string
  readonly exempt?: (typeof EXEMPTIONS)[number]
}

const list = <T>(...items: readonly T[]): fc.Arbitrary<readonly T[]> =>
  fc.uniqueArray(fc.constantFrom(...items), { minLength: 1, maxLength: 2 })

const rule = fc.record(
  {
    effect: fc.constantFrom('forbid', 'require_approval', 'oblige'),
    mode: fc.constantFrom('enforce', 'enforce', 'shadow'),
    tools: list('mail/*', 'mail/send', 'vendors/approve', '**', 'web/f*', '*/*e*'),
    effects: list('read', 'send', 'pay'),
    data: list('personal', 'public'),
    risk: list('normal', 'high'),
    labels: list('untrusted', 'confidential'),
    when: condition,
    unless: condition,
    exempt: fc.constantFrom(...EXEMPTIONS),
  },
  { requiredKeys: ['effect'] },
) as fc.Arbitrary<Rule>
// Longer conditions are refused at load, which is no matter of this test.
const short = rule.filter(({ when = '', unless = '' }) => when.length + unless.length < 1500)
const rules = fc.array(short, { minLength: 1, maxLength: 6 })

/** As declared or absent: what two kinds of values make of each other is where the profile is stricter than CEL. */
const args = fc.record(
  {
    amount: fc.constantFrom(0, 1.5, 2.5, 3, 5, 5.5, 1000),
    to: fc.constantFrom('acme.example', 'partner.example', 'evil.test', ''),
    note: fc.constantFrom('', 'a', 'banana', 'zzz', 'ok', '\u{1F600}\u{1F600}'),
    list: fc.array(fc.constantFrom('a', 'b', 'ab', 'c'), { maxLength: 3 }),
    order: fc.record({ total: fc.constantFrom(1, 10, 11.5) }, { requiredKeys: [] }),
    flag: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>

interface Moment {
  readonly tool: Tool
  readonly args: JsonObject
  readonly call: Partial<CallContext>
}
const moments: fc.Arbitrary<readonly Moment[]> = fc.array(
  fc.record({
    tool: fc.constantFrom(...TOOLS),
    args,
    call: fc.record({
      risk: fc.constantFrom('normal' as const, 'high' as const),
      session: fc.record({
        id: fc.constant('t'),
        labels: fc.subarray(['untrusted', 'confidential']),
      }),
    }),
  }),
  { minLength: 4, maxLength: 10 },
)

/** As a person would write it; JSON is YAML. */
function written(all: readonly Rule[]): string {
  const more = {
    forbid: {},
    require_approval: { approval: { from: ['lee@acme.example'] } },
    oblige: { obligation: { type: 'redact', detectors: ['secrets'] } },
  }
  return JSON.stringify({
    policy: 'p',
    sets: { partners: PARTNERS },
    classify: Object.entries(CLASSES).map(([server, { effect, data }]) => ({
      tools: [`${server}/*`],
      effect,
      data: [data],
    })),
    rules: all.map(({ exempt, ...one }, at) => ({
      id: `r${at}`,
      ...one,
      ...more[one.effect],
      ...(exempt && { unlessArgs: exempt.written, otherArgs: exempt.otherArgs }),
    })),
  })
}

const ENV = celEnv()
const planned = new Map<string, ReturnType<typeof plan>>()

function celValue(value: Json): CelInput {
  if (typeof value !== 'object' || value === null) return value
  if (isList(value)) return value.map(celValue)
  return new Map(Object.entries(value).map(([key, item]) => [key, celValue(item)]))
}

function byCel(source: string, call: CallContext): Answer {
  const evaluate = planned.get(source) ?? plan(ENV, parse(source))
  planned.set(source, evaluate)
  const { resource, mandate } = call
  const result = evaluate({
    args: celValue(call.args),
    sets: { partners: PARTNERS },
    session: { labels: call.session.labels },
    agent: call.principal.agent,
    environment: call.environment,
    risk: call.risk,
    server: resource.server,
    tool: `${resource.server}/${resource.kind === 'resource' ? '' : resource.name}`,
    mandate: mandate?.name ?? '',
    owner: mandate?.owner ?? '',
    purposeRef: mandate?.purpose.ref ?? '',
  })
  return isCelError(result) || typeof result !== 'boolean' ? 'error' : result
}

/** What nobody classified counts as every class. */
function among(wanted: readonly string[] | undefined, is: string | undefined): boolean {
  return wanted === undefined || is === undefined || wanted.includes(is)
}

function isAbout(one: Rule, { server, name }: Tool): boolean {
  const { effect, data } = CLASSES[server] ?? {}
  const named = one.tools?.some((glob) => glob === '**' || names(glob, server, name)) ?? true
  return named && among(one.effects, effect) && among(one.data, data)
}

/** An error in one of its conditions counts as a match, unless another of them says that it does not match. */
function matched(one: Rule, call: CallContext): Answer {
  if (one.risk && !one.risk.includes(call.risk)) return false
  if (one.labels?.some((label) => !call.session.labels.includes(label)) === true) return false
  const when = one.when === undefined || byCel(one.when, call)
  const unless = one.unless !== undefined && byCel(one.unless, call)
  if (when === false || unless === true || one.exempt?.fits(call.args) === true) return false
  return when === 'error' || unless === 'error' ? 'error' : true
}

interface Verdict {
  readonly reason: string
  readonly determining: readonly string[]
  readonly errors: readonly string[]
  readonly obligations: readonly string[]
  readonly shadow: readonly string[]
}

/** What the design says, in the plainest words there are. */
function oracle(all: readonly Rule[], acted: Tool, call: CallContext): Verdict {
  const found = all
    .map((one, at) => ({
      one,
      name: `p#r${at}`,
      answer: isAbout(one, acted) && matched(one, call),
    }))
    .filter(({ answer }) => answer !== false)
  const enforced = (effect: string): typeof found =>
    found.filter(({ one }) => one.mode !== 'shadow' && one.effect === effect)
  const shadow = found.filter(({ one }) => one.mode === 'shadow').map(({ name }) => name)
  const named = (some: typeof found): readonly string[] => some.map(({ name }) => name)
  const faulty = (some: typeof found): readonly string[] =>
    named(some.filter(({ answer }) => answer === 'error'))
  const [forbids, asks, obliges] = [
    enforced('forbid'),
    enforced('require_approval'),
    enforced('oblige'),
  ]
  const denied = forbids.length > 0 ? forbids : asks
  if (denied.length > 0) {
    const outright = forbids.some(({ answer }) => answer === true)
    const reason =
      forbids.length === 0 ? 'approval_required' : outright ? 'forbidden' : 'evaluation_error'
    return { reason, determining: named(denied), errors: faulty(denied), obligations: [], shadow }
  }
  const obligations = named(obliges)
  return { reason: 'permitted', determining: [], errors: faulty(obliges), obligations, shadow }
}

function told({ reason, policy }: Decision): Verdict {
  return {
    reason,
    determining: policy?.determining ?? [],
    errors: policy?.errors ?? [],
    obligations: sorted((policy?.obligations ?? []).map((one) => one.rule)),
    shadow: (policy?.shadow ?? []).map((one) => one.rule),
  }
}

function sorted(all: readonly string[]): readonly string[] {
  return [...new Set(all)].toSorted()
}

test('a compiled set decides as the plainest evaluator on another CEL does', () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(rules, moments, (all, many) => {
      const mandate = guarded(EVERYTHING, policies({ 'p.json': written(all) }), 'prod')
      for (const moment of many) {
        const call = toolCall(moment.tool, moment)
        const expected = oracle(all, moment.tool, call)
        const decision = mandate.tool(moment.tool).decide(call)
        seen.set(expected.reason, (seen.get(expected.reason) ?? 0) + 1)
        for (const one of expected.errors) seen.set(`error ${one}`, 1)
        expect(told(decision)).toEqual(expected)
        expect(decision.effect).toBe(expected.reason === 'permitted' ? 'permit' : 'deny')
      }
    }),
    { numRuns: 400 },
  )
  const reasons = ['forbidden', 'evaluation_error', 'approval_required', 'permitted']
  for (const reason of reasons) expect(seen.get(reason), reason).toBeGreaterThan(20)
})

test('what a decision keeps of the arguments is what its rules read', () => {
  fc.assert(
    fc.property(rules, moments, (all, many) => {
      const mandate = guarded(EVERYTHING, policies({ 'p.json': written(all) }), 'prod')
      for (const moment of many) {
        const { facts } = mandate.tool(moment.tool).decide(toolCall(moment.tool, moment))
        const about = all.filter((one) => isAbout(one, moment.tool))
        const text = JSON.stringify(
          about.map(({ when, unless, exempt }) => [when, unless, exempt?.written]),
        )
        for (const [path, kept] of Object.entries(facts)) {
          const steps = path.split('.')
          expect(text).toContain(steps[0])
          const given = steps.reduce<Json | undefined>(
            (value, step) => (isObject(value) ? value[step] : undefined),
            moment.args,
          )
          expect(kept).toEqual(given)
        }
      }
    }),
    { numRuns: 100 },
  )
})
