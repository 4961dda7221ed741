/** Texts of Cedar policies taken apart, and which of them can be about a tool: Cedar looks at every one it is given. */
import { isList, isObject, type Json } from '../model/json.ts'
import { type CedarLibrary, errorsText, type PolicyJson } from './cedar-library.ts'
import type { CedarText } from './thread.ts'

export interface CedarPolicy {
  /** Its `@id`, or `guard.cedar#2`. */
  readonly id: string
  readonly text: string
  readonly json: PolicyJson
}

/** @throws Error for a text that does not parse, a template, two policies of one id */
export function policiesOf(
  texts: readonly CedarText[],
  cedar: CedarLibrary,
): readonly CedarPolicy[] {
  const policies = new Map<string, CedarPolicy>()
  for (const { file, text } of texts) {
    const parts = cedar.policySetTextToParts(text)
    if (parts.type === 'failure') throw new Error(`\`${file}\`: ${errorsText(parts.errors)}`)
    if (parts.policy_templates.length > 0)
      throw new Error(`\`${file}\` holds a template, which nothing here fills in`)
    for (const [index, part] of parts.policies.entries()) {
      const answer = cedar.policyToJson(part)
      if (answer.type === 'failure') throw new Error(`\`${file}\`: ${errorsText(answer.errors)}`)
      const id = answer.json.annotations?.['id'] ?? `${file}#${index + 1}`
      if (policies.has(id)) throw new Error(`\`${file}\`: two policies have the id \`${id}\``)
      policies.set(id, { id, text: part, json: answer.json })
    }
  }
  return [...policies.values()]
}

/** Actions that a policy names anywhere. */
export function actionsIn(policies: readonly CedarPolicy[]): readonly string[] {
  const found = new Set<string>()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Cedar's JSON form is JSON
  for (const { json } of policies) collect(json as unknown as Json, found)
  return [...found]
}

function collect(value: Json, found: Set<string>): void {
  if (isList(value)) for (const item of value) collect(item, found)
  else if (isObject(value)) {
    const { type, id } = value
    if (type === 'Action' && typeof id === 'string') found.add(id)
    for (const inner of Object.values(value)) collect(inner, found)
  }
}

interface Named {
  readonly type: string
  readonly id: string
}

/** What a scope can be bound to: a tool, or whatever a method acts on. */
export interface Scope {
  /** The action and the groups it is in. */
  readonly actions: readonly string[]
  readonly types: readonly string[]
  /** Of a tool. */
  readonly tool?: { readonly id: string; readonly server: string }
}

/**
 * False only for a policy whose scope names another action, another tool or another server. In every doubt it is about
 * this one, too: a policy that forbids must not be left out.
 */
export function concerns({ json }: CedarPolicy, { actions, types, tool }: Scope): boolean {
  const acts = namedBy(json.action)
  if (acts && !acts.some(({ type, id }) => type !== 'Action' || actions.includes(id))) return false
  const { resource } = json
  if (resource.op === 'is' && isKind(resource.entity_type) && !types.includes(resource.entity_type))
    return false
  return (namedBy(resource) ?? []).every(({ type, id }) => {
    if (isKind(type) && !types.includes(type)) return false
    if (type === 'Tool') return tool === undefined || id === tool.id
    return type !== 'Server' || tool === undefined || id === tool.server
  })
}

function isKind(type: string): boolean {
  return type === 'Tool' || type === 'Resource' || type === 'Prompt'
}

/** The entities that a scope is bound to; undefined where it is to none, or in a way that is not known here. */
function namedBy(constraint: PolicyJson['action' | 'resource']): readonly Named[] | undefined {
  if (constraint.op !== '==' && constraint.op !== 'in') return undefined
  const given: readonly unknown[] =
    'entities' in constraint
      ? constraint.entities
      : 'entity' in constraint
        ? [constraint.entity]
        : [undefined]
  const named = given.map(entityIn)
  return named.every((one) => one !== undefined) ? named : undefined
}

function entityIn(value: unknown): Named | undefined {
  if (!isObject(value)) return undefined
  const inner = value['__entity'] ?? value
  if (!isObject(inner)) return undefined
  const { type, id } = inner
  return typeof type === 'string' && typeof id === 'string' ? { type, id } : undefined
}
