/** What a webhook has to be (Standard Webhooks 1.0): where it is, and the secret that signs what it is told. */
import { isLoopbackHost } from './loopback.ts'

/** Where somebody is told, and with what that is signed. */
export interface WebhookEntry {
  readonly url: string
  readonly secret: string
}

const SHORTEST_KEY = 24
const PREFIX = 'whsec_'

/** The key in a secret: `whsec_` and Base64, or plain text. Undefined where it is too short, or no Base64. */
export function webhookKey(secret: string): Uint8Array | undefined {
  const key = secret.startsWith(PREFIX) ? decoded(secret.slice(PREFIX.length)) : Buffer.from(secret)
  return key !== undefined && key.length >= SHORTEST_KEY ? key : undefined
}

/** Over https, or on this machine; without a login in the address. */
export function isWebhookUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))
}

function decoded(base64: string): Uint8Array | undefined {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : undefined
}
