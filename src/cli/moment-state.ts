/** The state of one agent under one mandate at a moment, worked out from what the record says and what is kept beside it. */
import { readCatalog, type KeptUpstream } from '../audit/catalog.ts'
import type { Run, SeenTask, Since, Standing } from '../audit/moment.ts'
import type { SeenRestriction } from '../audit/moment-restriction.ts'
import { textIn } from '../audit/said.ts'
import type { CompiledMandate } from '../model/authority.ts'
import { type Environment, ENVIRONMENTS, RISK_POSTURES, type RiskPosture } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import type { Instant } from '../model/id.ts'
import { canonical, member } from '../model/json.ts'
import { concerns } from '../policy/rule.ts'
import { type BudgetRow, rowsFor, rowsOf } from './budget-rows.ts'
import { type Keepsakes, Unkept } from './keepsakes.ts'
import type { ReadMoment } from './moment-read.ts'
import { mandateFacts } from './record.ts'

/** Why nothing at all would have been let out. */
export interface Unbound {
  readonly reason: DenyReason
  readonly why: string
}

export interface MomentState {
  readonly at: Instant
  readonly run: Run
  readonly standing: Standing
  readonly environment: Environment
  readonly risk: RiskPosture
  readonly task?: SeenTask
  readonly labels: readonly string[]
  readonly budgets: readonly BudgetRow[]
  readonly restrictions: readonly Since<SeenRestriction>[]
  readonly unbound: readonly Unbound[]
  /** The mandate by itself, and under the policies in force; absent where a document is not kept as it was. */
  readonly mandate?: CompiledMandate
  readonly under?: CompiledMandate
  readonly catalog?: readonly KeptUpstream[]
  readonly keepsakes: Keepsakes
  /** Where the log and what is kept beside it say different things. */
  readonly contradictions: readonly string[]
  /** What could not be looked at, in words. */
  readonly missing: readonly string[]
}

export interface Who {
  readonly agent?: string
  readonly mandate?: string
  readonly task?: string
}

/** Everyone who was served so at that moment. */
export function statesAt(read: ReadMoment, who: Who, at: Instant): readonly MomentState[] {
  return [...read.fold.runs.values()].flatMap((run) => {
    if (run.stopped) return []
    return [...run.standings.values()]
      .filter((one) => who.agent === undefined || one.agent === who.agent)
      .filter((one) => who.mandate === undefined || one.mandate.name === who.mandate)
      .map((standing) => stateOf(read, { run, standing }, at, { task: who.task }))
  })
}

/** What is known better than from what came before: of a decision, the entry says in which state it was made. */
export interface Told {
  readonly task?: string | undefined
  readonly labels?: readonly string[]
  readonly risk?: RiskPosture
  readonly environment?: Environment
}

export function stateOf(
  read: ReadMoment,
  { run, standing }: { readonly run: Run; readonly standing: Standing },
  at: Instant,
  told: Told = {},
): MomentState {
  const { fold, keepsakes } = read
  const kept = keepsakes.get(run.folder)
  if (!kept) throw new Unkept('nothing of the log was read')
  const missing: string[] = []
  const known = ENVIRONMENTS.find((one) => one === run.environment) ?? 'dev'
  const { environment = known, task: asked } = told
  const documents = documentsOf({ run, standing, kept, environment }, missing)
  const name = asked ?? standing.task
  const task = name === undefined ? undefined : fold.task(standing, name)
  if (asked !== undefined && !task && !told.labels)
    missing.push(`no call of the task \`${asked}\` is on record by then`)
  const restrictions = [...fold.restrictions.values()].filter((one) => isInForce(one, standing, at))
  const catalog = catalogOf({ run, standing }, missing)
  return {
    at,
    run,
    standing,
    environment,
    risk: told.risk ?? RISK_POSTURES.find((one) => one === run.risk?.value.risk) ?? 'normal',
    ...(task && { task }),
    labels: [...(told.labels ?? task?.labels ?? [])].toSorted(),
    budgets: budgetsOf(read, { run, standing }, { ...documents, environment, at, kept }),
    restrictions,
    unbound: unboundBy({ standing, environment, restrictions, at }, documents.mandate),
    ...documents,
    ...(catalog && { catalog }),
    keepsakes: kept,
    contradictions: contradictions(standing, documents.mandate),
    missing,
  }
}

function documentsOf(
  given: {
    readonly run: Run
    readonly standing: Standing
    readonly kept: Keepsakes
    readonly environment: Environment
  },
  missing: string[],
): Pick<MomentState, 'mandate' | 'under'> {
  const { run, standing, kept, environment } = given
  const { digest } = standing.mandate
  const mandate = tried(() => kept.mandate(digest), missing)
  const under =
    mandate && tried(() => kept.under(digest, run.policies?.value, environment), missing)
  return { ...(mandate && { mandate }), ...(under && { under }) }
}

function tried<T>(make: () => T, missing: string[]): T | undefined {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof Unkept)) throw error
    missing.push(error.message)
    return undefined
  }
}

const UNREADABLE = {
  missing: 'is not kept beside the log',
  altered: 'was altered: its hash is not what the log says',
  no_file: 'is no regular file beside the log',
} as const

