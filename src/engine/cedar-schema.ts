/**
 * The Cedar schema of a call: an action for each tool, typed by its arguments, and an action for each other method.
 *
 * `Agent` acts on a `Tool`, `Resource` or `Prompt` in its `Server`. Tools' actions are in `Action::"call_tool"`.
 */
import type { Action } from '../model/call.ts'
import type { JsonObject } from '../model/json.ts'
import { type CedarType, typeJson } from './cedar-type.ts'

/** No name of a tool's action is among them, as that has a slash. */
export const GROUP = 'call_tool'
export const METHODS: Readonly<Record<Exclude<Action, 'tools/call'>, string>> = {
  'resources/read': 'read_resource',
  'resources/subscribe': 'subscribe_resource',
  'prompts/get': 'get_prompt',
  'completion/complete': 'complete',
}

export interface TypedTool {
  /** `server/name`. */
  readonly id: string
  readonly type: CedarType
}

const TEXT = { type: 'String' }
const TEXTS = { type: 'Set', element: TEXT }
const WHOLE = { type: 'Long' }

export interface Typed {
  readonly tools: readonly TypedTool[]
  /** The other methods that act on something here. */
  readonly methods: readonly string[]
  /** Actions that policies name without being about these: naming one is no mistake. */
  readonly mentioned: readonly string[]
  readonly send: readonly string[]
}

export function schemaJson({ tools, methods, mentioned, send }: Typed): JsonObject {
  const actions = new Map<string, JsonObject>(mentioned.map((id) => [id, {}]))
  for (const id of Object.values(METHODS)) {
    const acts = methods.includes(id)
    actions.set(id, acts ? actionOf(contextType(send), typesActedOn(id)) : {})
  }
  for (const { id, type } of tools) {
    const action = actionOf(contextType(send, type), ['Tool'])
    actions.set(id, { memberOf: [{ id: GROUP }], ...action })
  }
  actions.set(GROUP, {})
  return { '': { entityTypes: ENTITY_TYPES, actions: Object.fromEntries(actions) } }
}

function typesActedOn(method: string): readonly string[] {
  if (method === METHODS['completion/complete']) return ['Resource', 'Prompt']
  return method === METHODS['prompts/get'] ? ['Prompt'] : ['Resource']
}

const ABOUT = { server: TEXT, effects: TEXTS, data: TEXTS }

const ENTITY_TYPES: JsonObject = {
  Server: {},
  Agent: { shape: record({ assurance: TEXT, on_behalf_of: optional(TEXT) }) },
  Tool: { memberOfTypes: ['Server'], shape: record({ ...ABOUT, name: TEXT, definition: TEXT }) },
  Resource: { memberOfTypes: ['Server'], shape: record({ ...ABOUT, uri: TEXT }) },
  Prompt: { memberOfTypes: ['Server'], shape: record({ ...ABOUT, name: TEXT }) },
}

function actionOf(context: JsonObject, resourceTypes: readonly string[]): JsonObject {
  return { appliesTo: { principalTypes: ['Agent'], resourceTypes, context } }
}

function contextType(send: readonly string[], args?: CedarType): JsonObject {
  return record({
    agent: TEXT,
    time: { type: 'Extension', name: 'datetime' },
    local: record({ zone: TEXT, weekday: TEXT, date: TEXT, hour: WHOLE, minute: WHOLE }),
    environment: TEXT,
    risk: TEXT,
    mandate: optional(TEXT),
    ...(send.includes('labels') && { labels: TEXTS }),
    ...(send.includes('purpose') && {
      purpose: optional(record({ text: TEXT, ref: optional(TEXT) })),
    }),
    ...(args && send.includes('arguments') && { arguments: typeJson(args) }),
  })
}

function record(attributes: JsonObject): JsonObject {
  return { type: 'Record', attributes }
}

function optional(type: JsonObject): JsonObject {
  return { ...type, required: false }
}
