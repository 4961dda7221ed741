/** What is not a rule: sets, labels, classifications and engines. */
import { canonical } from '../../model/json.ts'
import { type Expr, parts } from '../../expression/syntax.ts'
import { globsCover } from '../../expression/glob.ts'
import type { CompiledPolicies } from '../compile.ts'
import type { Classification, LabelRule } from '../language.ts'
import { targetsCover } from '../logic/selectors.ts'
import type { PolicyChange } from './change.ts'
import { selectorChanges, targetText } from './selectors.ts'
import type { DiffSide } from './version.ts'

function listed(values: readonly (string | number | boolean)[]): string {
  return values.map((one) => `\`${String(one)}\``).join(', ')
}

/** What a set changes is said of the rules that read it. */
export function setChanges(before: DiffSide, after: DiffSide): readonly PolicyChange[] {
  const [old, now] = [before.policies.sets, after.policies.sets]
  return [...new Set([...old.keys(), ...now.keys()])].toSorted().flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)]
    const lost = was?.values.filter((one) => is?.values.includes(one) !== true) ?? []
    const gained = is?.values.filter((one) => was?.values.includes(one) !== true) ?? []
    if (lost.length + gained.length === 0) return []
    const said = [
      ...(lost.length > 0 ? [`without ${listed(lost)}`] : []),
      ...(gained.length > 0 ? [`with ${listed(gained)}`] : []),
    ]
    const place = (is ?? was)?.place
    const message = `now ${said.join(', ')}`
    return [{ direction: 'none', kind: 'set', about: name, message, ...(place && { place }) }]
  })
}

/** A label on more sessions makes rules match more often, unless one is about sessions without it. */
export function labelChanges(before: DiffSide, after: DiffSide): readonly PolicyChange[] {
  const [old, now] = [rowsOf(before.policies), rowsOf(after.policies)]
  const inverse = new Set([...unmarked(before.policies), ...unmarked(after.policies)])
  const changes = (
    rows: readonly LabelRule[],
    others: readonly LabelRule[],
    how: 'widened' | 'narrowed',
  ): readonly PolicyChange[] =>
    rows.flatMap((row) => {
      const missing = row.add.filter((label) => !others.some((other) => leaves(other, row, label)))
      if (missing.length === 0) return []
      const names = [...row.targets.map(targetText), ...row.servers].join(', ')
      const verb = how === 'widened' ? 'no longer leave' : 'leave'
      const message = `${names} ${verb} the label ${listed(missing)}`
      const direction = missing.some((one) => inverse.has(one)) ? 'unclear' : how
      return [{ direction, kind: 'label', about: row.name, message, place: row.place }]
    })
  return [...changes(old, now, 'widened'), ...changes(now, old, 'narrowed')]
}

function rowsOf({ files }: CompiledPolicies): readonly LabelRule[] {
  return files.flatMap(({ labels }) => labels)
}

/** Does the one leave this label wherever the other does? */
function leaves(wide: LabelRule, narrow: LabelRule, label: string): boolean {
  if (!wide.add.includes(label)) return false
  const servers = narrow.servers.every((one) => globsCover(wide.servers, one, 'server'))
  const targets = narrow.targets.every(
    (one) => targetsCover(wide.targets, [one]) || globsCover(wide.servers, one.server, 'server'),
  )
  return servers && targets
}

/** Labels that some rule wants to be absent, or exempts by. */
function unmarked({ rules }: CompiledPolicies): readonly string[] {
  return rules.flatMap(({ when, unless }) => [
    ...(when?.conjuncts ?? []).flatMap((expr) => labelsIn(expr, false)),
    ...(unless?.conjuncts ?? []).flatMap((expr) => labelsIn(expr, true)),
  ])
}

function labelsIn(expr: Expr, inverse: boolean): readonly string[] {
  if (expr.kind === 'binary' && expr.left.kind === 'literal' && isLabels(expr.right))
    return inverse ? [String(expr.left.value)] : []
  const turns = ['not', 'choice', 'binary', 'macro'].includes(expr.kind)
  return parts(expr).flatMap((part) => labelsIn(part, inverse || turns))
}

function isLabels(expr: Expr): boolean {
  return expr.kind === 'member' && expr.name === 'labels'
}

/** Rules are about classes: a tool that is of another one is named by others. */
export function classificationChanges(before: DiffSide, after: DiffSide): readonly PolicyChange[] {
  const [old, now] = [classified(before.policies), classified(after.policies)]
  const changes = (
    rows: ReadonlyMap<string, Classification>,
    others: ReadonlyMap<string, Classification>,
    how: string,
  ): readonly PolicyChange[] =>
    [...rows].flatMap(([key, { place, targets, effect, data }]) => {
      if (others.has(key)) return []
      const about = targets.map(targetText).join(', ')
      const classes = [...(effect ? [effect] : []), ...data].join(', ')
      const message = `${how} classified as ${classes}: other rules are about them`
      return [{ direction: 'unclear', kind: 'classification', about, message, place }]
    })
  return [...changes(old, now, 'no longer'), ...changes(now, old, 'now')]
}

function classified({ files }: CompiledPolicies): ReadonlyMap<string, Classification> {
  const rows = files.flatMap(({ classify }) => classify)
  return new Map(
    rows.map((row) => {
      const targets = row.targets.map(targetText).toSorted()
      return [canonical([targets, row.effect ?? null, row.data.toSorted()]), row]
    }),
  )
}

export function engineChanges(before: DiffSide, after: DiffSide): readonly PolicyChange[] {
  const old = new Map((before.engines ?? []).map((one) => [one.id, one]))
  const now = new Map((after.engines ?? []).map((one) => [one.id, one]))
  return [...new Set([...old.keys(), ...now.keys()])].toSorted().flatMap((id) => {
    const [was, is] = [old.get(id), now.get(id)]
    const about = `engine:${id}`
    const said = (direction: PolicyChange['direction'], message: string): PolicyChange => ({
      direction,
      kind: 'engine',
      about,
      message,
    })
    const one = is ?? was
    if (!one) return []
    const enforced = one.mode === 'enforce'
    if (!was)
      return [
        said(enforced ? 'narrowed' : 'none', enforced ? 'added: it is asked' : 'added in shadow'),
      ]
    if (!is) return [said(enforced ? 'widened' : 'none', 'removed: it is asked no longer')]
    if (was.mode !== is.mode)
      return [
        said(
          is.mode === 'shadow' ? 'widened' : 'narrowed',
          is.mode === 'shadow' ? 'in shadow now: its answers decide nothing' : 'in force now',
        ),
      ]
    const other =
      was.fingerprint === is.fingerprint
        ? []
        : [said(enforced ? 'unclear' : 'none', 'it decides by something else')]
    const selected = selectorChanges(ruleLike(was), ruleLike(is)).map(({ direction, message }) =>
      said(enforced ? direction : 'none', message),
    )
    return [...selected, ...other]
  })
}

type Engine = NonNullable<DiffSide['engines']>[number]

/** An engine as a rule that names the same. */
function ruleLike({ id, mode, targets, effects }: Engine): Parameters<typeof selectorChanges>[0] {
  return {
    id,
    name: id,
    place: { file: 'engines.yaml', line: 1, column: 1 },
    effect: 'forbid',
    mode,
    ...(targets && { targets }),
    effects,
    data: [],
    agents: [],
    purposes: [],
    environments: [],
    risk: [],
    labels: [],
  }
}
