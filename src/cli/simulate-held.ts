/** What is on record about rules that another revision has as they were: whatever they read is not kept, their answer is. */
import type { Recorded } from '../audit/recorded.ts'
import type { Veil } from '../model/call.ts'
import type { Applies } from '../model/decision.ts'
import { type DocNode, plain } from '../model/document.ts'
import { canonical } from '../model/json.ts'
import type { CompiledPolicies } from '../policy/compile.ts'
import type { RuleSource } from '../policy/language.ts'

/** By their names; `about`: the rules that were about the call then. */
export function answersHeld(
  recorded: Recorded,
  about: readonly { readonly source: RuleSource }[],
  sets: { readonly before: CompiledPolicies; readonly after: CompiledPolicies },
): ReadonlyMap<string, Applies> {
  const { before, after } = sets
  const found = new Map<string, Applies>()
  if (setsText(before) !== setsText(after)) return found
  const now = new Map(after.rules.map(({ source }) => [source.name, source]))
  for (const { source } of about) {
    const other = now.get(source.name)
    if (!other || conditionText(source, before) !== conditionText(other, after)) continue
    const answer = answerOf(recorded, source)
    if (answer !== undefined) found.set(source.name, answer)
  }
  return found
}

/** The same call, of which also these answers are known. */
export function tellingOf(veil: Veil, told: ReadonlyMap<string, Applies>): Veil {
  return {
    get touched() {
      return veil.touched
    },
    knows: (name) => veil.knows(name),
    others: veil.others,
    plain: veil.plain,
    told,
  }
}

function setsText({ sets }: CompiledPolicies): string {
  return canonical(
    [...sets].map(([name, { nodes }]) => canonical([name, nodes.map(plain)])).toSorted(),
  )
}

/** Everything that its answer hangs on, beside the call. */
function conditionText(rule: RuleSource, { files }: CompiledPolicies): string {
  const { when, unless, unlessArgs, risk, labels } = rule
  const text = (node: DocNode | undefined): string => (node ? canonical(plain(node)) : '')
  const args = [...(unlessArgs?.args ?? [])].map(([name, node]) => [name, text(node)])
  const zone = files.find(({ rules }) => rules.includes(rule))?.timezone ?? ''
  const exempt = [...args, unlessArgs?.otherArgs ?? '']
  return canonical([text(when), text(unless), exempt, [...risk], [...labels], zone])
}

/** Undefined where it is not on record: a rule that comes after what decided was not asked. */
function answerOf({ outcome, policy }: Recorded, rule: RuleSource): Applies | undefined {
  if (!policy) return undefined
  const { name, effect, mode } = rule
  const passed = outcome === 'permitted'
  const asked = passed || outcome === 'approval_required'
  const said = (applied: boolean): Applies => {
    if (!applied) return 'no'
    return policy.errors.includes(name) ? 'error' : 'yes'
  }
  if (mode === 'shadow')
    return passed ? said(policy.shadow.some((one) => one.rule === name)) : undefined
  if (effect === 'oblige')
    return passed ? said(policy.obligations.some((duty) => duty['rule'] === name)) : undefined
  if (asked || (effect === 'forbid' && outcome === 'forbidden' && policy.determining.length > 0))
    return said(policy.determining.includes(name) || policy.errors.includes(name))
  return undefined
}
