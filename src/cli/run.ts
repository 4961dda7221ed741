/** `chaperone run`: stands in for the upstreams of `mcp.json` over stdio, under one mandate. */
import { randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { createGuard, type Guard } from '../guard.ts'
import { openLog } from '../audit/log.ts'
import { loadUpstreams, type Upstream } from '../config/mcp-json.ts'
import { operationalLog } from '../config/operational.ts'
import { ownFiles, refuseWritable } from '../config/own-files.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock, systemTimers } from '../config/system.ts'
import { version } from '../config/version.ts'
import { compileMandate } from '../mandate/compile.ts'
import { loadMandate } from '../mandate/load.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { Principal } from '../model/call.ts'
import { Problems, problemText, type Problem } from '../model/document.ts'
import type { Mandate } from '../model/mandate.ts'
import {
  LAUNCH_HELP,
  LAUNCH_OPTIONS,
  launchFiles,
  parseFlags,
  type LaunchFiles,
} from './arguments.ts'
import { paint, type CliIo, type Command } from './io.ts'

export const command: Command = {
  name: 'run',
  summary: 'guard the upstreams of mcp.json over stdio, under a mandate',
  help: `usage: chaperone run --mandate <file> [options]

Serves MCP on stdin and stdout: what a client starts in place of the servers that it guards. Only what the mandate
permits is listed, every call is decided when it is made, and every decision is on record (chaperone log).

${LAUNCH_HELP}
  --max-result <size>     larger results are withheld; default 16MiB
  --log-level <level>     debug, info, warn, error or silent; default info
  --log-file <file>       the operational log; default stderr

Exit codes: 0 the agent closed the connection, 1 the mandate or mcp.json is bad (nothing was started), 2 usage,
3 something outside failed.
`,
  run,
}

/** Everything that has to be right before anything is started. */
interface Launch {
  readonly files: LaunchFiles
  readonly settings: Settings
  readonly mandate: CompiledMandate
  readonly upstreams: readonly Upstream[]
  readonly principal: Principal
  readonly agentFrom: 'launch line' | 'mandate'
}

async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: LAUNCH_OPTIONS, strict: true })
  const settings = readSettings(values, io.env, io.cwd)
  const files = launchFiles(values, io)
  const { launch, problems } = prepare(files, settings, io)
  for (const problem of problems) {
    const level =
      problem.level === 'error' ? paint(io, 'red', 'error') : paint(io, 'yellow', 'warning')
    io.stderr(`${level}: ${problemText(problem)}\n`)
  }
  if (!launch) {
    io.stderr(
      `${paint(io, 'red', 'chaperone')}: nothing was started (\`chaperone check\` says more)\n`,
    )
    return 1
  }
  await serve(launch, io)
  return 0
}

function prepare(
  files: LaunchFiles,
  settings: Settings,
  io: CliIo,
): { readonly launch?: Launch; readonly problems: readonly Problem[] } {
  const problems = new Problems()
  const loaded = loadMandate(files.mandate)
  const read = loadUpstreams(files.upstreams, io.env, realpath)
  for (const problem of [...loaded.problems, ...read.problems]) problems.add(problem)
  const mandate = loaded.mandate && compileMandate(loaded.mandate, problems)
  if (!mandate) return { problems: problems.list }
  const agent = settings.agent ?? mandate.mandate.agent
  for (const problem of misfits(mandate, agent, settings)) problems.add(problem)
  for (const problem of exposed(
    files,
    settings,
    { mandate: mandate.mandate, upstreams: read.upstreams },
    io,
  ))
    problems.add(problem)
  if (problems.bad) return { problems: problems.list }
  return {
    problems: problems.list,
    launch: {
      files,
      settings,
      mandate,
      upstreams: read.upstreams,
      principal: { agent, assurance: 'launch_line' },
      agentFrom: settings.agent === undefined ? 'mandate' : 'launch line',
    },
  }
}

