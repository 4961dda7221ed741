/** A folder with what the guard needs in front of one server: a mandate that grants everything, and the server's address. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../../src/model/json.ts'

/** The server's name in `mcp.json`. */
export const SERVER = 'conformance'

const MANDATE = `mandate: conformance
agent: conformance-suite
purpose: Run the official conformance suite through the guard
valid: { until: 2100-01-01T00:00:00Z }
tools: { "${SERVER}/*": { effect: read } }
resources:
  "${SERVER}/test://**": { effect: read }
  "${SERVER}/file:///path/**": { effect: read }
  "${SERVER}/https://**": { effect: read }
prompts: { "${SERVER}/*": {} }
requests: { ${SERVER}: [elicitation, sampling, roots] }
`

export class Desk {
  readonly folder: string
  readonly mandate: string
  readonly upstreams: string
  readonly state: string

  /** `entry` is what `mcp.json` says of the server beside its address. */
  constructor(url: string, entry: JsonObject = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'chaperone-conformance-'))
    this.mandate = join(this.folder, 'mandate.yaml')
    this.upstreams = join(this.folder, 'mcp.json')
    this.state = join(this.folder, 'state')
    mkdirSync(this.state)
    writeFileSync(this.mandate, MANDATE)
    const servers = { [SERVER]: { type: 'http', url, ...entry } }
    writeFileSync(this.upstreams, JSON.stringify({ mcpServers: servers }))
  }

  /** The arguments of a command that guards. */
  guarding(command: 'run' | 'serve'): readonly string[] {
    const { mandate, upstreams, state } = this
    return [command, '--mandate', mandate, '--upstreams', upstreams, '--state-dir', state]
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
