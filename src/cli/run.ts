/** `chaperone run`: stands in for the upstreams of `mcp.json` over stdio, under one mandate. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLog, type FileLog } from '../audit/log.ts'
import type { Upstream } from '../config/mcp-json.ts'
import { operationalLog } from '../config/operational.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock, systemTimers } from '../config/system.ts'
import { version } from '../config/version.ts'
import { createGuard, type Guard } from '../guard.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { Principal } from '../model/call.ts'
import { problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { JsonObject } from '../model/json.ts'
import type { Mandate } from '../model/mandate.ts'
import type { EntryBody, EventName } from '../model/record.ts'
import { LAUNCH_HELP, LAUNCH_OPTIONS, launchFiles, parseFlags } from './arguments.ts'
import { paint, type CliIo, type Command } from './io.ts'
import { prepare } from './launch.ts'

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

async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: LAUNCH_OPTIONS, strict: true })
  const settings = readSettings(values, io.env, io.cwd)
  const files = launchFiles(values, io)
  const { mandate, upstreams, problems } = prepare(files, settings, io, systemClock.now())
  for (const problem of problems) {
    const level =
      problem.level === 'error' ? paint(io, 'red', 'error') : paint(io, 'yellow', 'warning')
    io.stderr(`${level}: ${problemText(problem)}\n`)
  }
  if (!mandate || problems.some(({ level }) => level === 'error')) {
    io.stderr(
      `${paint(io, 'red', 'chaperone')}: nothing was started (\`chaperone check\` says more)\n`,
    )
    return 1
  }
  await serve({ settings, mandate, upstreams }, io)
  return 0
}

/** What is served, once everything about it is right. */
interface Launch {
  readonly settings: Settings
  readonly mandate: CompiledMandate
  readonly upstreams: readonly Upstream[]
}

async function serve({ settings, mandate, upstreams }: Launch, io: CliIo): Promise<void> {
  // Without --agent the launch line names nobody but the mandate: the agent is taken to be the one it was given to.
  const principal: Principal =
    settings.agent === undefined
      ? { agent: mandate.mandate.agent, assurance: 'mandate' }
      : { agent: settings.agent, assurance: 'launch_line' }
  const instance = `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`
  const record = join(stateDir(io.env, settings.stateDir), 'log', instance)
  const operational = operationalLog({
    level: settings.logLevel,
    ...(settings.logFile === undefined ? {} : { file: settings.logFile }),
  })
  const log = openRecord(record, instance, principal, mandate.mandate)
  keepDocuments(log, mandate.mandate)
  const guard = createGuard({
    mandate,
    upstreams,
    principal,
    environment: settings.environment,
    risk: 'normal',
    log,
    operational,
    clock: systemClock,
    timers: systemTimers,
    self: { name: 'chaperone', version: version() },
    instance,
    startTimeoutMs: settings.startTimeoutMs,
    callTimeoutMs: settings.callTimeoutMs,
    maxAnswerBytes: settings.maxResultBytes,
  })
  await Promise.all([
    log.append(event('guard_started', startFacts(settings, upstreams))),
    log.append(event('mandate_loaded', mandateFacts(mandate.mandate))),
  ])
  operational.info({ mandate: mandate.mandate.name, agent: principal.agent, record }, 'guarding')
  try {
    await whileServing(guard, io)
  } finally {
    await operational.close()
  }
}

/** Agents call less often than this; only a flood of calls shares a look at the file. */
const LOOK_HOLDS_MS = 20

function openRecord(
  dir: string,
  instance: string,
  { agent, assurance }: Principal,
  mandate: Mandate,
): FileLog {
  const { name, digest, signed } = mandate
  const head = { log: instance, agent, assurance, mandate: { name, digest, signed } }
  return openLog({ dir, clock: systemClock, head, lookHoldsMs: LOOK_HOLDS_MS })
}

/** The bytes that were agreed to are kept beside the record, which names them by their hash. */
function keepDocuments(log: FileLog, { file, digest, roles }: Mandate): void {
  for (const document of [{ file, digest }, ...roles]) {
    const kept = log.putObject(readFileSync(document.file))
    if (kept === document.digest) continue
    const why = `\`${document.file}\` changed while it was being read`
    throw new GuardError('ERR_MANDATE_INVALID', `${why} (start again)`)
  }
}

function event(name: EventName, facts: JsonObject): EntryBody {
  return { type: 'event', at: systemClock.now(), event: name, facts }
}

/** Who approved it, for what, until when: so that the record alone can answer. */
function mandateFacts({ purpose, owner, approved, valid, roles }: Mandate): JsonObject {
  const iso = (at: number): string => new Date(at).toISOString()
  return {
    purpose: purpose.text,
    ...(purpose.ref === undefined ? {} : { ref: purpose.ref }),
    ...(owner === undefined ? {} : { owner }),
    ...(approved ? { approved_by: approved.by, approved_at: iso(approved.at) } : {}),
    ...(valid.from === undefined ? {} : { valid_from: iso(valid.from) }),
    valid_until: iso(valid.until),
    roles: roles.map(({ name, digest }) => ({ name, s256: digest })),
  }
}

function startFacts(settings: Settings, upstreams: readonly Upstream[]): JsonObject {
  return {
    version: version(),
    node: process.versions.node,
    environment: settings.environment,
    agent_from: settings.agent === undefined ? 'mandate' : 'launch line',
    upstreams: upstreams.map(({ server }) => server),
  }
}

/** Serves until the agent goes or a signal says stop; either way everything is settled first. */
async function whileServing(guard: Guard, io: CliIo): Promise<void> {
  const { signal } = io
  const stopped = new Promise<void>((resolve) => {
    const stop = (): void => void guard.stop(`a signal: ${String(signal?.reason)}`).then(resolve)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
  // Timers of the guard keep no process alive, and at the end nothing else may be left that does: until everything is
  // settled and on record, this does.
  const alive = setInterval(() => undefined, ALIVE_MS)
  try {
    await Promise.race([guard.serveStdio(process.stdin, process.stdout), stopped])
  } finally {
    clearInterval(alive)
  }
}

const ALIVE_MS = 60_000