/** The guard's own files that the agent could write. */
function exposed(
  files: LaunchFiles,
  settings: Settings,
  authority: { readonly mandate: Mandate; readonly upstreams: readonly Upstream[] },
  io: CliIo,
): readonly Problem[] {
  const own = ownFiles({
    mandate: files.mandate,
    roles: authority.mandate.roles.map(({ file }) => file),
    upstreams: files.upstreams,
    stateDir: stateDir(io.env, settings.stateDir),
    ...(settings.logFile === undefined ? {} : { logFile: settings.logFile }),
  })
  const ignoreCase = process.platform === 'win32' || process.platform === 'darwin'
  return refuseWritable(own, authority, settings.allowWritable, { realpath, ignoreCase })
}

/** A mandate that could not permit anything to this guard: said at once, not at every call. */
function misfits(compiled: CompiledMandate, agent: string, settings: Settings): readonly Problem[] {
  const { mandate } = compiled
  const place = { file: mandate.file, line: 1, column: 1 }
  const found: Problem[] = []
  const bad = (id: string, message: string, remedy: string): void => {
    found.push({ id, level: 'error', place, message, remedy })
  }
  if (mandate.agent !== agent) {
    bad(
      'agent_mismatch',
      `the mandate is for \`${mandate.agent}\`, and the launch line says \`${agent}\``,
      'give the mandate of this agent, or correct --agent',
    )
  }
  if (mandate.environment.length > 0 && !mandate.environment.includes(settings.environment)) {
    bad(
      'environment_mismatch',
      `the mandate is for ${mandate.environment.join(', ')}, and this guard runs in ${settings.environment}`,
      'say --environment, or give a mandate for it',
    )
  }
  if (compiled.validity(systemClock.now()) === 'expired') {
    bad(
      'mandate_expired',
      `the mandate expired at ${new Date(mandate.valid.until).toISOString()}`,
      'ask for a new one',
    )
  }
  return found
}

async function serve(launch: Launch, io: CliIo): Promise<void> {
  const { settings, mandate, principal } = launch
  const instance = `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`
  const operational = operationalLog({
    level: settings.logLevel,
    ...(settings.logFile === undefined ? {} : { file: settings.logFile }),
  })
  const state = stateDir(io.env, settings.stateDir)
  const log = openLog({
    dir: join(state, 'log', instance),
    clock: systemClock,
    head: {
      log: instance,
      agent: principal.agent,
      assurance: principal.assurance,
      mandate: {
        name: mandate.mandate.name,
        digest: mandate.mandate.digest,
        signed: mandate.mandate.signed,
      },
    },
  })
  const self = { name: 'chaperone', version: version() }
  const guard = createGuard({
    mandate,
    upstreams: launch.upstreams,
    principal,
    environment: settings.environment,
    risk: 'normal',
    log,
    operational,
    clock: systemClock,
    timers: systemTimers,
    self,
    instance,
    startTimeoutMs: settings.startTimeoutMs,
    callTimeoutMs: settings.callTimeoutMs,
    maxAnswerBytes: settings.maxResultBytes,
  })
  await log.append({
    type: 'event',
    at: systemClock.now(),
    event: 'guard_started',
    facts: {
      version: self.version,
      node: process.versions.node,
      environment: settings.environment,
      agent_from: launch.agentFrom,
      upstreams: launch.upstreams.map(({ server }) => server),
    },
  })
  operational.info(
    { mandate: mandate.mandate.name, agent: principal.agent, record: join(state, 'log', instance) },
    'guarding',
  )
  await whileServing(guard, io)
}

/** Serves until the agent goes or a signal says stop; either way everything is settled first. */
async function whileServing(guard: Guard, io: CliIo): Promise<void> {
  const { signal } = io
  const stopped = new Promise<void>((resolve) => {
    const stop = (): void => void guard.stop(`a signal: ${String(signal?.reason)}`).then(resolve)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
  await Promise.race([guard.serveStdio(process.stdin, process.stdout), stopped])
}

function realpath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    // No such file: the caller compares the path as it is written.
    return undefined
  }
}
