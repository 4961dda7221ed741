/** Parses `engines.yaml`: the external engines that restrict further, each about all calls or those it selects. */
import {
  durationOf,
  mapOf,
  membersOf,
  type Members,
  nameOf,
  namesOf,
  required,
  textOf,
  wordOf,
  wordsOf,
  wrongType,
} from '../document/form.ts'
import { readText } from '../document/read.ts'
import { zoneOf } from '../expression/zone.ts'
import { EFFECT_CLASSES } from '../model/call.ts'
import { type DocNode, Problems } from '../model/document.ts'
import { type EngineConfig, engineUrlFault, TOLD } from '../model/engine.ts'
import { POLICY_MODES } from '../model/policy.ts'
import { isSecretName } from '../model/secret-name.ts'
import { idOf, itemsOf } from './form.ts'
import { targetsOf } from './target.ts'

const COMMON = [
  'id',
  'type',
  'description',
  'mode',
  'deadline',
  'timezone',
  'send',
  'tools',
  'resources',
  'prompts',
  'effects',
] as const
const OVER_HTTP = ['url', 'headers', 'insecure'] as const
const OWN = {
  authzen: [...OVER_HTTP, 'discover'],
  opa: [...OVER_HTTP, 'path'],
  opa_wasm: ['bundle', 'entrypoint'],
  cedar: ['policies'],
} as const
const TYPES = ['authzen', 'opa', 'opa_wasm', 'cedar'] as const
const MOST_ENGINES = 16
/** A thread of the guard's own may have to parse first what it is asked about. */
const DEADLINES_MS = { authzen: 100, opa: 100, opa_wasm: 250, cedar: 250 } as const
const LONGEST_MS = 30_000

/** The engines whose configuration is right; what is wrong is a problem. Never throws for what a person wrote. */
export function parseEngines(
  { text, file }: { readonly text: string; readonly file: string },
  problems: Problems,
): readonly EngineConfig[] {
  const read = readText(text, file)
  for (const problem of read.problems) problems.add(problem)
  const members = read.node && membersOf(read.node, ['engines'], problems)
  if (!read.node || !members) return []
  const remedy = 'list them: `engines: [{ id: opa, type: opa, url: …, path: … }]`'
  const list = required(read.node, members, 'engines', { problems, remedy })
  const engines = itemsOf(list, problems).flatMap((node) => parseEngine(node, problems) ?? [])
  refuseTwins(engines, problems)
  if (list && engines.length > MOST_ENGINES)
    problems.error(
      list,
      'too_many',
      `more than ${MOST_ENGINES} engines`,
      'every call would wait for all of them: ask fewer',
    )
  return engines
}

function refuseTwins(engines: readonly EngineConfig[], problems: Problems): void {
  const seen = new Map<string, EngineConfig>()
  for (const engine of engines) {
    const before = seen.get(engine.id)
    if (before) {
      const message = `the engine \`${engine.id}\` stands in line ${before.place.line} already`
      problems.error(engine, 'duplicate_engine', message, 'rename one of the two')
    }
    seen.set(engine.id, engine)
  }
}

interface Reading {
  readonly node: DocNode
  readonly members: Members
  /** Of this engine alone: one that is wrong is left out. */
  readonly problems: Problems
}

function parseEngine(node: DocNode, problems: Problems): EngineConfig | undefined {
  const found = new Problems()
  const type = typeOf(node, found)
  const members = type && membersOf(node, [...COMMON, ...OWN[type]], found)
  const engine = members && engineOf(type, { node, members, problems: found })
  for (const problem of found.list) problems.add(problem)
  return found.bad ? undefined : engine
}

function typeOf(node: DocNode, problems: Problems): (typeof TYPES)[number] | undefined {
  const map = mapOf(node, problems)
  if (!map) return undefined
  const members = new Map(map.entries.map(({ key, value }) => [key, value]))
  const remedy = `say what it is: ${TYPES.join(', ')}`
  return wordOf(required(node, members, 'type', { problems, remedy }), TYPES, problems)
}

function engineOf(type: (typeof TYPES)[number], reading: Reading): EngineConfig {
  const base = commonOf(type, reading)
  switch (type) {
    case 'authzen':
      return { ...base, type, ...overHttp(reading), discover: flagOf('discover', reading) }
    case 'opa':
      return { ...base, type, ...overHttp(reading), path: ruleOf('path', reading) }
    case 'opa_wasm': {
      const bundle = need('bundle', 'name the file: `bundle: rego/policy.wasm`', reading)
      const file = nameOf(bundle, reading.problems) ?? ''
      if (bundle) checkPath(file, bundle, reading)
      return { ...base, type, bundle: file, entrypoint: ruleOf('entrypoint', reading) }
    }
    case 'cedar': {
      const list = need('policies', 'name the files: `policies: [guard.cedar]`', reading)
      const policies = namesOf(list, reading.problems) ?? []
      if (list) for (const file of policies) checkPath(file, list, reading)
      return { ...base, type, policies }
    }
  }
}

