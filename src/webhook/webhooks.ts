/** Tells people of calls by signed HTTP requests (Standard Webhooks 1.0). Each is delivered at once, or it failed. */
import { createHmac } from 'node:crypto'
import { digestOf } from '../model/digest.ts'
import { GuardError } from '../model/error.ts'
import { canonical, type JsonObject } from '../model/json.ts'
import type { Clock, Fetch, Notifier, Timers } from '../model/port.ts'
import { isWebhookUrl, type WebhookEntry, webhookKey } from '../model/webhook.ts'
import { Turnstile } from './turnstile.ts'

export interface WebhookOptions {
  readonly fetch: Fetch
  readonly clock: Clock
  readonly timers: Timers
}

/** A call waits for it. */
const LIMIT_MS = 2000
/** Requests under way at once to all of them, and what may wait for its turn. */
const MOST_UNDER_WAY = 16
const MOST_WAITING = 256

interface Hook {
  readonly url: string
  readonly key: Uint8Array
}

/** @throws GuardError ERR_CONFIG_INVALID for an address or a secret that cannot be used */
export function webhooks(
  config: ReadonlyMap<string, WebhookEntry>,
  { fetch, clock, timers }: WebhookOptions,
): Notifier {
  const hooks = new Map([...config].map(([name, entry]) => [name, hookOf(name, entry)]))
  const turnstile = new Turnstile(MOST_UNDER_WAY, MOST_WAITING)
  return {
    notify: async (to, event) => {
      const hook = hooks.get(to)
      if (!hook) return 'failed'
      const deadline = new AbortController()
      const late = new Promise<false>((resolve) =>
        deadline.signal.addEventListener('abort', () => resolve(false), { once: true }),
      )
      const stop = timers.after(LIMIT_MS, () => deadline.abort())
      const request = (): Promise<boolean> => {
        // Who had to wait until it was too late is not told any more: its call was refused.
        if (deadline.signal.aborted) return Promise.resolve(false)
        return delivered(fetch(hook.url, requestOf(hook, event, clock, deadline.signal)))
      }
      const told = await Promise.race([turnstile.pass(request), late])
      stop()
      return told === true ? 'delivered' : 'failed'
    },
  }
}

function hookOf(name: string, { url, secret }: WebhookEntry): Hook {
  const key = webhookKey(secret)
  if (!isWebhookUrl(url) || !key)
    throw new GuardError(
      'ERR_CONFIG_INVALID',
      `the webhook \`${name}\` has no usable address or secret`,
    )
  return { url, key }
}

function requestOf(hook: Hook, event: JsonObject, clock: Clock, signal: AbortSignal): RequestInit {
  const body = canonical(event)
  // The same event has the same name, should it come twice.
  const id = `msg_${digestOf(body).slice(0, 32)}`
  const timestamp = String(Math.floor(clock.now() / 1000))
  const signed = createHmac('sha256', hook.key).update(`${id}.${timestamp}.${body}`)
  return {
    method: 'POST',
    redirect: 'manual',
    signal,
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signed.digest('base64')}`,
    },
  }
}

/** Whatever else is answered, or breaks, is no delivery. */
async function delivered(answering: Promise<Response>): Promise<boolean> {
  try {
    const { ok, body } = await answering
    await body?.cancel()
    return ok
  } catch {
    return false
  }
}