function catalogOf(
  { run, standing: { catalog } }: { readonly run: Run; readonly standing: Standing },
  missing: string[],
): readonly KeptUpstream[] | undefined {
  if (!catalog) {
    missing.push('no catalog is on record by then: no upstream had been asked for its tools')
    return undefined
  }
  if (catalog.value === undefined) {
    missing.push(`the catalog could not be kept (entry ${catalog.at.seq})`)
    return undefined
  }
  const read = readCatalog(run.folder, catalog.value)
  if (typeof read !== 'string') return read
  missing.push(`the catalog ${UNREADABLE[read]} (${catalog.value})`)
  return undefined
}

/** Those that counted calls of then, also where nobody had used them; as far as intents on record tell, by their latest word. */
function budgetsOf(
  { fold }: ReadMoment,
  { run, standing }: { readonly run: Run; readonly standing: Standing },
  given: Pick<MomentState, 'mandate' | 'under' | 'environment' | 'at'> & {
    readonly kept: Keepsakes
  },
): readonly BudgetRow[] {
  const { mandate, under, environment, at, kept } = given
  const seen = [...fold.budgets.values()].map(({ value }) => value)
  if (!mandate || !under)
    return rowsOf(
      seen.filter(({ key }) => standing.budgets.has(key)),
      at,
    )
  const { budgets = [], grants, name } = mandate.mandate
  const set = run.policies && kept.policies(run.policies.value).policies
  const restricting = (set?.budgets ?? [])
    .filter((one) => one.source.mode === 'enforce' && concerns(one, mandate.mandate, environment))
    .map(({ source }) => source)
  const all = [...budgets, ...grants.flatMap(({ limit }) => limit ?? []), ...restricting]
  return rowsFor(all, { mandate: name, agent: standing.agent }, seen, at)
}

/** Is it about this agent, its mandate, or what it may reach, and does it last? */
function isInForce(
  { value: { target, until } }: Since<SeenRestriction>,
  { agent, mandate }: Standing,
  at: Instant,
): boolean {
  if (until !== undefined && at >= until) return false
  const name = textIn(target, 'name')
  if (target['kind'] === 'mandate') return name === mandate.name
  return target['kind'] !== 'agent' || name === agent
}

function unboundBy(
  given: {
    readonly standing: Standing
    readonly environment: Environment
    readonly restrictions: readonly Since<SeenRestriction>[]
    readonly at: Instant
  },
  compiled: CompiledMandate | undefined,
): readonly Unbound[] {
  const { standing, environment, restrictions, at } = given
  const found: Unbound[] = []
  const mandate = compiled?.mandate
  if (mandate && mandate.agent !== standing.agent)
    found.push({ reason: 'agent_mismatch', why: `the mandate is for \`${mandate.agent}\`` })
  if (mandate && mandate.environment.length > 0 && !mandate.environment.includes(environment)) {
    const why = `the mandate is for ${mandate.environment.join(' or ')}`
    found.push({ reason: 'environment_mismatch', why })
  }
  const validity = compiled?.validity(at)
  if (validity === 'not_yet')
    found.push({ reason: 'mandate_not_yet_valid', why: 'the mandate was not valid yet' })
  if (validity === 'expired')
    found.push({ reason: 'mandate_expired', why: 'the mandate was not valid any more' })
  for (const { value } of restrictions) {
    const { kind, target, by, why } = value
    if (target['kind'] === 'upstream' || target['kind'] === 'tool') continue
    const revoked = kind === 'revoked' && target['kind'] === 'mandate'
    const reason = revoked ? 'mandate_revoked' : 'mandate_suspended'
    found.push({ reason, why: `${kind} by ${by}: ${why}` })
  }
  return found
}

/** Who approved it, when it is valid: said by the entry, and by the file that the entry names by its hash. */
const ALIKE = ['owner', 'approved_by', 'approved_at', 'valid_from', 'valid_until'] as const

function contradictions(
  { loaded }: Standing,
  compiled: CompiledMandate | undefined,
): readonly string[] {
  if (!loaded || !compiled) return []
  const file = mandateFacts(compiled.mandate)
  return ALIKE.flatMap((key) => {
    const [said, is] = [member(loaded.value, key), member(file, key)]
    // What the entry does not say was left out, or is of an older form.
    if (said === undefined || (is !== undefined && canonical(said) === canonical(is))) return []
    const kept = is === undefined ? 'says nothing of it' : `says ${canonical(is)}`
    return [`\`${key}\` is ${canonical(said)} in entry ${loaded.at.seq}, and the mandate ${kept}`]
  })
}

/** `budgets.eur (mandate office): 1200.00 of 20000.00 used, 18800.00 left`. */
export function budgetText({
  budget,
  counts,
  used,
  limit,
  left,
  unit,
  resetsAt,
}: BudgetRow): string {
  const end = resetsAt === undefined ? '' : `, anew at ${new Date(resetsAt).toISOString()}`
  const what = unit === 'calls' ? ' calls' : ''
  return `${budget} (${counts}): ${used} of ${limit}${what} used, ${left} left${end}`
}
