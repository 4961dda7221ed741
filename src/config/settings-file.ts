/** Reads `chaperone.yaml`, the guard's own settings. */
import { dirname, resolve } from 'node:path'
import { readDocument } from '../document/read.ts'
import { ENVIRONMENTS, RISK_POSTURES } from '../model/call.ts'
import { type DocMap, type DocNode, nearest, type Problem, Problems } from '../model/document.ts'
import { auditMap, readAuditSettings } from './audit-settings.ts'
import { readMetrics, readTelemetry } from './export-settings.ts'
import { type Listening, NO_LISTENING, readListening } from './listening.ts'
import { CAPTURES, type FileSettings } from './settings.ts'
import { find, mapOf, type Reading, textOf } from './settings-member.ts'
import { readWebhooks } from './webhooks.ts'

export interface SettingsFile extends FileSettings {
  /** Its path. */
  readonly file: string
  readonly listening: Listening
  readonly problems: readonly Problem[]
}

/**
 * What the settings are read for. Whatever is not needed is not looked at, as its secrets may not be set: a guard on
 * stdio (`run`) does not listen, and one that is only asked about (`ask`) notifies nobody.
 */
export type SettingsUse = 'serve' | 'run' | 'ask'

const MEMBERS = [
  'listen',
  'keys',
  'policies',
  'risk',
  'environment',
  'audit',
  'webhooks',
  'metrics',
  'telemetry',
] as const

/** Paths are taken from the folder of the file. */
export function loadSettingsFile(
  path: string,
  env: Reading['env'],
  use: SettingsUse = 'serve',
): SettingsFile {
  const none = { file: path, listening: NO_LISTENING, webhooks: new Map() }
  const read = readDocument(path)
  if (!read.node) return { ...none, problems: read.problems }
  const problems = new Problems()
  for (const found of read.problems) problems.add(found)
  const root = mapOf(read.node, 'the settings', MEMBERS, problems)
  if (!root) return { ...none, problems: problems.list }
  const reading: Reading = { env, folder: dirname(resolve(path)), problems }
  const policies = find(root, 'policies')
  const folder = policies && pathOf(policies, 'policies', reading)
  const audit = find(root, 'audit')
  return {
    file: path,
    listening: use === 'serve' ? readListening(root, reading) : NO_LISTENING,
    ...(folder !== undefined && { policies: folder }),
    ...word(root, 'risk', RISK_POSTURES, problems),
    ...word(root, 'environment', ENVIRONMENTS, problems),
    ...(audit && readAudit(audit, reading)),
    webhooks: use === 'ask' ? new Map() : readWebhooks(find(root, 'webhooks'), reading),
    ...(use !== 'ask' && readExports(root, reading)),
    problems: problems.list,
  }
}

function readExports(root: DocMap, reading: Reading): Pick<FileSettings, 'metrics' | 'telemetry'> {
  const [served, sent] = [find(root, 'metrics'), find(root, 'telemetry')]
  const metrics = served && readMetrics(served, reading)
  const telemetry = sent && readTelemetry(sent, reading)
  return { ...(metrics && { metrics }), ...(telemetry && { telemetry }) }
}

function readAudit(node: DocNode, reading: Reading): Pick<FileSettings, 'capture' | 'audit'> {
  const map = auditMap(node, reading.problems)
  if (!map) return {}
  const audit = readAuditSettings(map, reading)
  return { ...word(map, 'capture', CAPTURES, reading.problems), audit }
}

function pathOf(node: DocNode, what: string, { folder, problems }: Reading): string | undefined {
  const text = textOf(node, what, problems)
  if (!text) return undefined
  if (text.value.trim() !== '') return resolve(folder, text.value)
  problems.error(node, 'empty_text', `\`${what}\` is empty`, 'name a folder, or leave it out')
  return undefined
}

/** The member, where it is there and one of the known words. */
function word<Key extends string, T extends string>(
  map: DocMap,
  key: Key,
  known: readonly T[],
  problems: Problems,
): { readonly [K in Key]?: T } {
  const node = find(map, key)
  const text = node && textOf(node, key, problems)
  if (!text) return {}
  const found = known.find((one) => one === text.value)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a computed key is a string to the compiler
  if (found !== undefined) return { [key]: found } as { readonly [K in Key]?: T }
  const near = nearest(text.value, known)
  const remedy =
    near === undefined ? `it is one of ${known.join(', ')}` : `did you mean \`${near}\`?`
  problems.error(text, 'unknown_word', `\`${key}\` is unknown: \`${text.value}\``, remedy)
  return {}
}
