/** Reads a command's flags, strictly: an unknown flag, or one given twice, is a usage error with a suggestion. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { ownFile, type OwnFile } from '../config/own-files.ts'
import { SETTING_OPTIONS } from '../config/settings.ts'
import { nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { CliIo } from './io.ts'

/** The flags that say what to guard, and how: the same for `run`, `check` and `explain`. */
export const LAUNCH_OPTIONS: typeof SETTING_OPTIONS & {
  readonly mandate: { readonly type: 'string' }
  readonly upstreams: { readonly type: 'string' }
  readonly settings: { readonly type: 'string' }
} = {
  mandate: { type: 'string' },
  upstreams: { type: 'string' },
  settings: { type: 'string' },
  ...SETTING_OPTIONS,
}

/** How `--help` shows them. */
export const LAUNCH_HELP = `  --mandate <file>        the mandate, YAML or JSON (or CHAPERONE_MANDATE)
  --upstreams <file>      the upstreams; else CHAPERONE_UPSTREAMS, mcp.json beside the mandate, ./mcp.json
  --settings <file>       the settings; else CHAPERONE_SETTINGS, chaperone.yaml beside the mandate
  --policies <folder>     what nobody may do; else CHAPERONE_POLICIES, what the settings name, the folder policies beside the
                          mandate, the upstreams or the settings
  --agent <name>          who is calling: must be the mandate's agent (or CHAPERONE_AGENT)
  --task <name>           the run of the mandate that goes on; another one begins without history; default default (or
                          CHAPERONE_TASK)
  --environment <name>    dev, test, staging or prod; default dev (or CHAPERONE_ENVIRONMENT)
  --risk <posture>        normal, elevated or high, unless \`chaperone risk\` is stricter (or CHAPERONE_RISK)
  --state-dir <folder>    where the record is kept (or CHAPERONE_STATE_DIR)
  --lock <file>           what is approved; else CHAPERONE_LOCK, chaperone.lock beside the mandate or the upstreams
  --start-timeout <time>  how long an upstream may take to start; default 20s
  --call-timeout <time>   how long a call may take; default 60s
  --allow-writable <path> let the agent write this file of the guard's own, or read this key, all the same; may be repeated`

type Parsed<T extends ParseArgsConfig> = ReturnType<typeof parseArgs<T>>

/** @throws GuardError ERR_USAGE */
export function parseFlags<T extends ParseArgsConfig>(config: T): Parsed<T> {
  const options = config.options ?? {}
  try {
    const seen = new Set<string>()
    for (const token of parseArgs({ ...config, tokens: true }).tokens ?? []) {
      if (token.kind !== 'option') continue
      if (seen.has(token.name) && options[token.name]?.multiple !== true) {
        throw new GuardError(
          'ERR_USAGE',
          `\`${token.rawName}\` is given twice (keep one of the two)`,
        )
      }
      seen.add(token.name)
    }
    return parseArgs(config)
  } catch (error) {
    if (error instanceof TypeError) throw usage(error, options)
    throw error
  }
}

/** What `parseArgs` says, in the words of this program. */
function usage(error: TypeError, options: NonNullable<ParseArgsConfig['options']>): GuardError {
  const flag = /'(-[^ ']+)/.exec(error.message)?.[1]
  const code = 'code' in error ? error.code : undefined
  const wrong = (message: string): GuardError =>
    new GuardError('ERR_USAGE', message, { cause: error })
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && flag !== undefined) {
    const near = nearest(flag.replace(/^-+/, ''), Object.keys(options))
    const hint = near === undefined ? 'see --help' : `did you mean \`--${near}\`?`
    return wrong(`unknown option \`${flag}\` (${hint})`)
  }
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') {
    const word = /'([^']*)'/.exec(error.message)?.[1] ?? ''
    return wrong(`unexpected argument \`${word}\` (see --help)`)
  }
  const named = /'(?:-\w, )?--([\w-]+)/.exec(error.message)?.[1]
  if (named !== undefined) {
    const wants = options[named]?.type === 'string' ? 'needs a value' : 'takes no value'
    return wrong(`\`--${named}\` ${wants} (see --help)`)
  }
  return wrong('the arguments cannot be read (see --help)')
}

interface FileFlags {
  readonly mandate?: string | undefined
  readonly upstreams?: string | undefined
  readonly settings?: string | undefined
}

/** Absolute paths of the two files that say what to guard. */
export interface LaunchFiles {
  readonly mandate: string
  readonly upstreams: string
  /** Absent: there is none, and none was asked for. */
  readonly settings?: string
  /** Others that the agent must not be able to write. */
  readonly also?: readonly OwnFile[]
}

/**
 * The upstreams default to the `mcp.json` beside the mandate: a client may start the guard in any folder, and that
 * folder may be the agent's.
 *
 * @throws GuardError ERR_USAGE where no mandate is named
 */
export function launchFiles(flags: FileFlags, io: Pick<CliIo, 'cwd' | 'env'>): LaunchFiles {
  const mandate = flags.mandate ?? io.env['CHAPERONE_MANDATE']
  if (mandate === undefined || mandate === '') {
    throw new GuardError('ERR_USAGE', 'no mandate is named (give `--mandate m.yaml`)')
  }
  const path = resolve(io.cwd, mandate)
  const upstreams = upstreamsFile(flags, dirname(path), io)
  const settings = settingsFile(flags, dirname(path), io)
  if (settings === undefined) return { mandate: path, upstreams }
  return { mandate: path, upstreams, settings, also: [ownFile(settings, 'the settings')] }
}

/**
 * The file that is named, else `chaperone.yaml` in this folder, where there is one.
 *
 * @throws GuardError ERR_USAGE where it is named as nothing
 */
export function settingsFile(
  flags: Pick<FileFlags, 'settings'>,
  folder: string,
  io: Pick<CliIo, 'cwd' | 'env'>,
): string | undefined {
  const settings = flags.settings ?? io.env['CHAPERONE_SETTINGS']
  if (settings === '') throw new GuardError('ERR_USAGE', '`--settings` has no value')
  if (settings !== undefined) return resolve(io.cwd, settings)
  const usual = join(folder, 'chaperone.yaml')
  return existsSync(usual) ? usual : undefined
}

/**
 * The file that is named, else `mcp.json` in this folder, else in the one that the guard is started in.
 *
 * @throws GuardError ERR_USAGE where it is named as nothing
 */
export function upstreamsFile(
  flags: Pick<FileFlags, 'upstreams'>,
  folder: string,
  io: Pick<CliIo, 'cwd' | 'env'>,
): string {
  const upstreams = flags.upstreams ?? io.env['CHAPERONE_UPSTREAMS']
  if (upstreams === '') throw new GuardError('ERR_USAGE', '`--upstreams` has no value')
  if (upstreams !== undefined) return resolve(io.cwd, upstreams)
  const beside = join(folder, 'mcp.json')
  const here = resolve(io.cwd, 'mcp.json')
  return existsSync(beside) || !existsSync(here) ? beside : here
}
