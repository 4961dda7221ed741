/** What `revoke`, `suspend` and `resume` do alike: who says what about which target, and when every guard has it in effect. */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { userInfo } from 'node:os'
import { readSettings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import { problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { type Instant, instant } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { StateStore } from '../model/port.ts'
import type { EventName } from '../model/record.ts'
import type { Restriction, Target } from '../model/state.ts'
import { targetText } from '../model/target.ts'
import { openStore, storePath } from '../state/sqlite.ts'
import { settingsFile } from './arguments.ts'
import { type CliIo, paint, printable, type Style } from './io.ts'
import { settingsOf } from './launch.ts'
import { recordEvent } from './record.ts'
import {
  answerLines,
  answers,
  type Answered,
  isDone,
  slowest,
  type WaitParts,
} from './take-back-wait.ts'
import { lastingMs, usage } from './why.ts'
import { warnUnserved } from './take-back-target.ts'

/** What a test puts in place of the real thing. */
export interface TakeBackParts extends WaitParts {
  /**
   * `anew`: also where there was one that is gone.
   *
   * @throws GuardError ERR_STATE_UNUSABLE
   */
  readonly open: (stateDir: string, anew?: boolean) => StateStore
  /** The name of whoever is at the keyboard, as the system has it. */
  readonly user: () => string
  /**
   * Puts the command itself on record, under the settings of the guards.
   *
   * @throws GuardError where that cannot be done
   */
  readonly record?: (told: Recording, event: EventName, facts: JsonObject) => Promise<void>
}

export const REAL_PARTS: TakeBackParts = {
  clock: systemClock,
  pause: (ms) => pause(ms),
  open: (state, anew = false) => openStore({ path: storePath(state), clock: systemClock, anew }),
  user: userName,
  record: onRecord,
}

/** Who gave the command, and where. */
export interface Recording {
  readonly flags: Pick<TakeBackFlags, 'settings' | 'state-dir'>
  readonly io: CliIo
}

/** Their settings say which key signs the record: a log that is signed by another one would be another log. */
async function onRecord(
  { flags, io }: Recording,
  name: EventName,
  facts: JsonObject,
): Promise<void> {
  const { settings, problems } = settingsOf(flags, settingsFile(flags, io.cwd, io), io, 'ask')
  const bad = problems.find(({ level }) => level === 'error')
  if (bad) throw new GuardError('ERR_CONFIG_INVALID', problemText(bad))
  await recordEvent(io, settings, name, facts)
}

/** What cannot be recorded happens all the same: to take back is not to wait for a disk. The guards record it, too. */
export async function recordIfPossible(
  { parts, ...told }: Recording & { readonly parts: Pick<TakeBackParts, 'record'> },
  name: EventName,
  facts: JsonObject,
): Promise<void> {
  try {
    await parts.record?.(told, name, facts)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    told.io.stderr(`chaperone: this command is not on record: ${printable(why)}\n`)
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user without an entry in the system's table.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}

export const TAKE_BACK_OPTIONS = {
  why: { type: 'string' },
  'no-wait': { type: 'boolean' },
  settings: { type: 'string' },
  'state-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const

export const TAKE_BACK_HELP = `  --why <text>            why: every guard that it is about puts it on record
  --no-wait               do not wait until the guards have it in effect (at most 5 s)
  --settings <file>       the settings of the guards; else CHAPERONE_SETTINGS, ./chaperone.yaml
  --state-dir <folder>    where the state is kept: the folder of the guards' record (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text`

export interface TakeBackFlags {
  readonly why?: string | undefined
  readonly 'no-wait'?: boolean | undefined
  readonly settings?: string | undefined
  readonly 'state-dir'?: string | undefined
  readonly json?: boolean | undefined
}

/** Opens the store of the state folder for as long as something is done with it. */
export async function withState<T>(
  flags: Pick<TakeBackFlags, 'state-dir'>,
  io: CliIo,
  { open }: Pick<TakeBackParts, 'open'>,
  use: (store: StateStore, state: string) => Promise<T>,
): Promise<T> {
  const state = stateDir(io.env, readSettings(flags, io.env, io.cwd).stateDir)
  // One that is named and not there is misspelt: what is taken back in it would reach nobody.
  if (flags['state-dir'] !== undefined && !existsSync(state)) {
    const what = `there is no state folder \`${printable(state)}\``
    throw new GuardError('ERR_STATE_UNUSABLE', `${what} (name the one of the guards, or make it)`)
  }
  const store = open(state)
  try {
    return await use(store, state)
  } finally {
    store.close()
  }
}

export function onlyOne(positionals: readonly string[]): string | undefined {
  const [word, second] = positionals
  if (second !== undefined)
    throw usage(`\`${printable(second)}\` is one too many`, 'say one target')
  return word
}

export function endOf(text: string | undefined, now: Instant): Instant | undefined {
  return text === undefined ? undefined : instant(now + lastingMs(text))
}

/** A change that was made. */
export interface Change {
  readonly what: 'revoked' | 'suspended' | 'lifted'
  readonly target: Target
  readonly at: Instant
  readonly why: string
  readonly by: string
  readonly until?: Instant
}

const STYLES = { revoked: 'red', suspended: 'yellow', lifted: 'green' } as const satisfies Record<
  Change['what'],
  Style
>

/** Waits for the guards and says how they took it: 0 when all of them have it in effect, 3 when one did not answer. */
export async function carriedOut(
  change: Change,
  store: StateStore,
  {
    flags,
    io,
    parts,
  }: { readonly flags: TakeBackFlags; readonly io: CliIo; readonly parts: TakeBackParts },
): Promise<number> {
  const { revision } = store.restrictions()
  const waits = flags['no-wait'] !== true
  const guards = waits
    ? await answers(store, { revision, at: change.at, target: change.target }, parts, io.signal)
    : undefined
  if (change.what !== 'lifted') warnUnserved(change.target, store, io)
  io.stdout(flags.json === true ? json(change, guards) : text(change, guards, io))
  return guards?.every(isDone) === false ? 3 : 0
}

function text(change: Change, guards: readonly Answered[] | undefined, io: CliIo): string {
  const { what, target, why, by, until } = change
  const head = `${paint(io, STYLES[what], what)} ${printable(targetText(target))}`
  const end = until === undefined ? '' : ` until ${new Date(until).toISOString()}`
  const said = `  why: ${printable(why)} (${printable(by)})\n`
  return `${head}${end}\n${said}${guards ? answerLines(guards, io) : ''}`
}

function json(change: Change, guards: readonly Answered[] | undefined): string {
  const { what, target, at, why, by, until } = change
  const form = {
    what,
    target: targetText(target),
    at: new Date(at).toISOString(),
    why,
    by,
    ...(until !== undefined && { until: new Date(until).toISOString() }),
    ...(guards && {
      guards: guards.map(({ instance, pid, serves, effectMs, gone }) => ({
        instance,
        pid,
        serves,
        effect_ms: effectMs ?? null,
        ...(gone && { gone }),
      })),
      slowest_ms: slowest(guards) ?? null,
    }),
  }
  return `${JSON.stringify(form, undefined, 2)}\n`
}

/** The facts of a change as they stand on record. */
export function factsOf(
  { what, target, at, why, by, until }: Change,
  id: Restriction['id'],
): JsonObject {
  return {
    id,
    target: { ...target },
    ...(what !== 'lifted' && { kind: what }),
    why,
    by,
    at: new Date(at).toISOString(),
    ...(until !== undefined && { until: new Date(until).toISOString() }),
    from: 'command line',
  }
}
