/** The guard in the process of the test, joined to its client by nothing but memory; its upstreams are processes. */
import { PassThrough } from 'node:stream'
import { LAUNCH_OPTIONS, launchFiles, parseFlags } from '../../src/cli/arguments.ts'
import { prepare } from '../../src/cli/launch.ts'
import { actingOf, keepDocuments, openRecord } from '../../src/cli/record.ts'
import { houseOf, principalOf } from '../../src/cli/serving.ts'
import { readSettings } from '../../src/config/settings.ts'
import { systemClock } from '../../src/config/system.ts'
import { createGuard } from '../../src/guard.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { memoryStore } from '../../src/state/memory.ts'
import type { Folder } from './folder.ts'
import { type Exit, RawGuard } from './guard.ts'

export class InProcessGuard extends RawGuard {
  readonly #input = new PassThrough()
  readonly #served: Promise<void>

  constructor(folder: Folder) {
    super(folder)
    const io = { cwd: folder.path, env: { ...process.env, ...folder.launch.env } }
    const args = folder.launch.args.slice(folder.launch.args.indexOf('run') + 1)
    const { values } = parseFlags({ args, options: LAUNCH_OPTIONS, strict: true })
    const settings = readSettings(values, io.env, io.cwd)
    const prepared = prepare(launchFiles(values, io), settings, io, systemClock.now())
    const { mandate, upstreams, lock, problems } = prepared
    const bad = problems.filter(({ level }) => level === 'error')
    if (!mandate || bad.length > 0) throw new Error(JSON.stringify(bad))
    const principal = principalOf(settings, mandate)
    const { log, instance, record } = openRecord(settings, io, actingOf(principal, mandate.mandate))
    keepDocuments(log, mandate.mandate)
    const say = (facts: JsonObject, msg: string): void => {
      this.stderr += `${JSON.stringify({ ...facts, msg })}\n`
      this.changed()
    }
    const operational = { debug: () => undefined, info: say, warn: say, error: say }
    const house = houseOf(settings, { upstreams, operational, ...(lock && { lock }) }, io)
    const store = memoryStore({ clock: systemClock })
    const guard = createGuard({ ...house, mandate, principal, log, instance, record, store })
    const output = new PassThrough()
    output.setEncoding('utf8').on('data', (text: string) => this.hear(text))
    this.#served = guard.serveStdio(this.#input, output).then(() => this.hasEnded())
  }

  write(bytes: string | Uint8Array): void {
    this.#input.write(bytes)
  }

  push(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#input.write(bytes, () => resolve())
    })
  }

  async close(): Promise<Exit> {
    this.#input.end()
    await this.#served
    return { code: 0, signal: null }
  }
}
