/** `chaperone serve`: stands in for the upstreams of `mcp.json` over HTTP, under one mandate or one for each key. */
import { hostInHeader } from '../config/host.ts'
import { readServeSettings, SERVE_OPTIONS } from '../config/settings.ts'
import { systemClock } from '../config/system.ts'
import { createHttpGuard, type HttpGuard } from '../guard.ts'
import type { Principal } from '../model/call.ts'
import { GuardError } from '../model/error.ts'
import type { OperationalLog, StateStore } from '../model/port.ts'
import { LAUNCH_HELP, LAUNCH_OPTIONS, parseFlags } from './arguments.ts'
import { openExports } from './exports.ts'
import type { CliIo, Command } from './io.ts'
import { refused, settingsOf } from './launch.ts'
import {
  actingOf,
  beginRun,
  event,
  keepDocument,
  keepDocuments,
  mandateFacts,
  openRecord,
  startFacts,
} from './record.ts'
import { prepareServe, serveFiles, type Serving } from './serve-launch.ts'
import {
  houseOf,
  operationalLogOf,
  policiesInForce,
  principalOf,
  recovered,
  underPolicies,
  whileServing,
  withStore,
} from './serving.ts'

export const command: Command = {
  name: 'serve',
  summary: 'guard the upstreams of mcp.json over HTTP, for one agent or for many',
  help: `usage: chaperone serve --mandate <file> [options]
       chaperone serve [--settings chaperone.yaml] [options]

Serves MCP by Streamable HTTP at /mcp, in both eras. With --mandate, whoever reaches the listener acts under that
mandate, so it listens on this machine alone. With keys in chaperone.yaml each key stands for a mandate of its own:
  listen: { host: 0.0.0.0, port: 8931, hosts: [guard.example] }
  keys:
    - { key: "\${INTAKE_KEY}", mandate: intake.yaml }

GET /healthz says that the guard runs, GET /readyz that calls can be put on record.

${LAUNCH_HELP}
  --host <address>        where to listen; default 127.0.0.1 (or CHAPERONE_HOST)
  --port <number>         default 8931; 0 takes one that is free (or CHAPERONE_PORT)
  --max-sessions <number> sessions of legacy clients at once; default 1000, or 64 where upstreams are processes
  --session-idle <time>   a session that is not used for so long ends; default 30m
  --metrics-port <number> serve metrics for Prometheus on 127.0.0.1 (or CHAPERONE_METRICS_PORT); default: none
  --max-result <size>     larger results are withheld; default 16MiB
  --capture arguments     keep whole arguments on record, sealed; default none (or CHAPERONE_CAPTURE)
  --log-level <level>     debug, info, warn, error or silent; default info
  --log-file <file>       the operational log; default stderr

Exit codes: 0 stopped by a signal, 1 a mandate, mcp.json or chaperone.yaml is bad (nothing was started), 2 usage,
3 something outside failed.
`,
  run,
}

const OPTIONS = { ...LAUNCH_OPTIONS, ...SERVE_OPTIONS } as const

async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const flags = readServeSettings(values, io.env)
  const files = serveFiles(values, io)
  const given = settingsOf(values, files.settings, io, 'serve')
  const serving = prepareServe(files, { ...given, flags }, io, systemClock.now())
  const more = files.settings === undefined ? 'chaperone check' : 'chaperone check --settings'
  if (refused(serving.problems, io, more)) return 1
  await serve(serving, io)
  return 0
}

async function serve(serving: Serving, io: CliIo): Promise<void> {
  const { settings } = serving
  const operational = operationalLogOf(settings)
  try {
    await withStore({ settings, operational }, io, (store) =>
      guarding({ ...serving, operational, store }, io),
    )
  } finally {
    await operational.close()
  }
}

/** Until a signal says stop. */
async function guarding(
  serving: Serving & { readonly operational: OperationalLog; readonly store: StateStore },
  io: CliIo,
): Promise<void> {
  const { settings, upstreams, lock, agents, host, port, policySet, operational, store } = serving
  const opened = openRecord(settings, io, undefined, operational)
  const { metricsPort } = serving
  const parts = { opened, settings, operational, env: io.env, upstreams, store, metricsPort }
  const exports = await openExports({ ...parts, use: 'serve' })
  const { log, instance, record } = exports
  await beginRun(exports, settings)
  if (lock) keepDocument(log, lock)
  await recovered(store, { log, operational })
  const keeper = await policiesInForce(policySet, { log, settings }, operational, io)
  const admissions = agents.map(({ mandate, key }) => {
    const principal: Principal =
      key === undefined
        ? principalOf(settings, mandate)
        : { agent: mandate.mandate.agent, assurance: 'bearer_key' }
    keepDocuments(log, mandate.mandate)
    const own = log.under(actingOf(principal, mandate.mandate))
    const restricted = underPolicies(mandate, keeper, settings)
    return { mandate: restricted, principal, log: own, ...(key !== undefined && { key }) }
  })
  const house = houseOf(settings, { upstreams, operational, ...(lock && { lock }) }, io)
  const guard = await createHttpGuard({
    ...house,
    engines: keeper?.engines,
    admissions,
    log,
    instance,
    record,
    store,
    host,
    port,
    rules: serving.rules,
    maxSessions: serving.maxSessions,
    sessionIdleMs: serving.sessionIdleMs,
    ready: () => log.writable(),
  })
  try {
    const risk = house.posture.at(systemClock.now())
    const started = { ...startFacts(settings, upstreams, lock), risk, listens: host }
    await Promise.all([
      log.append(event('guard_started', { ...started, agents: agents.length })),
      ...admissions.map((one) =>
        one.log.append(event('mandate_loaded', mandateFacts(one.mandate.mandate))),
      ),
    ])
    const bound = await listen(guard, { host, port })
    const url = `http://${hostInHeader(host)}:${bound}/mcp`
    operational.info({ url, agents: agents.length, record }, 'guarding')
    const unhear = keeper && io.onHangup?.(() => keeper.look())
    await whileServing(io, (reason) => guard.stop(reason))
    unhear?.()
  } finally {
    await keeper?.close()
    await exports.close()
  }
}

/** @throws GuardError ERR_LISTEN, in words for the person who chose the address */
async function listen(
  guard: HttpGuard,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  try {
    return await guard.listen()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const [why, remedy] = UNBOUND.get(code) ?? [String(cause), 'say another --host or --port']
    await guard.stop('it could not listen')
    throw new GuardError(
      'ERR_LISTEN',
      `cannot listen on ${host} port ${port}: ${why} (${remedy})`,
      {
        cause,
      },
    )
  }
}

const UNBOUND: ReadonlyMap<string, readonly [string, string]> = new Map([
  [
    'EADDRINUSE',
    ['something listens there already', 'say another --port; 0 takes one that is free'],
  ],
  ['EACCES', ['permission denied', 'say a --port above 1023']],
  ['EADDRNOTAVAIL', ['this machine has no such address', 'say --host 127.0.0.1']],
  ['ENOTFOUND', ['no such name is known', 'say an address: --host 127.0.0.1']],
])
