/** Mandates beside the policies: what they grant and policies never let through, and arguments that nobody constrains. */
import { compileGlob } from '../../expression/glob.ts'
import type { CompiledMandate } from '../../model/authority.ts'
import type { EffectClass } from '../../model/call.ts'
import { type Place, Problems } from '../../model/document.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../../model/json.ts'
import type { Grant } from '../../model/mandate.ts'
import { inputSchema, type ToolDefinition } from '../../model/tool.ts'
import { compileCondition } from '../../expression/condition.ts'
import { guarded } from '../guarded.ts'
import { type CompiledRule, concerns } from '../rule.ts'
import { type Findings, type LintGiven, someOf } from './finding.ts'
import { environmentsOf } from './matching.ts'

export function lintMandates(given: LintGiven, findings: Findings): void {
  const { tools, mandates } = given
  for (const mandate of tools ? mandates : []) {
    const listed = (tools ?? []).filter((tool) => mandate.tool(tool).listed)
    lintUsable(mandate, listed, given, findings)
    lintFree(mandate, listed, given, findings)
  }
}

/** The grants that name a tool. */
function grantsOf(
  { mandate }: CompiledMandate,
  { server, name }: ToolDefinition,
): readonly Grant[] {
  return mandate.grants.filter(
    (grant) =>
      grant.kind === 'tool' &&
      isMatch(grant.server, server, grant.place, 'server') &&
      isMatch(grant.name, name, grant.place, 'tool'),
  )
}

function isMatch(text: string, name: string, place: Place, kind: 'server' | 'tool'): boolean {
  return compileGlob({ text, place }, kind, new Problems())?.matches(name) === true
}

function lintUsable(
  mandate: CompiledMandate,
  listed: readonly ToolDefinition[],
  { policies }: LintGiven,
  findings: Findings,
): void {
  const under = environmentsOf(mandate).map((one) => guarded(mandate, policies, one))
  const isLeft = (tool: ToolDefinition): boolean => under.some((one) => one.tool(tool).listed)
  const forbidden = listed.filter((tool) => !isLeft(tool))
  const { file, name, grants } = mandate.mandate
  if (forbidden.length === 0) return
  const named = forbidden.map((tool) => `${tool.server}/${tool.name}`)
  const remedy = 'narrow the rule, or take the grant out of the mandate'
  if (forbidden.length === listed.length && grants.every(({ kind }) => kind === 'tool')) {
    const message = `policies forbid all that the mandate \`${name}\` grants: ${someOf(named)}`
    findings.add(
      'mandate_unusable',
      { place: { file, line: 1, column: 1 }, rule: name },
      message,
      remedy,
    )
    return
  }
  for (const tool of forbidden) {
    const [grant] = grantsOf(mandate, tool)
    if (!grant) continue
    const message = `policies always forbid \`${tool.server}/${tool.name}\`, which the mandate grants`
    const about = { place: grant.place, rule: grant.rule, level: 'warning' } as const
    findings.add('mandate_unusable', about, message, remedy)
  }
}

const EFFECTFUL: readonly EffectClass[] = ['write', 'send', 'delete', 'pay', 'execute', 'admin']

/** Arguments in which whoever speaks to the agent could say where things go or what is done. */
const TELLING =
  /^(?:.*[_-])?(?:path|paths|file|files|filename|dir|directory|folder|url|urls|uri|link|to|cc|bcc|recipients?|e?mails?|address|command|cmd|script|code|query|sql|body|content|text|message|html|prompt)$/i
const FORMATS = ['uri', 'uri-reference', 'iri', 'email', 'idn-email', 'hostname']

function lintFree(
  mandate: CompiledMandate,
  listed: readonly ToolDefinition[],
  given: LintGiven,
  findings: Findings,
): void {
  const seen = new Map<string, { readonly grant: Grant; readonly free: string[] }>()
  for (const tool of listed) {
    const { effects } = guarded(mandate, given.policies, 'prod').tool(tool)
    if (!effects.some((one) => EFFECTFUL.includes(one))) continue
    const grants = grantsOf(mandate, tool)
    const read = readElsewhere(mandate, tool, grants, given)
    for (const grant of grants) {
      if (grant.otherArgs === 'refuse') continue
      const free = tellingArguments(tool).filter((one) => !grant.args.has(one) && !read(one))
      const key = `${grant.place.file} ${grant.rule}`
      const known = seen.get(key) ?? { grant, free: [] }
      known.free.push(...free.filter((one) => !known.free.includes(one)))
      seen.set(key, known)
    }
  }
  for (const { grant, free } of seen.values()) {
    if (free.length === 0) continue
    const message = `nothing constrains ${someOf(free)} of \`${grant.server}/${grant.name}\``
    const remedy = `constrain them: \`args: { ${free[0] ?? ''}: { … } }\`, or silence this with a reason: \`ignore\` in a policy file, with \`rule: ${grant.rule}\``
    findings.add(
      'unconstrained_argument',
      { place: grant.place, rule: grant.rule },
      message,
      remedy,
    )
  }
}

function tellingArguments(tool: ToolDefinition): readonly string[] {
  const properties = member(inputSchema(tool), 'properties')
  if (!isObject(properties)) return []
  return Object.entries(properties).flatMap(([name, schema]) =>
    isObject(schema) && isTelling(name, schema) ? [name] : [],
  )
}

/** One of a few values, a number or a boolean cannot say much. */
function isTelling(name: string, schema: JsonObject): boolean {
  if (member(schema, 'enum') !== undefined || member(schema, 'const') !== undefined) return false
  const type = member(schema, 'type')
  if (isList(type) ? !type.some(isText) : type !== undefined && !isText(type)) return false
  const items = member(schema, 'items')
  const formats = [member(schema, 'format'), isObject(items) ? member(items, 'format') : undefined]
  const spelt = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
  return TELLING.test(spelt) || formats.some((one) => FORMATS.some((format) => format === one))
}

function isText(type: Json): boolean {
  return type === 'string' || type === 'array' || type === 'object'
}

/** Whether a condition of any grant reads an argument, or a rule in force; where others are refused, all are. */
function readElsewhere(
  { mandate }: CompiledMandate,
  tool: ToolDefinition,
  grants: readonly Grant[],
  { policies }: LintGiven,
): (argument: string) => boolean {
  const scope = { purpose: mandate.purpose.text }
  const own = grants.flatMap(({ when }) =>
    when ? (compileCondition(when, scope, new Problems())?.reads ?? []) : [],
  )
  const { server, name } = tool
  const subject = { kind: 'tool', server, name, effects: EFFECTFUL, data: [] } as const
  const rules = policies
    .about(subject)
    .filter((rule) => rule.source.mode === 'enforce' && rule.source.effect !== 'oblige')
    .filter((rule) => concerns(rule, mandate, 'prod'))
  const all = [...own, ...rules.flatMap(readsOf)]
  const read = new Set(all.map((path) => path.split('.', 1)[0] ?? path))
  const closed = rules.some(refusesOthers)
  return (argument) => closed || read.has(argument)
}

/** Whatever is given beside the arguments that it names, whenever it is called. */
function refusesOthers({ source, exempt, when }: CompiledRule): boolean {
  const always = !when && source.labels.length === 0 && source.risk.length === 0
  return source.effect === 'forbid' && always && exempt?.closed !== undefined
}

function readsOf({ when, unless, exempt }: CompiledRule): readonly string[] {
  return [...(when?.reads ?? []), ...(unless?.reads ?? []), ...(exempt?.names ?? [])]
}
