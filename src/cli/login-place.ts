/** What `login` and `logout` are about: one upstream of mcp.json that is reached by URL, and the folder its login is kept in. */
import { dirname, resolve } from 'node:path'
import { loadUpstreams, type Upstream } from '../config/mcp-json.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { nearest, problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { LoginPlace } from '../guard.ts'
import { upstreamsFile } from './arguments.ts'
import { type CliIo, printable } from './io.ts'
import { realpath } from './launch.ts'

export const PLACE_OPTIONS = {
  upstreams: { type: 'string' },
  'state-dir': { type: 'string' },
  'start-timeout': { type: 'string' },
  json: { type: 'boolean' },
} as const

/** How `--help` shows those that both have. */
export const PLACE_HELP = `  --upstreams <file>      the upstreams; else CHAPERONE_UPSTREAMS, mcp.json beside CHAPERONE_MANDATE, ./mcp.json
  --state-dir <folder>    where logins are kept, beside the record (or CHAPERONE_STATE_DIR)
  --json                  one JSON document instead of text`

interface Flags {
  readonly upstreams?: string | undefined
  readonly 'state-dir'?: string | undefined
  readonly 'start-timeout'?: string | undefined
}

/**
 * Other entries may be wrong, or want variables that are not set here.
 *
 * @throws GuardError ERR_USAGE where no such upstream is named, ERR_CONFIG_INVALID where its entry is bad
 */
export function loginPlace(
  positionals: readonly string[],
  flags: Flags,
  io: CliIo,
): LoginPlace & { readonly settings: Settings } {
  const [server, ...others] = positionals
  if (server === undefined || others.length > 0)
    throw new GuardError('ERR_USAGE', 'one upstream is to be named (see --help)')
  const settings = readSettings(flags, io.env, io.cwd)
  const mandate = io.env['CHAPERONE_MANDATE']
  const folder = mandate === undefined ? io.cwd : dirname(resolve(io.cwd, mandate))
  const file = upstreamsFile(flags, folder, io)
  const { upstreams, problems } = loadUpstreams(file, io.env, realpath)
  const upstream = upstreams.find((one) => one.server === server)
  if (!upstream) {
    const bad = problems.filter(({ level }) => level === 'error')
    if (bad.length === 0) throw new GuardError('ERR_USAGE', unknown(server, upstreams))
    for (const problem of bad) io.stderr(`error: ${printable(problemText(problem))}\n`)
    const why = `\`${server}\` is none of the upstreams that could be read`
    throw new GuardError('ERR_CONFIG_INVALID', `${why} (correct the name, or what stands above)`)
  }
  if (upstream.kind !== 'http') {
    const why = `\`${server}\` is started by a command, and logs in by itself`
    throw new GuardError('ERR_USAGE', `${why} (what it needs stands in \`env\` of its entry)`)
  }
  return { upstream, stateDir: stateDir(io.env, settings.stateDir), settings }
}

function unknown(server: string, upstreams: readonly Upstream[]): string {
  const names = upstreams.filter(({ kind }) => kind === 'http').map((one) => one.server)
  const near = nearest(server, names)
  const known = names.length === 0 ? 'none is reached by URL' : `there are ${names.join(', ')}`
  return `mcp.json has no upstream \`${server}\` (${near === undefined ? known : `did you mean \`${near}\`?`})`
}
