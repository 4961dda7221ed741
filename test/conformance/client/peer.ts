/** Whom a client of the comparison speaks to: the suite's server itself, or the guard in front of it. */
import {
  Client,
  type CallToolResult,
  type ClientCapabilities,
  type ClientOptions,
  type ElicitResult,
} from '@modelcontextprotocol/client'
import { isObject, type JsonObject } from '../../../src/model/json.ts'

export interface Wish {
  readonly capabilities?: ClientCapabilities
  /** What the user says when asked; nobody is asked where it is left out. */
  readonly elicited?: ElicitResult
}

export interface Peer {
  open(wish?: Wish): Promise<Client>
  /** Lists the tools and gives their names. */
  list(client: Client): Promise<readonly string[]>
  call(
    client: Client,
    name: string,
    args?: Readonly<Record<string, unknown>>,
  ): Promise<CallToolResult>
  close(): Promise<void>
}

/** The scenario that is run, as the suite describes it to the client's process. */
export interface Scenario {
  readonly name: string
  readonly url: string
  readonly revision: string
  /** What the scenario tells its client beside: calls to make, a client that is registered. */
  readonly context: JsonObject
}

/** What a messenger brings. @throws Error when it is no scenario. */
export function scenarioOf(written: unknown): Scenario {
  const { name, url, revision, context } = isObject(written) ? written : {}
  if (typeof name !== 'string' || typeof url !== 'string' || typeof revision !== 'string')
    throw new Error('a scenario without a name, a URL or a revision')
  return { name, url, revision, context: isObject(context) ? context : {} }
}

/** True where the revision is spoken without a handshake, with metadata in each request. */
export function isModern({ revision }: Scenario): boolean {
  return revision >= '2026-07-28'
}

/** A client of the era of the run; `mode` says how it gets to a modern one. */
export function clientFor(
  scenario: Scenario,
  { capabilities = {}, elicited }: Wish,
  mode: 'auto' | { pin: string },
): Client {
  const options: ClientOptions = {
    capabilities,
    ...(isModern(scenario) ? { versionNegotiation: { mode } } : {}),
  }
  const client = new Client({ name: 'conformance-client', version: '1.0.0' }, options)
  if (elicited) client.setRequestHandler('elicitation/create', () => elicited)
  return client
}
