/** A modern upstream tells of changes only to those who listen: the guard listens for its lists while it is up. */
import { isObject, type Json } from '../../model/json.ts'
import { nextMeta } from '../envelope.ts'
import type { Self } from '../protocol.ts'
import type { Link } from './link.ts'

/** Opens one subscription for the list changes that the upstream declares; does nothing for a legacy one. */
export function hearChanges(link: Link, self: Self): void {
  const { agreement } = link
  if (agreement?.era !== 'modern') return
  const notifications: Record<string, Json> = {}
  for (const kind of ['tools', 'prompts', 'resources']) {
    const capability = agreement.capabilities[kind]
    if (isObject(capability) && capability['listChanged'] === true)
      notifications[`${kind}ListChanged`] = true
  }
  if (Object.keys(notifications).length === 0) return
  const meta = nextMeta(
    {},
    { era: 'modern', version: agreement.version, self },
    { capabilities: {} },
  )
  const sent = link.send(
    'subscriptions/listen',
    () => JSON.stringify({ ...(meta ? { _meta: meta } : {}), notifications }),
    {
      timeoutMs: Number.POSITIVE_INFINITY,
    },
  )
  // It ends with the upstream, which is told and recorded on its own.
  sent.answer.catch(() => undefined)
}
