/** Of `chaperone.yaml`: what of calls is on record in which form, how long a file of the record is, and who signs it. */
import { resolve } from 'node:path'
import { type DocEntry, type DocNode, nearest, type Problems } from '../model/document.ts'
import { bytesOf } from './bytes.ts'
import { find, mapOf, type Reading, textOf } from './settings-member.ts'

/** What is done with the value of a field, from the strictest on. */
const CLASSES = ['drop', 'hash', 'seal', 'clear'] as const
export type FieldClass = (typeof CLASSES)[number]

export interface AuditSettings {
  /** By `server/name`, in which `*` stands for any text; then by the path of the field. */
  readonly fields?: ReadonlyMap<string, ReadonlyMap<string, FieldClass>>
  /** A file is followed by the next one when it would grow beyond so many bytes. */
  readonly rotateBytes?: number
  /** Absolute; absent: the key that the guard makes itself. */
  readonly key?: string
}

const SMALLEST_FILE = 1024 * 1024
const LARGEST_FILE = 1024 ** 3
const MOST_STARS = 8
const LONGEST_PATTERN = 512
const LONGEST_PATH = 256

/** The members of `audit` but for `capture`. */
const AUDIT_MEMBERS = ['fields', 'rotate', 'key'] as const

/** Reads them out of the map `audit`. */
export function readAuditSettings(node: DocNode, reading: Reading): AuditSettings {
  if (node.kind !== 'map') return {}
  const fields = find(node, 'fields')
  const rotate = find(node, 'rotate')
  const key = find(node, 'key')
  const rotateBytes = rotate && sizeOf(rotate, reading.problems)
  const path = key && keyOf(key, reading)
  return {
    ...(fields && { fields: fieldsOf(fields, reading.problems) }),
    ...(rotateBytes !== undefined && { rotateBytes }),
    ...(path !== undefined && { key: path }),
  }
}

function sizeOf(node: DocNode, problems: Problems): number | undefined {
  const plain =
    node.kind === 'scalar' && typeof node.value === 'number' ? String(node.value) : undefined
  const text = plain ?? textOf(node, 'rotate', problems)?.value
  if (text === undefined) return undefined
  const bytes = bytesOf(text) ?? 0
  if (bytes >= SMALLEST_FILE && bytes <= LARGEST_FILE) return bytes
  problems.error(node, 'wrong_size', '`rotate` is no size of a file', 'write 64MiB; 1MiB to 1GiB')
  return undefined
}

function keyOf(node: DocNode, { folder, problems }: Reading): string | undefined {
  const text = textOf(node, 'key', problems)
  if (!text) return undefined
  if (text.value.trim() !== '') return resolve(folder, text.value)
  problems.error(node, 'empty_text', '`key` is empty', 'name a file, or leave it out')
  return undefined
}

function fieldsOf(node: DocNode, problems: Problems): NonNullable<AuditSettings['fields']> {
  if (node.kind !== 'map') {
    const remedy = 'write `"server/tool": { field: clear }` for each tool'
    problems.error(node, 'not_a_map', '`fields` must be a map', remedy)
    return new Map()
  }
  return new Map(
    node.entries.flatMap((entry): [string, ReadonlyMap<string, FieldClass>][] => {
      if (!isPattern(entry.key)) {
        const message = `\`${entry.key}\` names no tool`
        const remedy = 'write `server/tool`, with `*` for any text'
        problems.error({ place: entry.keyPlace }, 'invalid_name', message, remedy)
        return []
      }
      return [[entry.key, classesOf(entry, problems)]]
    }),
  )
}

function isPattern(text: string): boolean {
  if (text.length > LONGEST_PATTERN || /[\s\p{C}?[\]{}!\\]/u.test(text)) return false
  return (text === '*' || /.\/./.test(text)) && text.split('*').length - 1 <= MOST_STARS
}

function classesOf({ key, value }: DocEntry, problems: Problems): ReadonlyMap<string, FieldClass> {
  if (value.kind !== 'map') {
    const remedy = `write \`{ field: ${CLASSES.join(' | ')} }\``
    problems.error(value, 'not_a_map', `the fields of \`${key}\` must be a map`, remedy)
    return new Map()
  }
  return new Map(
    value.entries.flatMap((entry): [string, FieldClass][] => {
      const { key: path, keyPlace: place } = entry
      if (path === '' || path.length > LONGEST_PATH || /^args\.|\p{C}/u.test(path)) {
        const remedy = 'write its path within the arguments, such as `vendor.iban`'
        problems.error({ place }, 'invalid_name', `\`${path}\` names no field`, remedy)
        return []
      }
      const found = classOf(entry.value, path, problems)
      return found === undefined ? [] : [[path, found]]
    }),
  )
}

function classOf(node: DocNode, path: string, problems: Problems): FieldClass | undefined {
  const text = textOf(node, path, problems)
  if (!text) return undefined
  const found = CLASSES.find((one) => one === text.value)
  if (found !== undefined) return found
  const near = nearest(text.value, CLASSES)
  const remedy =
    near === undefined ? `it is one of ${CLASSES.join(', ')}` : `did you mean \`${near}\`?`
  problems.error(text, 'unknown_word', `\`${text.value}\` is no class of a field`, remedy)
  return undefined
}

/** For `mapOf`, which names what a map may have. */
export function auditMap(node: DocNode, problems: Problems): ReturnType<typeof mapOf> {
  return mapOf(node, '`audit`', ['capture', ...AUDIT_MEMBERS], problems)
}
