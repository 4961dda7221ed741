/** Of `chaperone.yaml`: whom to notify, by name, each with an address and the secret that signs what is sent there. */
import type { DocEntry, DocMap, DocNode, Place } from '../model/document.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import {
  find,
  mapOf,
  type Reading,
  referenceIn,
  type Text,
  textOf,
  valueOf,
} from './settings-member.ts'

export interface Webhook {
  readonly name: string
  /** `https`, or plain `http` to this machine. */
  readonly url: string
  /** Never shown, never on record. */
  readonly secret: string
  readonly place: Place
}

export type Webhooks = ReadonlyMap<string, Webhook>

const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/

export function readWebhooks(node: DocNode | undefined, reading: Reading): Webhooks {
  const { problems } = reading
  if (!node) return new Map()
  if (node.kind !== 'map') {
    const remedy = 'write `name: { url: …, secret: "${NAME}" }` for each'
    problems.error(node, 'not_a_map', '`webhooks` must be a map', remedy)
    return new Map()
  }
  return new Map(
    node.entries.flatMap((entry): [string, Webhook][] => {
      const webhook = readWebhook(entry, reading)
      return webhook ? [[webhook.name, webhook]] : []
    }),
  )
}

function readWebhook({ key, keyPlace, value }: DocEntry, reading: Reading): Webhook | undefined {
  const { problems } = reading
  if (!NAME.test(key)) {
    const remedy = 'use letters, digits, `_`, `.` and `-`, 64 at most'
    problems.error(
      { place: keyPlace },
      'invalid_name',
      `\`${key}\` is no name of a webhook`,
      remedy,
    )
    return undefined
  }
  const map = mapOf(value, 'a webhook', ['url', 'secret'], problems)
  if (!map) return undefined
  const url = urlOf(map, reading)
  const secret = secretOf(map, reading)
  return url === undefined || secret === undefined
    ? undefined
    : { name: key, url, secret, place: keyPlace }
}

function member(map: DocMap, key: 'url' | 'secret', { problems }: Reading): Text | undefined {
  const node = find(map, key)
  if (node) return textOf(node, key, problems)
  const remedy = key === 'url' ? 'add `url: https://…`' : 'add `secret: "${NAME}"`'
  problems.error(map, 'missing_member', `a webhook without a \`${key}\``, remedy)
  return undefined
}

/** An address may hold a secret: it is never shown. */
function urlOf(map: DocMap, reading: Reading): string | undefined {
  const text = member(map, 'url', reading)
  if (!text) return undefined
  const name = referenceIn(text.value)
  const url = name === undefined ? text.value : valueOf(name, text, reading)
  if (url === undefined || isWebhookUrl(url)) return url
  const message = name === undefined ? '`url`' : `what \`${text.value}\` stands for`
  const remedy = 'write https://…, without a user and a fragment; http:// only to this machine'
  reading.problems.error(text, 'webhook_url', `${message} is no address of a webhook`, remedy)
  return undefined
}

function isWebhookUrl(text: string): boolean {
  if (text.length > 2048 || /[\s\p{C}\\{}]/u.test(text) || !URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '' || text.includes('#')) return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))
}

const SECRET = /^[\x21-\x7E]{32,512}$/

function secretOf(map: DocMap, reading: Reading): string | undefined {
  const text = member(map, 'secret', reading)
  if (!text) return undefined
  const name = referenceIn(text.value)
  if (name === undefined) {
    const remedy = 'keep it in the environment and write `secret: "${NAME}"`'
    reading.problems.error(text, 'secret_in_clear', 'a secret is written in clear', remedy)
    return undefined
  }
  const secret = valueOf(name, text, reading)
  if (secret === undefined || SECRET.test(secret)) return secret
  const form = 'has to be 32 to 512 characters without blanks'
  const message = `what \`${text.value}\` stands for is no secret: it ${form}`
  reading.problems.error(text, 'weak_key', message, 'make one with `openssl rand -hex 32`')
  return undefined
}
