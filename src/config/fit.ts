/** Whether a mandate fits the guard that would run under it: its agent, its environment, its time. */
import type { CompiledMandate } from '../model/authority.ts'
import { type Problem, Problems } from '../model/document.ts'
import type { Instant } from '../model/id.ts'
import type { Settings } from './settings.ts'

/** Who acts: who the launch line says, or else whoever the mandate that it names is for. */
export function agentOf(
  compiled: CompiledMandate,
  settings: Settings,
): { readonly agent: string; readonly from: 'launch line' | 'mandate' } {
  return settings.agent === undefined
    ? { agent: compiled.mandate.agent, from: 'mandate' }
    : { agent: settings.agent, from: 'launch line' }
}

/** An error for each reason why this mandate could permit nothing here; a warning where it is only too early. */
export function misfits(
  compiled: CompiledMandate,
  settings: Settings,
  now: Instant,
): readonly Problem[] {
  const { mandate } = compiled
  const { agent } = agentOf(compiled, settings)
  const at = { place: { file: mandate.file, line: 1, column: 1 } }
  const problems = new Problems()
  if (mandate.agent !== agent) {
    const message = `the mandate is for \`${mandate.agent}\`, and the launch line says \`${agent}\``
    const remedy = 'give the mandate of this agent, or correct --agent'
    problems.error(at, 'agent_mismatch', message, remedy)
  }
  if (mandate.environment.length > 0 && !mandate.environment.includes(settings.environment)) {
    problems.error(
      at,
      'environment_mismatch',
      `the mandate is for ${mandate.environment.join(', ')}, and this guard runs in ${settings.environment}`,
      `say --environment ${mandate.environment[0] ?? ''}, or give a mandate for ${settings.environment}`,
    )
  }
  switch (compiled.validity(now)) {
    case 'expired':
      problems.error(
        at,
        'mandate_expired',
        `the mandate expired at ${new Date(mandate.valid.until).toISOString()}`,
        'ask for a new one',
      )
      break
    case 'not_yet':
      problems.warning(
        at,
        'mandate_not_yet_valid',
        `the mandate begins at ${new Date(mandate.valid.from ?? now).toISOString()}, and nothing is permitted before`,
      )
      break
    case 'valid':
  }
  return problems.list
}
