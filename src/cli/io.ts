/** What a command may touch of the outside: two streams, the environment, a folder to start from, a signal to stop. */
import { isAbsolute, relative } from 'node:path'
import type { Env } from '../config/settings.ts'

export interface CliIo {
  /** Results. For `run` this stream is the protocol, and nothing but the guard writes to it. */
  readonly stdout: (text: string) => void
  /** Everything that is said about the work: problems, progress, refusals to start. */
  readonly stderr: (text: string) => void
  readonly color: boolean
  /** Width to lay tables out for. */
  readonly columns: number
  readonly cwd: string
  readonly env: Env
  /** Aborted by SIGINT and SIGTERM, and by SIGHUP unless somebody listens to that. */
  readonly signal?: AbortSignal
  /** While somebody listens, SIGHUP does not stop the command. The returned function ends that. */
  readonly onHangup?: (look: () => void) => () => void
  /** The whole of standard input, for `-`. */
  readonly stdin?: () => Promise<string>
  /** Asks the person at the terminal for a yes; absent where nobody is there. */
  readonly confirm?: (question: string) => Promise<boolean>
  /** True when a person watches stderr, so that progress may be shown. */
  readonly watched?: boolean
}

/** One command of the program. `run` resolves with the exit code: 0 fine, 1 refused, 2 usage, 3 could not check. */
export interface Command {
  readonly name: string
  readonly summary: string
  readonly help: string
  readonly run: (argv: readonly string[], io: CliIo) => Promise<number>
  /** What it is made of, where its first word names another command. */
  readonly commands?: readonly CommandRow[]
}

/** A command before it is loaded. */
export interface CommandRow {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<Command>
}

const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const
export type Style = keyof typeof STYLES

/** The text in that style, or as it is where colour is off. */
export function paint(io: Pick<CliIo, 'color'>, style: Style, text: string): string {
  if (!io.color) return text
  const [on, off] = STYLES[style]
  return `\u001B[${on}m${text}\u001B[${off}m`
}

/** https://no-color.org; FORCE_COLOR wins over it, as in Node itself. */
export function wantsColor(env: Env, terminal: boolean): boolean {
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  const refused = env['NO_COLOR']
  if (refused !== undefined && refused !== '') return false
  return terminal && env['TERM'] !== 'dumb'
}

// Controls, and the marks that reorder or hide text: a name that an upstream chose must not draw on the terminal.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Text from outside made safe to show: what a terminal would act on is spelt out as `\u{1b}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** Relative where it lies under the folder that the command was started in. */
export function shortPath(path: string, cwd: string): string {
  if (!isAbsolute(path)) return path
  const short = relative(cwd, path)
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short
}
