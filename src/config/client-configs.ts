/** Where MCP clients keep their entries on this machine, and which of them still start an upstream past the guard. */
import { posix, win32 } from 'node:path'
import { readJson } from '../document/json.ts'
import { placesOf } from '../document/text.ts'
import {
  type DocEntry,
  type DocMap,
  type DocNode,
  type Problem,
  Problems,
} from '../model/document.ts'
import { ADDRESS_MEMBERS } from './address-entry.ts'
import { isChaperone, launched, type RealPath, sameServer, type Launched } from './launch.ts'
import type { Upstream } from './mcp-json.ts'
import type { Env } from './settings.ts'

/** What is known of the machine: injected, so that every platform can be tested on any. */
export interface Machine {
  readonly platform: NodeJS.Platform
  readonly env: Env
  /** Folders whose project files clients would read: where the guard was started, and where `mcp.json` stands. */
  readonly projects: readonly string[]
}

/** A client's file, and the member under which its servers stand. */
export interface ClientFile {
  readonly client: string
  readonly path: string
  /** `*` stands for every member: Claude Code keeps servers by project. */
  readonly under: readonly (readonly string[])[]
}

/** The text of a file, or undefined where there is none that can be read. */
export type ReadFile = (path: string) => string | undefined

const SERVERS = [['mcpServers']] as const
const CODE_SETTINGS = [['mcp', 'servers'], ['mcp.servers'], ['mcpServers']] as const

/** Every place where a client on this machine may keep entries. */
export function clientFiles(machine: Machine): readonly ClientFile[] {
  return [...userFiles(machine), ...projectFiles(machine)]
}

type Paths = typeof posix

function pathsOf(platform: NodeJS.Platform): Paths {
  return platform === 'win32' ? win32 : posix
}

function projectFiles({ platform, projects }: Machine): readonly ClientFile[] {
  const paths = pathsOf(platform)
  return [...new Set(projects)].flatMap((folder): readonly ClientFile[] => [
    { client: 'Claude Code', path: paths.join(folder, '.mcp.json'), under: SERVERS },
    { client: 'Cursor', path: paths.join(folder, '.cursor', 'mcp.json'), under: SERVERS },
    { client: 'VS Code', path: paths.join(folder, '.vscode', 'mcp.json'), under: [['servers']] },
    {
      client: 'VS Code',
      path: paths.join(folder, '.vscode', 'settings.json'),
      under: CODE_SETTINGS,
    },
    { client: 'Roo Code', path: paths.join(folder, '.roo', 'mcp.json'), under: SERVERS },
    { client: 'Gemini CLI', path: paths.join(folder, '.gemini', 'settings.json'), under: SERVERS },
    {
      client: 'Zed',
      path: paths.join(folder, '.zed', 'settings.json'),
      under: [['context_servers']],
    },
  ])
}

function userFiles(machine: Machine): readonly ClientFile[] {
  const { platform, env } = machine
  const paths = pathsOf(platform)
  const home = platform === 'win32' ? env['USERPROFILE'] : env['HOME']
  const config = configFolder(machine)
  const files: ClientFile[] = []
  if (home !== undefined) {
    const claude = env['CLAUDE_CONFIG_DIR'] ?? home
    const under = [['mcpServers'], ['projects', '*', 'mcpServers']]
    files.push(
      { client: 'Claude Code', path: paths.join(claude, '.claude.json'), under },
      { client: 'Claude Code', path: paths.join(home, '.claude', '.claude.json'), under },
      { client: 'Cursor', path: paths.join(home, '.cursor', 'mcp.json'), under: SERVERS },
      {
        client: 'Windsurf',
        path: paths.join(home, '.codeium', 'windsurf', 'mcp_config.json'),
        under: SERVERS,
      },
      { client: 'Gemini CLI', path: paths.join(home, '.gemini', 'settings.json'), under: SERVERS },
      {
        client: 'Copilot CLI',
        path: paths.join(home, '.copilot', 'mcp-config.json'),
        under: SERVERS,
      },
      { client: 'LM Studio', path: paths.join(home, '.lmstudio', 'mcp.json'), under: SERVERS },
    )
  }
  if (config === undefined) return files
  const desktop = paths.join(config, 'Claude', 'claude_desktop_config.json')
  files.push({ client: 'Claude Desktop', path: desktop, under: SERVERS })
  const zed = platform === 'darwin' && home !== undefined ? paths.join(home, '.config') : config
  files.push({
    client: 'Zed',
    path: paths.join(zed, 'zed', 'settings.json'),
    under: [['context_servers']],
  })
  for (const edition of ['Code', 'Code - Insiders', 'VSCodium']) {
    const user = paths.join(config, edition, 'User')
    const extension = (id: string, file: string): string =>
      paths.join(user, 'globalStorage', id, 'settings', file)
    files.push(
      { client: 'VS Code', path: paths.join(user, 'mcp.json'), under: [['servers']] },
      { client: 'VS Code', path: paths.join(user, 'settings.json'), under: CODE_SETTINGS },
      {
        client: 'Cline',
        path: extension('saoudrizwan.claude-dev', 'cline_mcp_settings.json'),
        under: SERVERS,
      },
      {
        client: 'Roo Code',
        path: extension('rooveterinaryinc.roo-cline', 'mcp_settings.json'),
        under: SERVERS,
      },
    )
  }
  return files
}

