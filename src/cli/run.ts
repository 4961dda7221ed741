/** `chaperone run`: stands in for the upstreams of `mcp.json` over stdio, under one mandate. */
import type { Upstream } from '../config/mcp-json.ts'
import type { Settings } from '../config/settings.ts'
import { systemClock } from '../config/system.ts'
import { createGuard } from '../guard.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { Lock } from '../model/lock.ts'
import type { OperationalLog, StateStore } from '../model/port.ts'
import { LAUNCH_HELP, LAUNCH_OPTIONS, launchFiles, parseFlags } from './arguments.ts'
import { openExports } from './exports.ts'
import type { CliIo, Command } from './io.ts'
import { type PolicySet, prepare, refused, settingsOf } from './launch.ts'
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
  name: 'run',
  summary: 'guard the upstreams of mcp.json over stdio, under a mandate',
  help: `usage: chaperone run --mandate <file> [options]

Serves MCP on stdin and stdout: what a client starts in place of the servers that it guards. Only what the mandate
permits is listed, every call is decided when it is made, and every decision is on record (chaperone log).

${LAUNCH_HELP}
  --max-result <size>     larger results are withheld; default 16MiB
  --capture arguments     keep whole arguments on record, sealed; default none (or CHAPERONE_CAPTURE)
  --log-level <level>     debug, info, warn, error or silent; default info
  --log-file <file>       the operational log; default stderr

Exit codes: 0 the agent closed the connection, 1 the mandate or mcp.json is bad (nothing was started), 2 usage,
3 something outside failed.
`,
  run,
}

async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseFlags({ args: [...argv], options: LAUNCH_OPTIONS, strict: true })
  const files = launchFiles(values, io)
  const { settings, problems } = settingsOf(values, files.settings, io, 'run')
  const { mandate, problems: found, ...prepared } = prepare(files, settings, io, systemClock.now())
  if (refused([...problems, ...found], io) || !mandate) return 1
  await serve({ settings, mandate, ...prepared }, io)
  return 0
}

/** What is served, once everything about it is right. */
interface Launch {
  readonly settings: Settings
  readonly mandate: CompiledMandate
  readonly upstreams: readonly Upstream[]
  readonly lock?: Lock
  readonly policySet?: PolicySet
}

async function serve(launch: Launch, io: CliIo): Promise<void> {
  const operational = operationalLogOf(launch.settings)
  try {
    const { settings } = launch
    await withStore({ settings, operational }, io, (store) =>
      guarding({ ...launch, operational, store }, io),
    )
  } finally {
    await operational.close()
  }
}

/** Until the agent has gone. */
async function guarding(
  launch: Launch & { readonly operational: OperationalLog; readonly store: StateStore },
  io: CliIo,
): Promise<void> {
  const { settings, mandate, upstreams, lock, policySet, operational, store } = launch
  const principal = principalOf(settings, mandate)
  const acting = actingOf(principal, mandate.mandate)
  const opened = openRecord(settings, io, acting, operational)
  const parts = { opened, settings, operational, env: io.env, upstreams, store, acting }
  const exports = await openExports({ ...parts, use: 'run' })
  const { log, instance, record } = exports
  await beginRun(exports, settings)
  keepDocuments(log, mandate.mandate)
  if (lock) keepDocument(log, lock)
  await recovered(store, { log, operational })
  const house = houseOf(settings, { upstreams, operational, ...(lock && { lock }) }, io)
  const keeper = await policiesInForce(policySet, { log, settings }, operational, io)
  const restricted = underPolicies(mandate, keeper, settings)
  const engines = keeper?.engines
  const own = { mandate: restricted, engines, principal, log, instance, record, store }
  const guard = createGuard({ ...house, ...own })
  const from = settings.agent === undefined ? 'mandate' : 'launch line'
  await Promise.all([
    log.append(
      event('guard_started', {
        ...startFacts(settings, upstreams, lock),
        risk: house.posture.at(systemClock.now()),
        agent_from: from,
      }),
    ),
    log.append(event('mandate_loaded', mandateFacts(mandate.mandate))),
  ])
  operational.info({ mandate: mandate.mandate.name, agent: principal.agent, record }, 'guarding')
  try {
    const served = guard.serveStdio(process.stdin, process.stdout)
    await whileServing(io, (reason) => guard.stop(reason), served)
  } finally {
    await keeper?.close()
    await exports.close()
  }
}
