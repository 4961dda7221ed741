/** Behind the guard: the same client over stdio, and the guard is the one that speaks to the suite's server. */
import type { CallToolResult, Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { REASON_META } from '../../../src/pipeline/refusal.ts'
import { Desk } from '../desk.ts'
import { login, loginEntry } from './login.ts'
import { clientFor, type Peer, type Scenario, type Wish } from './peer.ts'

export class Guarded implements Peer {
  readonly #scenario: Scenario
  /** The file of the guard's command. */
  readonly #guard: string
  readonly #say: (text: string) => void
  readonly #desk: Desk
  #transport: StdioClientTransport | undefined

  constructor(scenario: Scenario, guard: string, say: (text: string) => void) {
    this.#scenario = scenario
    this.#guard = guard
    this.#say = say
    this.#desk = new Desk(scenario.url, loginEntry(scenario))
  }

  async open(wish: Wish = {}): Promise<Client> {
    if (this.#scenario.name.startsWith('auth/')) this.#say(await login(this.#guard, this.#desk))
    // Pinned: to find out which era a command speaks, the SDK would start it twice.
    const client = clientFor(this.#scenario, wish, { pin: this.#scenario.revision })
    this.#transport = new StdioClientTransport({
      command: process.execPath,
      args: [this.#guard, ...this.#desk.guarding('run')],
      stderr: 'pipe',
    })
    this.#transport.stderr?.on('data', (bytes: Buffer) => this.#say(bytes.toString()))
    await client.connect(this.#transport)
    return client
  }

  async list(client: Client): Promise<readonly string[]> {
    const { tools } = await client.listTools()
    return tools.map(({ name }) => name)
  }

  /** A call that is refused for want of a credential is made once more, after the user has logged in again. */
  async call(
    client: Client,
    name: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<CallToolResult> {
    const call = { name, arguments: { ...args } }
    const result = await client.callTool(call)
    if (!wantsCredential(result)) return result
    this.#say(await login(this.#guard, this.#desk))
    const again = await client.callTool(call)
    if (wantsCredential(again)) throw new Error('refused again, after a login')
    return again
  }

  async close(): Promise<void> {
    await this.#transport?.close()
    this.#desk.remove()
  }
}

function wantsCredential({ _meta: meta }: CallToolResult): boolean {
  return meta?.[REASON_META] === 'credential_unavailable'
}
