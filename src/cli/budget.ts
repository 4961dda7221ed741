/** `chaperone budget`: what is left, of all budgets that guards of a state folder have counted, or of those of one mandate. */
import { resolve } from 'node:path'
import { findPolicies } from '../config/policies-place.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import { loadMandate } from '../mandate/load.ts'
import type { BudgetSource } from '../model/budget.ts'
import { Problems } from '../model/document.ts'
import type { Instant } from '../model/id.ts'
import type { Mandate } from '../model/mandate.ts'
import type { Clock } from '../model/port.ts'
import { concerns } from '../policy/rule.ts'
import { launchFiles, parseFlags, settingsFile } from './arguments.ts'
import { type BudgetRow, rowsFor, rowsOf, untilText } from './budget-rows.ts'
import { problemLine } from './check-report.ts'
import { type ReadCounters, readCounters } from './counters.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'
import { settingsOf } from './launch.ts'
import { readPolicies } from './policies.ts'

const HELP = `usage: chaperone budget [options]

What is left of budgets: how much of each is used, its limit, and when it begins anew. Without a mandate, of everything that
guards of the state folder have counted, by the limit that counted last. Nothing is changed.

  --mandate <file>        of this mandate, its grants and the policies that it is under, also what nobody has used yet
  --policies <folder>     the policies, instead of the folder beside the mandate
  --settings <file>       the guard's settings; else CHAPERONE_SETTINGS, ./chaperone.yaml
  --state-dir <folder>    where it is counted: the folder of the guards' record (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text

Exit codes: 0 fine, 1 the mandate, the policies or the settings are bad, 2 usage, 3 what was counted cannot be read.
`

const OPTIONS = {
  mandate: { type: 'string' },
  policies: { type: 'string' },
  settings: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

/** What a test puts in place of the real thing. */
export interface BudgetParts {
  readonly clock: Pick<Clock, 'now'>
  readonly counters: ReadCounters
}

/** The command over these parts. */
export function budgetCommand(parts: BudgetParts): Command {
  return {
    name: 'budget',
    summary: 'what is left of budgets, and when they begin anew',
    help: HELP,
    run: (argv, io) => budget(argv, io, parts),
  }
}

export const command: Command = budgetCommand({ clock: systemClock, counters: readCounters })

async function budget(argv: readonly string[], io: CliIo, parts: BudgetParts): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const now = parts.clock.now()
  const named = values.mandate === undefined ? undefined : resolve(io.cwd, values.mandate)
  const path =
    named === undefined ? settingsFile(values, io.cwd, io) : launchFiles(values, io).settings
  const { settings, problems: wrong } = settingsOf(values, path, io, 'ask')
  const problems = new Problems()
  for (const problem of wrong) problems.add(problem)
  const defined = named === undefined ? undefined : definedIn(named, settings, problems)
  for (const problem of problems.list)
    if (problem.level === 'error') io.stderr(`${problemLine(problem, io)}\n`)
  if (problems.bad) return 1
  const counters = (await parts.counters(stateDir(io.env, settings.stateDir))) ?? []
  const rows = defined
    ? rowsFor(
        defined.budgets,
        { mandate: defined.mandate.name, agent: settings.agent ?? defined.mandate.agent },
        counters,
        now,
      )
    : rowsOf(counters, now)
  print(rows, io, { now, json: values.json === true })
  return 0
}

interface Defined {
  readonly mandate: Mandate
  readonly budgets: readonly BudgetSource[]
}

/** The budgets of the mandate and its grants, then those of policies that concern it. */
function definedIn(
  file: string,
  settings: ReturnType<typeof settingsOf>['settings'],
  problems: Problems,
): Defined | undefined {
  const loaded = loadMandate(file)
  for (const problem of loaded.problems) problems.add(problem)
  const { mandate } = loaded
  if (!mandate) return undefined
  const folder = findPolicies({ mandate: file, upstreams: file }, settings.policies, problems)
  const read = folder === undefined ? undefined : readPolicies(folder, settings.webhooks)
  for (const problem of read?.problems ?? []) problems.add(problem)
  const limits = mandate.grants.flatMap(({ limit }) => limit ?? [])
  const policies = (read?.load?.policies.budgets ?? [])
    .filter((one) => one.source.mode === 'enforce' && concerns(one, mandate, settings.environment))
    .map(({ source }) => source)
  return { mandate, budgets: [...(mandate.budgets ?? []), ...limits, ...policies] }
}

function print(
  rows: readonly BudgetRow[],
  io: CliIo,
  { now, json }: { readonly now: Instant; readonly json: boolean },
): void {
  if (json) {
    const budgets = rows.map(({ resetsAt, ...row }) => ({
      ...row,
      ...(resetsAt !== undefined && { resetsAt: new Date(resetsAt).toISOString() }),
    }))
    io.stdout(`${JSON.stringify({ budgets }, undefined, 2)}\n`)
    return
  }
  if (rows.length === 0) io.stdout('no budget has been counted\n')
  for (const row of rows) io.stdout(`${lineOf(row, io, now)}\n`)
}

function lineOf(row: BudgetRow, io: CliIo, now: Instant): string {
  const { budget, counts, used, limit, left, unit, resetsAt } = row
  const what = unit === 'calls' ? ' calls' : ''
  const none = Number(left) === 0
  const rest = paint(io, none ? 'red' : 'green', none ? 'nothing left' : `${left} left`)
  const when =
    resetsAt === undefined
      ? ''
      : `, begins anew ${untilText(resetsAt, now)}, at ${new Date(resetsAt).toISOString()}`
  return `${paint(io, 'bold', printable(budget))} (${printable(counts)}): ${used} of ${limit}${what} used, ${rest}${when}`
}
