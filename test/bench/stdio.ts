/** The targets over stdio: one process each, started as a client config starts it. */
import { open } from './client.ts'
import { proveGuarded } from './prove.ts'
import { CHAPERONE, DIRECT, RELAY, type Target } from './target.ts'
import { measureInTurns, type Contender, type TurnsPlan, type TurnsResult } from './turns.ts'

/** Never throws for a target that fails: its row says why, the others are measured. */
export function measureStdio(
  targets: readonly Target[],
  plan: TurnsPlan,
  say: (line: string) => void,
): Promise<readonly TurnsResult[]> {
  const yardsticks = { direct: DIRECT, baseline: RELAY }
  return measureInTurns(targets.map(contender), plan, yardsticks, (line) => say(`stdio: ${line}`))
}

function contender({ name, kind, missing, line }: Target): Contender {
  return {
    name,
    kind,
    ...(missing !== undefined && { missing }),
    open: async () => {
      const { client, tools } = await open(line)
      try {
        if (name.startsWith(CHAPERONE)) await proveGuarded(client, tools)
      } catch (error) {
        await client.stop()
        throw error
      }
      return client
    },
  }
}
