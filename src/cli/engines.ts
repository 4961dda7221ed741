/** Opens the engines of a policy set with the files and the variables that they name; `check` only tries. */
import { posix } from 'node:path'
import type { PolicyFile } from '../config/policy-files.ts'
import { systemClock, systemTimers } from '../config/system.ts'
import { expand } from '../config/variable.ts'
import { checkCedarPolicies, openPolicyEngine } from '../guard.ts'
import { type Problem, Problems } from '../model/document.ts'
import type { CedarConfig, EngineConfig } from '../model/engine.ts'
import { GuardError } from '../model/error.ts'
import type { PolicyEngine } from '../model/port.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { CliIo } from './io.ts'
import type { PolicyLoad } from './policies.ts'

/** The opened function throws GuardError ERR_CONFIG_INVALID for an engine that cannot be opened. */
export function engineOpener(
  env: CliIo['env'],
): (config: EngineConfig, load: PolicyLoad) => Promise<PolicyEngine> {
  return (config, { documents }) =>
    openPolicyEngine(config, {
      clock: systemClock,
      timers: systemTimers,
      expand: (text) => expanded(text, env),
      read: (path) => bytesOf(path, documents),
    })
}

/** What would keep a guard with these engines from starting, and what Cedar says of policies against these tools. */
export async function engineProblems(
  load: PolicyLoad,
  tools: readonly ToolDefinition[] | undefined,
  env: CliIo['env'],
): Promise<readonly Problem[]> {
  const problems = new Problems()
  const open = engineOpener(env)
  for (const config of load.engines) {
    try {
      await (await open(config, load)).close()
      if (config.type !== 'cedar' || !tools) continue
      for (const problem of await cedarProblems(config, load, tools)) problems.add(problem)
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      problems.error(config, 'engine_unusable', error.message, 'correct it, or take the engine out')
    }
  }
  return problems.list
}

function cedarProblems(
  { policies, send }: CedarConfig,
  { documents }: PolicyLoad,
  tools: readonly ToolDefinition[],
): Promise<readonly Problem[]> {
  const texts = policies.map((file) => ({
    file,
    text: Buffer.from(bytesOf(file, documents)).toString(),
  }))
  return checkCedarPolicies({ policies: texts, tools, send })
}

function bytesOf(path: string, documents: readonly PolicyFile[]): Uint8Array {
  const file = documents.find(({ relative }) => relative === posix.normalize(path))
  if (file) return file.bytes
  throw new GuardError('ERR_CONFIG_INVALID', `there is no file \`${path}\` beside engines.yaml`)
}

/** @throws GuardError ERR_CONFIG_INVALID for a variable that is not set */
function expanded(text: string, env: CliIo['env']): string {
  const problems = new Problems()
  const found = expand(text, { place: { file: 'engines.yaml', line: 1, column: 1 } }, env, problems)
  if (found !== undefined) return found
  throw new GuardError('ERR_CONFIG_INVALID', problems.list.map(({ message }) => message).join('; '))
}
