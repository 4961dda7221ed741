/**
 * Where clients play their scenarios. The suite starts the client of every scenario at once, dozens of processes on a
 * machine that has two cores; each is only a messenger, and waits here for its turn. So what is measured is how client
 * and guard behave, not how they starve.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { scenarioOf, type Scenario } from './client/peer.ts'

/** How the client of a scenario ends: its exit code, and what it has to say. */
export interface Ending {
  readonly code: number
  readonly said: string
}

export type Act = (scenario: Scenario) => Promise<Ending>

export class Stage {
  readonly #server: Server
  readonly #act: Act
  readonly #messengers = new Set<Socket>()
  readonly #waiting: { readonly messenger: Socket; readonly scenario: Scenario }[] = []
  #free: number

  private constructor(most: number, act: Act) {
    this.#free = most
    this.#act = act
    this.#server = createServer((messenger) => this.#receive(messenger))
  }

  /** At most `most` scenarios are played at once; the next when one has ended. */
  static async open(most: number, act: Act): Promise<Stage> {
    const stage = new Stage(most, act)
    await new Promise<void>((resolve) => stage.#server.listen(0, '127.0.0.1', resolve))
    return stage
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the stage is closed')
    return address.port
  }

  close(): void {
    this.#server.close()
    for (const messenger of this.#messengers) messenger.destroy()
  }

  #receive(messenger: Socket): void {
    this.#messengers.add(messenger)
    messenger.on('error', () => messenger.destroy())
    messenger.on('close', () => this.#messengers.delete(messenger))
    createInterface({ input: messenger }).once('line', (line) => {
      this.#waiting.push({ messenger, scenario: scenarioOf(JSON.parse(line)) })
      void this.#playNext()
    })
  }

  async #playNext(): Promise<void> {
    const next = this.#free > 0 ? this.#waiting.shift() : undefined
    if (next === undefined) return
    this.#free -= 1
    const ending = await this.#act(next.scenario)
    next.messenger.end(JSON.stringify(ending))
    this.#free += 1
    await this.#playNext()
  }
}
