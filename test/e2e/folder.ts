/** A temporary folder with everything one guard needs: a mandate, an mcp.json, room for its state, and its launch line. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PuppetConfig } from '../fakes/mcp/step.ts'

export const ROOT: string = resolve(fileURLToPath(import.meta.url), '../../..')

/** An entry of mcp.json. */
export type Upstream = Command | Address

interface Command {
  readonly command: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** How long a call to it may take: `300ms`. */
  readonly timeout?: string
}

interface Address {
  readonly url: string
  readonly type?: 'http' | 'sse'
  readonly headers?: Readonly<Record<string, string>>
  readonly timeout?: string
}

export interface Setup {
  /** Members of a mandate that differ from the defaults, or the whole text of one in YAML. */
  readonly mandate: Readonly<Record<string, unknown>> | string
  readonly upstreams: Readonly<Record<string, Upstream>>
  /** How the guard is reached; default `run`, on stdio. */
  readonly command?: 'run' | 'serve'
  /** Flags of the command beside the ones that name files. */
  readonly args?: readonly string[]
  /** What the guard's environment has beside the test's own. */
  readonly env?: Readonly<Record<string, string>>
  /** A state folder other than the one in the temporary folder. */
  readonly state?: string
}

/** How a client starts the guard. */
export interface LaunchLine {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

/** An entry of the record, as read back from its line. */
export type Entry = Readonly<Record<string, unknown>> & {
  readonly type: string
  readonly seq: number
}

export interface Folder {
  readonly path: string
  readonly state: string
  /** Joins a name to the folder. */
  readonly file: (name: string) => string
  readonly launch: LaunchLine
  /** Every entry of every log in the state folder, in order. */
  readonly record: () => readonly Entry[]
  /** The same, as the bytes on disk. */
  readonly recordText: () => string
  readonly remove: () => void
}

/** A mandate that is valid for an hour from now on, for `agent-1`. */
export function mandateText(members: Readonly<Record<string, unknown>>): string {
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const base = { mandate: 'm', agent: 'agent-1', purpose: 'test the guard', valid: { until } }
  return JSON.stringify({ ...base, ...members }, undefined, 2)
}

/** Writes the documents; nothing is started. */
export function newFolder(setup: Setup | ((path: string) => Setup)): Folder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'chaperone-e2e-')))
  const {
    mandate,
    upstreams,
    command = 'run',
    args = [],
    env = {},
    state = join(path, 'state'),
  } = typeof setup === 'function' ? setup(path) : setup
  const text = typeof mandate === 'string' ? mandate : mandateText(mandate)
  const mandateFile = join(path, typeof mandate === 'string' ? 'mandate.yaml' : 'mandate.json')
  writeFileSync(mandateFile, text)
  writeFileSync(join(path, 'mcp.json'), JSON.stringify({ mcpServers: upstreams }))
  const recordText = (): string =>
    logsIn(state)
      .map((file) => readFileSync(file, 'utf8'))
      .join('')
  return {
    path,
    state,
    file: (name) => join(path, name),
    launch: {
      command: process.execPath,
      args: [
        join(ROOT, 'src/bin/chaperone.ts'),
        command,
        ...(command === 'serve' && !args.includes('--port') ? ['--port', '0'] : []),
        ...launchArgs(mandateFile, join(path, 'mcp.json'), state),
        ...args,
      ],
      env,
      cwd: path,
    },
    recordText,
    record: () =>
      recordText()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Entry),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

function launchArgs(mandate: string, upstreams: string, state: string): readonly string[] {
  const files = ['--mandate', mandate, '--upstreams', upstreams]
  return [...files, '--agent', 'agent-1', '--state-dir', state]
}

function logsIn(state: string): readonly string[] {
  const log = join(state, 'log')
  try {
    return readdirSync(log, { recursive: true, encoding: 'utf8' })
      .filter((name) => /audit-[^/]*\.jsonl$/.test(name))
      .toSorted()
      .map((name) => join(log, name))
  } catch {
    // No log was opened, or the test removed it.
    return []
  }
}

/** A server from node_modules, started by the Node that runs the tests. */
export function npmServer(
  name: 'everything' | 'filesystem' | 'memory',
  ...args: readonly string[]
): Command {
  const file = join(ROOT, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`)
  return { command: process.execPath, args: [file, ...args] }
}

/** One of the servers in test/fakes/mcp. */
export function fakeServer(name: 'both-eras', ...args: readonly string[]): Command {
  return { command: process.execPath, args: [join(ROOT, `test/fakes/mcp/${name}.ts`), ...args] }
}

/** A puppet that reads its part from `<path>/<name>.json` and keeps what it receives in `<path>/<name>.received`. */
export function puppet(path: string, name: string, config: PuppetConfig = {}): Command {
  const part = join(path, `${name}.json`)
  mkdirSync(path, { recursive: true })
  writeFileSync(part, JSON.stringify({ received: join(path, `${name}.received`), ...config }))
  return { command: process.execPath, args: [join(ROOT, 'test/fakes/mcp/puppet.ts'), part] }
}

/** The lines that a puppet received, byte for byte (one code unit a byte), and the messages in them. */
export function received(
  path: string,
  name: string,
): readonly { readonly line: string; readonly message: Received }[] {
  let text: string
  try {
    text = readFileSync(join(path, `${name}.received`), 'latin1')
  } catch {
    return []
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({
      line,
      message: JSON.parse(Buffer.from(line, 'latin1').toString('utf8')) as Received,
    }))
}

export interface Received {
  readonly id?: string | number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string }
}

/** Result text of `tools/list` for tools of these names, each taking any object. */
export function toolsNamed(...names: readonly string[]): string {
  const tools = names.map((name) => ({ name, inputSchema: { type: 'object' } }))
  return JSON.stringify({ tools })
}
