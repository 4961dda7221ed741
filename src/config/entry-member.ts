/** What the members of one entry of `mcp.json` have in common, however its server is reached. */
import type { DocMap, DocNode, Problems } from '../model/document.ts'
import { holdsSecret } from '../model/secret-shape.ts'
import { durationMs } from '../model/time.ts'
import type { Env } from './settings.ts'
import { expand } from './variable.ts'

/** An entry being read. */
export interface Reading {
  readonly server: string
  readonly env: Env
  /** The folder of the file: relative paths are taken from it. */
  readonly folder: string
  readonly problems: Problems
}

export function find(node: DocMap, key: string): DocNode | undefined {
  return node.entries.find((entry) => entry.key === key)?.value
}

/** A text with its variables expanded; undefined when an error was reported. */
export function readText(node: DocNode, what: string, reading: Reading): string | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    wrongType(node, what, 'a text', reading)
    return undefined
  }
  const text = expand(node.value, node, reading.env, reading.problems)
  if (text?.includes('\0') !== true) return text
  const message = `\`${what}\` of \`${reading.server}\` holds a NUL character`
  reading.problems.error(node, 'hidden_character', message, 'remove it')
  return undefined
}

/** A switch that is off where it does not stand; undefined when an error was reported. */
export function readSwitch(node: DocMap, key: string, reading: Reading): boolean | undefined {
  const value = find(node, key)
  if (!value) return false
  if (value.kind === 'scalar' && typeof value.value === 'boolean') return value.value
  wrongType(value, key, 'true or false', reading)
  return undefined
}

export function wrongType(node: DocNode, what: string, expected: string, reading: Reading): void {
  const scalar = node.kind === 'scalar' && node.value !== null
  reading.problems.error(
    node,
    'wrong_type',
    `\`${what}\` of \`${reading.server}\` must be ${expected}`,
    scalar && expected === 'a text' ? 'put it in quotes' : 'correct it here',
  )
}

const LONGEST_SECONDS = 3600

/** A number is seconds, as in Cline; a text says its unit. Null when an error was reported. */
export function readTimeout(node: DocMap, reading: Reading): number | undefined | null {
  const value = find(node, 'timeout')
  if (!value) return undefined
  const said = value.kind === 'scalar' ? value.value : undefined
  const ms =
    typeof said === 'number' ? said * 1000 : typeof said === 'string' ? durationMs(said) : undefined
  if (ms !== undefined && Number.isSafeInteger(ms) && ms > 0 && ms <= LONGEST_SECONDS * 1000) {
    return ms
  }
  const remedy = `write a number of seconds up to ${LONGEST_SECONDS}, or a text such as "90s"`
  const message = `the \`timeout\` of \`${reading.server}\` is no time that a call may take`
  reading.problems.error(value, 'timeout', message, remedy)
  return null
}

/** Warns of a value that is a credential by its shape: it should be a reference. */
export function warnSecret(node: DocNode, what: string, reading: Reading, name = 'NAME'): void {
  if (node.kind === 'scalar' && typeof node.value === 'string' && isCredential(node.value))
    secretInClear(node, what, reading, name)
}

export function secretInClear(node: DocNode, what: string, reading: Reading, name: string): void {
  reading.problems.warning(
    node,
    'secret_in_clear',
    `\`${what}\` of \`${reading.server}\` looks like a secret written in clear`,
    `keep it in the environment of the guard and write \`\${${name}}\` here`,
  )
}

const PASSWORD_IN_URL = /:\/\/[^\s:/@]{1,256}:[^\s@$]{3,256}@/

function isCredential(text: string): boolean {
  const start = text.slice(0, 8192)
  return holdsSecret(start) || PASSWORD_IN_URL.test(start)
}
