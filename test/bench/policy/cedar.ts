/** The same rules as Cedar, pre-parsed, one set for each tool; a diagnostic error denies. */
import { deciderOf, preparedOf, type Engine, type Prepared } from './engine.ts'
import { FLAT, type Flat } from './flat.ts'

const LIBRARY: string = '@cedar-policy/cedar-wasm/nodejs'

interface Cedar {
  preparsePolicySet(id: string, set: { staticPolicies: string }): { readonly type: string }
  statefulIsAuthorized(call: object): {
    readonly type: string
    readonly response?: {
      readonly decision: string
      readonly diagnostics: { readonly errors: readonly unknown[] }
    }
  }
}

/** @throws Error when the library takes one of the policies for none */
export async function cedarEngine(): Promise<Engine> {
  const cedar = (await import(LIBRARY)) as Cedar
  for (const [tool, rules] of FLAT) {
    const staticPolicies = ['permit (principal, action, resource);', ...rules.map(forbid)].join(
      '\n',
    )
    const parsed = cedar.preparsePolicySet(tool, { staticPolicies })
    if (parsed.type !== 'success') throw new Error(`${tool}: ${JSON.stringify(parsed)}`)
  }
  return {
    name: 'cedar-wasm',
    prepare: (calls) =>
      deciderOf(
        calls,
        (asked) => callOf(preparedOf(asked)),
        ({ known, call }) => {
          if (!known) return 'deny'
          const { response } = cedar.statefulIsAuthorized(call)
          const allows = response?.decision === 'allow' && response.diagnostics.errors.length === 0
          return allows ? 'permit' : 'deny'
        },
      ),
  }
}

function callOf({ tool, ...context }: Prepared): { known: boolean; call: object } {
  const principal = { type: 'Agent', id: context.agent }
  const action = { type: 'Action', id: 'call' }
  const resource = { type: 'Tool', id: tool }
  const call = {
    principal,
    action,
    resource,
    context: { ...context, personal: false },
    preparsedPolicySetId: tool,
    entities: [],
  }
  return { known: FLAT.has(tool), call }
}

function forbid(rule: Flat): string {
  return `forbid (principal, action, resource) when { ${conditionOf(rule)} };`
}

/** Cedar has no loops and no length of a text: what it needs of these is worked out by the guard. */
function conditionOf(rule: Flat): string {
  switch (rule.kind) {
    case 'night':
      return outside(6, 6, 22)
    case 'leak':
      return 'context.labels.contains("untrusted") && context.labels.contains("confidential")'
    case 'risk':
      return 'context.risk == "high"'
    case 'personal':
      return 'context.personal && context.environment != "prod"'
    case 'limit':
    case 'administration':
      return `context.args has amount && context.args.amount > ${rule.limit}`
    case 'agent':
      return `context.agent != ${JSON.stringify(rule.agent)}`
    case 'class':
      return `!(${JSON.stringify(rule.classes)}.contains(context.args.vendor_class))`
    case 'amount':
      return `context.args.amount > ${rule.limit}`
    case 'partners':
      return `context.addressees < 1 || context.addressees > 5 || !(${JSON.stringify(rule.domains)}.containsAll(context.domains))`
    case 'untrusted':
      return 'context.labels.contains("untrusted")'
    case 'body':
      return `context.length > ${rule.longest}`
    case 'path':
      return `!(context.path like "${rule.under}/*.md" || context.path like "${rule.under}/*.csv")`
    case 'bytes':
      return `context.bytes > ${rule.most}`
    case 'region':
      return `!(${JSON.stringify(rule.regions)}.contains(context.args.region))`
    case 'word':
      return `context.args has note && context.args.note like "*${rule.word}*"`
    case 'hours':
      return outside(rule.days, rule.from, rule.to)
  }
}

function outside(days: number, from: number, to: number): string {
  return `context.weekday < 1 || context.weekday > ${days} || context.minute < ${from * 60} || context.minute >= ${to * 60}`
}
