/**
 * How an upstream is started, as its entry says it: what `chaperone.lock` approves. Variables are not expanded, so
 * that it is the same on every machine, and what is secret is left out, so that the lock can be committed.
 */
import { type DocEntry, type DocNode, plain } from '../model/document.ts'
import { digestOf } from '../model/digest.ts'
import { canonical, type Json, type JsonObject } from '../model/json.ts'
import type { WrittenLaunch } from '../model/lock.ts'
import { isPointingName, isSecretName } from '../model/secret-name.ts'
import { holdsSecret, withoutSecrets } from '../model/secret-shape.ts'

const MASK = '***'
const REFERENCE = /\$\{[^}]*\}/g

/** Any entry of `mcp.json`; members that start nothing (`timeout`, `disabled`, …) are not part of it. */
export function writtenLaunch({ value: node }: DocEntry): WrittenLaunch {
  const members: Record<string, Json> = {}
  for (const { key, value } of node.kind === 'map' ? node.entries : []) {
    const written = writtenMember(key, value)
    if (written !== undefined) members[key] = written
  }
  return approvedAs(members)
}

/** The launch that was written so, under its hash. */
export function approvedAs(written: JsonObject): WrittenLaunch {
  return { digest: digestOf(canonical(written)), written }
}

function writtenMember(key: string, value: DocNode): Json | undefined {
  switch (key) {
    case 'command':
    case 'cwd':
    case 'url':
    case 'serverUrl':
    case 'httpUrl':
      return text(value)
    case 'args':
      return words(value)
    case 'env':
      return variables(value)
    case 'type':
      // Without one a command is started all the same.
      return text(value) === 'stdio' ? undefined : text(value)
    case 'insecure':
      return plain(value)
    case 'headers':
      // What a header holds is a credential more often than not: its name says which.
      return value.kind === 'map' ? value.entries.map((entry) => entry.key).toSorted() : []
    default:
      return undefined
  }
}

function text(node: DocNode): Json {
  const value = plain(node)
  return typeof value === 'string' ? withoutSecrets(value) : value
}

/** Of `--api-key x` and `--api-key=x` the value is left out, unless it is a reference; of `--api-key-command x` it is not. */
function words(node: DocNode): Json {
  if (node.kind !== 'list') return text(node)
  let after = ''
  return node.items.map((item) => {
    const given = plain(item)
    const flag = after
    after = typeof given === 'string' && /^--?[^=]+$/.test(given) ? given : ''
    if (typeof given !== 'string') return given
    const [, pointing = '', place = ''] = /^([^=\s]{1,128})=(.*)$/s.exec(given) ?? []
    if (isPointingName(pointing)) return `${withoutSecrets(pointing)}=${withoutSecrets(place)}`
    const word = withoutSecrets(given)
    if (!word.startsWith('-') && isLeftOut(flag)) return references(word)
    const [, name = '', value = ''] = /^(--?[^=]+)=(.*)$/s.exec(word) ?? []
    return isLeftOut(name) ? `${name}=${references(value)}` : word
  })
}

/** What is run, or read from, is what has to be approved, whatever secret it is about. */
function isLeftOut(name: string): boolean {
  return isSecretName(name) && !isPointingName(name)
}

/** A variable that is handed on is written as it is, a literal as its hash, and a secret one not at all. */
function variables(node: DocNode): Json {
  if (node.kind !== 'map') return text(node)
  // fromEntries defines members: a variable named __proto__ stays a plain member.
  return Object.fromEntries(
    node.entries
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, value }): [string, Json] => [key, variable(key, plain(value))]),
  )
}

function variable(name: string, value: Json): Json {
  if (typeof value !== 'string') return value
  if (isLeftOut(name) || holdsSecret(value)) return references(value)
  return value.includes('${') ? withoutSecrets(value) : `sha256:${digestOf(value)}`
}

/** The variables that a secret is made of, without their defaults and whatever stands beside them. */
function references(value: string): string {
  const named = (value.match(REFERENCE) ?? []).map((one) => one.replace(/:-.*\}$/s, '}'))
  return named.length === 0 ? MASK : named.join('')
}
