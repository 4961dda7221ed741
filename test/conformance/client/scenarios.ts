/** What a client has to do in each scenario of the suite that tests clients. */
import { isList, isObject } from '../../../src/model/json.ts'
import type { Peer, Scenario, Wish } from './peer.ts'

type Play = (peer: Peer, scenario: Scenario) => Promise<void>

/**
 * Extensions that get a token in ways that need no user. The guard lends credentials that its operator gave it, or that
 * a user logged in for: it has no such way, and without one there is nothing to compare.
 */
const OTHER_GRANT = 'it gets its token by a grant that the guard does not have'
export const LEFT_OUT: ReadonlyMap<string, string> = new Map(
  ['client-credentials-jwt', 'client-credentials-basic', 'enterprise-managed-authorization']
    .concat(['dpop', 'dpop-nonce', 'wif-jwt-bearer'])
    .map((name) => [`auth/${name}`, OTHER_GRANT]),
)

const CONFIRMED: Wish = {
  capabilities: { elicitation: {} },
  elicited: { action: 'accept', content: { confirmed: true } },
}

/** The user leaves the form as it is: what stands in it is for the client to fill in. */
const UNTOUCHED: Wish = {
  capabilities: { elicitation: { form: { applyDefaults: true } } },
  elicited: { action: 'accept', content: {} },
}

const EVERYTHING: Wish = {
  capabilities: { roots: { listChanged: true }, sampling: {}, elicitation: {} },
}

/** Opens, lists the tools, and calls those that are named. */
function calling(
  calls: readonly (readonly [name: string, args?: Readonly<Record<string, unknown>>])[],
  wish?: Wish,
): Play {
  return async (peer) => {
    const client = await peer.open(wish)
    await peer.list(client)
    for (const [name, args] of calls) await peer.call(client, name, args)
  }
}

/** One of everything that is offered: each request shows its method and its name in a header. */
const oneOfEach: Play = async (peer) => {
  const client = await peer.open()
  const [tool] = await peer.list(client)
  if (tool !== undefined) await peer.call(client, tool)
  const { resources } = await client.listResources()
  if (resources[0]) await client.readResource({ uri: resources[0].uri })
  const { prompts } = await client.listPrompts()
  if (prompts[0]) await client.getPrompt({ name: prompts[0].name })
}

/** The calls that the suite wants, argument by argument. */
const asTold: Play = async (peer, { context: { toolCalls } }) => {
  if (!isList(toolCalls)) throw new Error('the suite named no calls')
  const client = await peer.open()
  await peer.list(client)
  for (const call of toolCalls) {
    const { name, arguments: args } = isObject(call) ? call : {}
    if (typeof name !== 'string' || !isObject(args)) throw new Error('a call without a name')
    await peer.call(client, name, args)
  }
}

/** Calls whatever it can see: what must not be called must not be seen. */
const allSeen: Play = async (peer) => {
  const client = await peer.open()
  for (const name of await peer.list(client)) await peer.call(client, name, { region: 'eu' })
}

/** Sends a tool's schema back as an argument: what was lost on its way here is missing there. */
const echoed: Play = async (peer) => {
  const client = await peer.open()
  await peer.list(client)
  const { tools } = await client.listTools()
  const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema
  await peer.call(client, 'json_schema_echo', { schema })
}

/** Two questions, a call that has nothing to do with them, and an answer that does not say what it is. */
const askedBack: Play = async (peer) => {
  const client = await peer.open(CONFIRMED)
  await peer.list(client)
  for (const name of ['echo_state', 'no_state', 'unrelated'])
    await peer.call(client, `test_mrtr_${name}`)
  // The SDK refuses it, which will do: it must only not be taken for a question.
  await peer.call(client, 'test_mrtr_no_result_type').catch(() => undefined)
}

const authorized: Play = calling([['test-tool']])

const PLAYS: ReadonlyMap<string, Play> = new Map([
  ['initialize', calling([])],
  ['tools_call', calling([['add_numbers', { a: 5, b: 3 }]])],
  [
    'elicitation-sep1034-client-defaults',
    calling([['test_client_elicitation_defaults']], UNTOUCHED),
  ],
  ['sse-retry', calling([['test_reconnection']])],
  ['request-metadata', calling([], EVERYTHING)],
  ['sep-2322-client-request-state', askedBack],
  ['http-standard-headers', oneOfEach],
  ['http-custom-headers', asTold],
  ['http-invalid-tool-headers', allSeen],
  ['json-schema-ref-no-deref', calling([])],
  ['json-schema-2020-12-preservation', echoed],
])

/** @throws Error for a scenario that this client does not know, or what went wrong in it. */
export async function play(scenario: Scenario, peer: Peer): Promise<void> {
  const left = LEFT_OUT.get(scenario.name)
  if (left !== undefined) throw new Error(`left out: ${left}`)
  const known = PLAYS.get(scenario.name)
  const run = known ?? (scenario.name.startsWith('auth/') ? authorized : undefined)
  if (run === undefined) throw new Error(`no client for \`${scenario.name}\``)
  await run(peer, scenario)
}