type Common = Pick<
  EngineConfig,
  'id' | 'place' | 'mode' | 'targets' | 'effects' | 'send' | 'deadlineMs' | 'timezone'
>

function commonOf(type: (typeof TYPES)[number], { node, members, problems }: Reading): Common {
  const remedy = 'name it: `id: opa`'
  textOf(members.get('description'), problems)
  const targets = targetsOf(members, problems)
  const send = members.get('send')
  return {
    id: idOf(required(node, members, 'id', { problems, remedy }), problems) ?? '',
    place: node.place,
    mode: wordOf(members.get('mode'), POLICY_MODES, problems) ?? 'enforce',
    ...(targets && { targets }),
    effects: wordsOf(members.get('effects'), EFFECT_CLASSES, problems) ?? [],
    send: sentOf(send, problems),
    deadlineMs: deadlineOf(members.get('deadline'), problems) ?? DEADLINES_MS[type],
    timezone: zoneIn(members.get('timezone'), problems),
  }
}

/** An empty list says that nothing is told beside the names. */
function sentOf(node: DocNode | undefined, problems: Problems): EngineConfig['send'] {
  if (!node) return TOLD
  if (node.kind === 'list' && node.items.length === 0) return []
  return wordsOf(node, TOLD, problems) ?? []
}

function deadlineOf(node: DocNode | undefined, problems: Problems): number | undefined {
  const ms = durationOf(node, problems)
  if (!node || ms === undefined || ms <= LONGEST_MS) return ms
  const message = '`deadline` is longer than 30 s, and every call waits for the answer'
  problems.error(node, 'invalid_duration', message, 'write some milliseconds, such as 200ms')
  return undefined
}

function zoneIn(node: DocNode | undefined, problems: Problems): string {
  const zone = textOf(node, problems) ?? 'UTC'
  if (node && !zoneOf(zone))
    problems.error(
      node,
      'invalid_zone',
      `unknown time zone \`${zone}\``,
      'name one like `Europe/Berlin`',
    )
  return zone
}

type OverHttp = Pick<Extract<EngineConfig, { type: 'authzen' }>, 'url' | 'headers' | 'insecure'>

function overHttp(reading: Reading): OverHttp {
  const { members, problems } = reading
  const node = need('url', 'say where it is: `url: "https://pdp.example"`', reading)
  const url = nameOf(node, problems) ?? ''
  const insecure = flagOf('insecure', reading)
  // What a variable holds is known where the engine is opened.
  const fault = url.includes('${') ? undefined : engineUrlFault(url, insecure)
  if (node && url !== '' && fault !== undefined) problems.error(node, 'engine_url', fault)
  return { url, insecure, headers: headersOf(members.get('headers'), problems) }
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/
/** What the guard, or HTTP itself, says with every question. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'x-request-id',
])

function headersOf(node: DocNode | undefined, problems: Problems): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  const map = node && mapOf(node, problems)
  for (const { key, keyPlace, value } of map?.entries ?? []) {
    const name = key.toLowerCase()
    const at = { place: keyPlace }
    const text = textOf(value, problems)
    if (!TOKEN.test(key) || RESERVED.has(name))
      problems.error(at, 'header_name', `\`${key}\` is no header to say here`, 'remove it')
    if (headers.has(name))
      problems.error(at, 'duplicate_key', `the header \`${key}\` stands twice`, 'keep one')
    if (text !== undefined && isSecretName(key) && !text.includes('${')) {
      const message = `the header \`${key}\` holds its secret in clear`
      problems.error(value, 'secret_in_clear', message, 'put it in a variable: "${PDP_TOKEN}"')
    }
    headers.set(name, text ?? '')
  }
  return headers
}

function flagOf(member: string, { members, problems }: Reading): boolean {
  const node = members.get(member)
  if (!node) return false
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value
  wrongType(node, '`true` or `false`', problems, 'write one of the two')
  return false
}

const RULE = /^[^\s/?#]{1,128}(?:\/[^\s/?#]{1,128}){0,31}$/

/** The path of a Rego rule, with slashes. */
function ruleOf(member: 'path' | 'entrypoint', reading: Reading): string {
  const node = need(member, `name the rule: \`${member}: chaperone/permit\``, reading)
  const text = nameOf(node, reading.problems)
  if (!node || text === undefined) return ''
  if (!RULE.test(text) || text.split('/').some((step) => step === '.' || step === '..'))
    reading.problems.error(
      node,
      'invalid_rule',
      `\`${text}\` is no path of a rule`,
      'write package and rule with slashes, such as chaperone/permit',
    )
  return text
}

/** Whoever reads the folder sees to links that lead out of it. */
function checkPath(path: string, at: DocNode, { problems }: Reading): void {
  const steps = path.split('/')
  if (!path.includes('\\') && !path.startsWith('/') && !steps.includes('..')) return
  const message = `\`${path}\` leads out of the folder of the policies`
  problems.error(at, 'outside_folder', message, 'name a file beside engines.yaml')
}

function need(
  member: string,
  remedy: string,
  { node, members, problems }: Reading,
): DocNode | undefined {
  return required(node, members, member, { problems, remedy })
}
