/** Where an attack takes place, how much of it there is, and what it comes to. */
import { ask } from './connection.ts'

/** How much of everything. */
export interface HostilePlan {
  /** Calls beside no attack at all, for comparison. */
  readonly calm: number
  readonly warmUp: number
  /** How long those who are slow are given. */
  readonly slowMs: number
  readonly connections: number
  readonly notifications: number
  /** The time over which a flood is spread. */
  readonly overMs: number
  readonly deepCalls: number
}

export interface Scene {
  readonly port: number
  /** Where the hostile upstream says what it did. */
  readonly upstream: number
  readonly plan: HostilePlan
}

/** What became of an attack: counts, by what was counted. */
export type Facts = Readonly<Record<string, number>>

/** What the hostile upstream says that it did. */
export async function tallyOf({ upstream }: Scene): Promise<Facts> {
  const text = `GET /tally HTTP/1.1\r\nhost: 127.0.0.1:${upstream}\r\n\r\n`
  const { body } = await ask(upstream, text)
  return JSON.parse(body) as Facts
}
