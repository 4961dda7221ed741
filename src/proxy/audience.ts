/** Who hears of changes: a legacy agent once it is open, a modern one on each of its subscriptions. */
import { META, notificationFrame } from './protocol.ts'
import type { ChangeKind, Session } from './session.ts'

export class Audience {
  readonly #sessions = new Set<Session>()

  add(session: Session): void {
    this.#sessions.add(session)
  }

  remove(session: Session): void {
    this.#sessions.delete(session)
  }

  /** Tells that a list changed, in the way of each one's era. */
  announce(kind: ChangeKind): void {
    const method = `notifications/${kind}/list_changed`
    for (const { era, opened, outlet, listening } of this.#sessions) {
      if (era === 'legacy') {
        if (opened) outlet.say(notificationFrame(method))
        continue
      }
      for (const { id, kinds } of listening.values()) {
        if (kinds.has(kind))
          outlet.say(notificationFrame(method, { _meta: { [META.subscription]: id } }), id)
      }
    }
  }

  /**
   * Ends every subscription of modern agents (MCP 2026-07-28, Subscriptions, Graceful Closure; Cancellation asks for a
   * notification, too).
   */
  dismiss(): void {
    for (const { era, outlet, listening } of this.#sessions) {
      if (era !== 'modern') continue
      for (const { id } of listening.values()) {
        outlet.say(notificationFrame('notifications/cancelled', { requestId: id }), id)
        const text = JSON.stringify({
          resultType: 'complete',
          _meta: { [META.subscription]: id },
        })
        outlet.answer(id, 'result', text)
      }
      listening.clear()
    }
  }
}
