/** Straight at the suite's server: the SDK's client over Streamable HTTP, with a robot in place of the user's browser. */
import {
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type CallToolResult,
  type Client,
} from '@modelcontextprotocol/client'
import { clientFor, type Peer, type Scenario, type Wish } from './peer.ts'
import { Robot } from './robot.ts'

/** Authorizations for one thing to do: the first, and one more where it needs more than was granted. */
const MOST_AUTHORIZATIONS = 2

export class Direct implements Peer {
  readonly #scenario: Scenario
  readonly #robot: Robot
  #transport: StreamableHTTPClientTransport | undefined

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#robot = new Robot(scenario.context)
  }

  open(wish: Wish = {}): Promise<Client> {
    return this.#authorized(async () => {
      const client = clientFor(this.#scenario, wish, 'auto')
      this.#transport = new StreamableHTTPClientTransport(
        new URL(this.#scenario.url),
        this.#scenario.name.startsWith('auth/') ? { authProvider: this.#robot } : {},
      )
      await client.connect(this.#transport)
      return client
    })
  }

  async list(client: Client): Promise<readonly string[]> {
    const { tools } = await this.#authorized(() => client.listTools())
    return tools.map(({ name }) => name)
  }

  call(
    client: Client,
    name: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<CallToolResult> {
    return this.#authorized(() => client.callTool({ name, arguments: { ...args } }))
  }

  async close(): Promise<void> {
    await this.#transport?.close()
  }

  /** What fails for want of an authorization is done again with one, as the user would have given it. */
  async #authorized<T>(act: () => Promise<T>): Promise<T> {
    for (let given = 0; ; given += 1) {
      try {
        return await act()
      } catch (error) {
        const answer = this.#robot.takeAnswer()
        if (!(error instanceof UnauthorizedError) || !answer || given === MOST_AUTHORIZATIONS)
          throw error
        await this.#transport?.finishAuth(answer)
      }
    }
  }
}
