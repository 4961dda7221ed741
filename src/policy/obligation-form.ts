/** Parses the duty of an `oblige` rule. */
import {
  membersOf,
  type Members,
  nameOf,
  namesOf,
  required,
  textOf,
  wordOf,
  wordsOf,
} from '../document/form.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { DETECTORS } from '../model/policy.ts'
import type { ObligationSource } from './language.ts'
import { labelsOf, missing } from './form.ts'

const TYPES = ['redact', 'limit_output', 'notify', 'label'] as const

const MEMBERS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  redact: ['type', 'detectors', 'paths'],
  limit_output: ['type', 'bytes', 'over'],
  notify: ['type', 'to'],
  label: ['type', 'add'],
}

/** A duty that is not of this vocabulary does not load: nobody could meet it. */
export function parseObligation(node: DocNode, problems: Problems): ObligationSource | undefined {
  const every = [...new Set(Object.values(MEMBERS).flat())]
  const all = membersOf(node, every, problems)
  if (!all) return undefined
  const remedy = `say which: ${TYPES.join(', ')}`
  const type = wordOf(required(node, all, 'type', { problems, remedy }), TYPES, problems)
  const members = type && membersOf(node, MEMBERS[type], problems)
  if (!members) return undefined
  switch (type) {
    case 'redact':
      return parseRedact(node, members, problems)
    case 'limit_output':
      return parseLimit(node, members, problems)
    case 'notify': {
      const need = 'name a webhook of the settings: `to: security`'
      const to = nameOf(required(node, members, 'to', { problems, remedy: need }), problems)
      return to === undefined ? undefined : { type, to }
    }
    case 'label': {
      const need = 'name the labels: `add: [confidential]`'
      const add = labelsOf(required(node, members, 'add', { problems, remedy: need }), problems)
      return { type, add }
    }
  }
}

const PATH = /^(?:[A-Za-z_$][\w$-]*|\*)(?:\.(?:[A-Za-z_$][\w$-]*|\*|\d{1,6}))*$/

function parseRedact(
  node: DocNode,
  members: Members,
  problems: Problems,
): ObligationSource | undefined {
  const detectors = wordsOf(members.get('detectors'), DETECTORS, problems) ?? []
  const at = members.get('paths')
  const paths = namesOf(at, problems) ?? []
  for (const path of paths) {
    if (!at || PATH.test(path)) continue
    const remedy = 'write it like `structuredContent.user.token`, `*` for every element'
    problems.error(at, 'invalid_path', `\`${path}\` is no path into a result`, remedy)
  }
  if (detectors.length === 0 && paths.length === 0)
    missing(node, 'detectors', 'say what: `detectors: [secrets]`, or `paths: [content]`', problems)
  return { type: 'redact', detectors, paths }
}

const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2 }
const LEAST_BYTES = 256

function parseLimit(
  node: DocNode,
  members: Members,
  problems: Problems,
): ObligationSource | undefined {
  const remedy = 'say how many: `bytes: 64KiB`'
  const at = required(node, members, 'bytes', { problems, remedy })
  const over = wordOf(members.get('over'), ['refuse', 'cut'] as const, problems) ?? 'refuse'
  if (!at) return undefined
  const written =
    at.kind === 'scalar' && typeof at.value === 'number' ? `${at.value}` : textOf(at, problems)
  if (written === undefined) return undefined
  const match = /^(\d{1,9})(B|KiB|MiB)?$/.exec(written)
  const bytes = Number(match?.[1] ?? 0) * (UNITS[match?.[2] ?? 'B'] ?? 0)
  if (bytes >= LEAST_BYTES) return { type: 'limit_output', bytes, over }
  const want = `write a size from ${LEAST_BYTES}B, such as 64KiB`
  problems.error(at, 'invalid_size', `\`${written}\` is no size`, want)
  return undefined
}
