/** `chaperone risk`: the risk posture that is in force, or from now on, for all guards of a state folder. */
import { inForce } from '../config/posture.ts'
import { readRisk, riskFile, type SaidRisk, writeRisk } from '../config/risk-file.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import { RISK_POSTURES, type RiskPosture } from '../model/call.ts'
import { nearest } from '../model/document.ts'
import { type Instant, instant } from '../model/id.ts'
import type { Clock } from '../model/port.ts'
import { parseFlags, settingsFile } from './arguments.ts'
import { problemLine } from './check-report.ts'
import { type CliIo, type Command, paint, printable, shortPath, type Style } from './io.ts'
import { settingsOf } from './launch.ts'
import { lastingMs, reasonOf, usage } from './why.ts'

const HELP = `usage: chaperone risk [options]
       chaperone risk <normal|elevated|high> --why <text> [--for <time>] [options]

Without a word: the risk posture that is in force, since when, until when and why. With one, sets it for all guards of
the state folder; they see it with their next call, and it is on record with every decision. Mandates and policies ask
for it (risk == "high"). Where the settings of a guard say a stricter one (--risk, CHAPERONE_RISK, chaperone.yaml), that
counts.

  --why <text>            why: shown here and kept on record
  --for <time>            how long, such as 1h; absent: until somebody says otherwise
  --settings <file>       the settings that are the floor; else CHAPERONE_SETTINGS, ./chaperone.yaml
  --state-dir <folder>    where it is kept: the folder of the guards' record (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text

Exit codes: 0 fine, 1 what is kept cannot be read and counts as high (or the settings are bad), 2 usage, 3 it could not be written.
`

const OPTIONS = {
  why: { type: 'string' },
  for: { type: 'string' },
  settings: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

/** The command over this clock. */
export function riskCommand(clock: Pick<Clock, 'now'>): Command {
  return {
    name: 'risk',
    summary: 'the risk posture: what is in force, or set it',
    help: HELP,
    run: async (argv, io) => risk(argv, io, clock.now()),
  }
}

export const command: Command = riskCommand(systemClock)

function risk(argv: readonly string[], io: CliIo, now: Instant): number {
  const { values, positionals } = parseFlags({
    args: [...argv],
    options: OPTIONS,
    strict: true,
    allowPositionals: true,
  })
  const said = wanted(positionals, values, now)
  const path = settingsFile(values, io.cwd, io)
  const { settings, file, problems } = settingsOf(values, path, io, 'ask')
  const state = stateDir(io.env, settings.stateDir)
  // An alarm does not wait for settings that are mended.
  if (said) writeRisk(state, said)
  for (const problem of problems) io.stderr(`${problemLine(problem, io)}\n`)
  if (problems.some(({ level }) => level === 'error')) return 1
  const floorBy = io.env['CHAPERONE_RISK'] !== undefined ? 'CHAPERONE_RISK' : file?.risk && path
  const floor = { floor: settings.risk, ...(floorBy !== undefined && { floorBy }) }
  return show(state, { ...floor, now, json: values.json === true }, io)
}

/** What is to be set; undefined where that was not asked for. */
function wanted(
  [word, second]: readonly string[],
  flags: { readonly why?: string | undefined; readonly for?: string | undefined },
  now: Instant,
): SaidRisk | undefined {
  if (second !== undefined) throw usage(`\`${second}\` is one too many`, 'say one posture')
  if (word === undefined) {
    if (flags.why === undefined && flags.for === undefined) return undefined
    throw usage('nothing is set', `say which: ${RISK_POSTURES.join(', ')}`)
  }
  const posture = postureOf(word)
  const why = reasonOf(flags.why)
  if (flags.for === undefined) return { posture, since: now, why }
  if (posture === 'normal') throw usage('nothing comes after `normal`', 'leave `--for` out')
  return { posture, since: now, why, until: instant(now + lastingMs(flags.for)) }
}

function postureOf(word: string): RiskPosture {
  const found = RISK_POSTURES.find((posture) => posture === word)
  if (found !== undefined) return found
  const near = nearest(word, RISK_POSTURES)
  const hint = near === undefined ? `say ${RISK_POSTURES.join(', ')}` : `did you mean \`${near}\`?`
  throw usage(`\`${word}\` is no risk posture`, hint)
}

const STYLES = { normal: 'green', elevated: 'yellow', high: 'red' } as const satisfies Record<
  RiskPosture,
  Style
>

interface Showing {
  readonly floor: RiskPosture
  /** What says so. */
  readonly floorBy?: string
  readonly now: Instant
  readonly json: boolean
}

function show(state: string, { floor, floorBy, now, json }: Showing, io: CliIo): number {
  const read = readRisk(riskFile(state))
  const { risk, why } = inForce(read, floor, now)
  const said = read.kind === 'said' ? shown(read.said, now) : undefined
  const bad = read.kind === 'bad' ? { why } : {}
  if (json) {
    const form = { risk, floor, ...(floorBy !== undefined && { floorBy }), ...said, ...bad }
    io.stdout(`${JSON.stringify(form, undefined, 2)}\n`)
  } else {
    const by = floorBy === undefined ? '' : ` (${shortPath(floorBy, io.cwd)})`
    const rows = Object.entries({ ...said, ...bad, floor: `${floor}${by}` })
    const lines = rows.map(([name, value]) => `  ${name.padEnd(6)} ${printable(String(value))}\n`)
    io.stdout(`${paint(io, STYLES[risk], risk)}\n${lines.join('')}`)
  }
  return read.kind === 'bad' ? 1 : 0
}

function shown({ posture, since, until, why }: SaidRisk, now: Instant): Record<string, string> {
  const iso = (at: Instant): string => new Date(at).toISOString()
  const over = until !== undefined && now >= until ? ' (over)' : ''
  return {
    said: posture,
    since: iso(since),
    ...(until !== undefined && { until: `${iso(until)}${over}` }),
    why,
  }
}