/** Where applications keep their settings on this platform. */
function configFolder({ platform, env }: Machine): string | undefined {
  const home = env['HOME']
  switch (platform) {
    case 'win32':
      return env['APPDATA']
    case 'darwin':
      return home === undefined ? undefined : posix.join(home, 'Library', 'Application Support')
    default:
      return (
        env['XDG_CONFIG_HOME'] ?? (home === undefined ? undefined : posix.join(home, '.config'))
      )
  }
}

/** A warning for each entry that still reaches one of these upstreams itself: what it calls is not guarded. */
export function directlyReachable(
  upstreams: readonly Upstream[],
  machine: Machine,
  read: ReadFile,
  realpath: RealPath,
): readonly Problem[] {
  const guarded = upstreams.flatMap((upstream): readonly Guarded[] => {
    const { server } = upstream
    if (upstream.kind === 'http') return [{ server, place: placeOf(upstream.url) }]
    const started = launched(upstream, realpath)
    return started ? [{ server, started }] : []
  })
  if (guarded.length === 0) return []
  const problems = new Problems()
  for (const file of clientFiles(machine)) {
    for (const { entry, started, places } of entriesOf(file, machine, read, realpath)) {
      const match = guarded.find(
        (upstream) =>
          (upstream.started && started && sameServer(upstream.started, started)) ||
          (upstream.place !== undefined && places.includes(upstream.place)),
      )
      if (match) warn(file, entry, match, problems)
    }
  }
  return problems.list
}

/** An upstream by what is started, or by where it is. */
interface Guarded {
  readonly server: string
  readonly started?: Launched
  readonly place?: string | undefined
}

/** Origin and path: whatever else stands in an address, it is the same server. Undefined for no address of HTTP. */
function placeOf(url: string): string | undefined {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return undefined
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname.replace(/\/+$/, '')}`
}

function warn(
  file: ClientFile,
  entry: DocEntry,
  { server, started }: Guarded,
  problems: Problems,
): void {
  const how = started ? `starts \`${started.name}\` itself` : 'names the same address'
  problems.warning(
    { place: entry.keyPlace },
    'directly_reachable',
    `${file.client} still reaches \`${server}\` past the guard: its entry \`${entry.key}\` ${how}`,
    'remove this entry and register chaperone in its place',
  )
}

interface ClientEntry {
  readonly entry: DocEntry
  readonly started: Launched | undefined
  /** Addresses that it names, as such or in its launch line: bridges take theirs there. */
  readonly places: readonly string[]
}

/** The entries of a client's file that reach a server without the guard. What cannot be read has none. */
function entriesOf(
  file: ClientFile,
  machine: Machine,
  read: ReadFile,
  realpath: RealPath,
): readonly ClientEntry[] {
  const text = read(file.path)
  if (text === undefined) return []
  // A client's own file may hold what our documents may not (large numbers, a key twice): only its tree counts.
  const root = readJson(
    text.replace(/^\uFEFF/, ' '),
    true,
    placesOf(text, file.path),
    new Problems(),
  )
  if (!root) return []
  const folder = pathsOf(machine.platform).dirname(file.path)
  return file.under
    .flatMap((path) => mapsAt(root, path))
    .flatMap((servers) => servers.entries)
    .filter(({ value }) => isOn(value))
    .flatMap((entry) => {
      const started = startedBy(entry.value, folder, realpath)
      if (started && isChaperone(started)) return []
      const named = [...addressesIn(entry.value), ...(started?.args ?? [])]
      return [{ entry, started, places: named.map(placeOf).filter((one) => one !== undefined) }]
    })
}

function isOn(node: DocNode): boolean {
  if (node.kind !== 'map') return false
  const disabled = node.entries.find(({ key }) => key === 'disabled')?.value
  return !(disabled?.kind === 'scalar' && disabled.value === true)
}

function addressesIn(node: DocNode): readonly string[] {
  if (node.kind !== 'map') return []
  return node.entries
    .filter(({ key }) => ADDRESS_MEMBERS.includes(key))
    .map(({ value }) => textOf(value))
    .filter((text) => text !== undefined)
}

function mapsAt(node: DocNode, path: readonly string[]): readonly DocMap[] {
  if (node.kind !== 'map') return []
  const [step, ...rest] = path
  if (step === undefined) return [node]
  return node.entries
    .filter((entry) => step === '*' || entry.key === step)
    .flatMap((entry) => mapsAt(entry.value, rest))
}

function startedBy(node: DocNode, folder: string, realpath: RealPath): Launched | undefined {
  if (node.kind !== 'map') return undefined
  const value = (key: string): DocNode | undefined =>
    node.entries.find((entry) => entry.key === key)?.value
  // Zed once kept the line one level deeper: {"command": {"path": …, "args": […]}}.
  const command = value('command')
  if (command?.kind === 'map') {
    const path = command.entries.find((entry) => entry.key === 'path')
    const entries = command.entries.filter((entry) => entry.key !== 'path')
    const flat = path ? [...entries, { ...path, key: 'command' }] : entries
    return startedBy({ ...command, entries: flat }, folder, realpath)
  }
  const word = textOf(command)
  if (word === undefined) return undefined
  const args = value('args')
  const words = args?.kind === 'list' ? args.items.map((item) => textOf(item) ?? '') : []
  return launched({ command: word, args: words, cwd: textOf(value('cwd')) ?? folder }, realpath)
}

function textOf(node: DocNode | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined
}
