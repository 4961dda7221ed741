/** Logging across eras: a modern agent says with each request what it wants to hear, a legacy upstream is told once for all. */
import { GuardError } from '../model/error.ts'
import { isObject } from '../model/json.ts'
import type { Errand } from './errand.ts'
import { LOG_LEVELS } from './protocol.ts'
import type { Agreement } from './upstream/handshake.ts'
import type { Link } from './upstream/link.ts'

/** The least severity that each upstream was told, for as long as it is up. */
export class Levels {
  readonly #told = new WeakMap<Agreement, number>()

  /** Has a legacy upstream say at least what a modern agent's request wants to hear; what is too much is left out later. */
  ask(link: Link, agreement: Agreement, { session, logLevel }: Errand): void {
    if (session.era !== 'modern' || logLevel === undefined) return
    if (!isObject(agreement.capabilities['logging'])) return
    if ((this.#told.get(agreement) ?? LOG_LEVELS.size) <= logLevel) return
    this.#told.set(agreement, logLevel)
    const level = [...LOG_LEVELS].find(([, severity]) => severity === logLevel)?.[0]
    if (level !== undefined) void setLevel(link, level)
  }
}

/**
 * Tells a legacy upstream; one that does not take it says more, or less, and its calls go on. Resolves when it has
 * answered: calls may come on another connection, and overtake.
 */
export async function setLevel(link: Link, level: string): Promise<void> {
  try {
    await link.send('logging/setLevel', () => JSON.stringify({ level })).answer
  } catch (error) {
    if (!(error instanceof GuardError)) throw error
  }
}
