/**
 * Proxies for MCP that others have published to npm, each started as its README says. None is a dependency: `--peers`
 * installs them once, without their install scripts, into the cache folder of `node_modules`. They pass everything on:
 * no rules, no filter, no record.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LaunchLine } from '../child.ts'
import { node, UPSTREAM, type Workshop } from '../target.ts'
import { ERAS } from './request.ts'
import { urlOf, type HttpTarget, type Upstream } from './target.ts'

interface Peer extends Pick<HttpTarget, 'eras' | 'tool' | 'front'> {
  readonly name: string
  readonly version: string
  /** The program within the package. */
  readonly program: string
  readonly note: string
  /** `home` is a folder for whatever it keeps. */
  line(program: string, at: { port: number; upstream: Upstream; home: string }): LaunchLine
}

/** A child process behind it, because it can have no HTTP upstream: one hop of HTTP less. */
const STDIO_BEHIND = 'upstream over stdio'
const LEGACY_ONLY = { eras: ['legacy'], tool: 'approve', front: 'http' } as const

const PEERS: readonly Peer[] = [
  {
    ...LEGACY_ONLY,
    name: 'mcp-proxy',
    version: '6.7.19',
    program: 'dist/bin/mcp-proxy.mjs',
    eras: ERAS,
    note: STDIO_BEHIND,
    line: (program, { port }) => {
      const place = ['--host', '127.0.0.1', '--port', String(port)]
      return node(program, ...place, '--server', 'stream', '--', ...UPSTREAM)
    },
  },
  {
    ...LEGACY_ONLY,
    name: 'supergateway',
    version: '4.0.0',
    program: 'dist/index.js',
    note: STDIO_BEHIND,
    line: (program, { port }) => {
      const behind = ['--stdio', UPSTREAM.map((word) => `"${word}"`).join(' ')]
      const front = ['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port)]
      return node(program, ...behind, ...front, '--logLevel', 'none')
    },
  },
  {
    ...LEGACY_ONLY,
    name: 'mcp-remote',
    version: '0.15.1',
    program: 'dist/proxy.js',
    front: 'stdio',
    note: 'spoken to over stdio',
    line: (program, { upstream, home }) => ({
      ...node(program, urlOf(upstream.port), '--transport', 'http-only', '--silent'),
      env: { MCP_REMOTE_CONFIG_DIR: home },
    }),
  },
  {
    ...LEGACY_ONLY,
    name: '@civic/passthrough-mcp-server',
    version: '0.12.1',
    program: 'dist/cli.js',
    note: 'HTTP on both sides',
    line: (program, { port, upstream }) => ({
      ...node(program),
      env: {
        PORT: String(port),
        TARGET_SERVER_URL: `http://127.0.0.1:${upstream.port}`,
        TARGET_SERVER_TRANSPORT: 'httpStream',
      },
    }),
  },
]

/** Runs, but not on this work, and not without a network. */
const NOT_THIS: HttpTarget = {
  ...LEGACY_ONLY,
  name: 'mcp-hub 4.2.1',
  kind: 'peer',
  missing:
    'in front it speaks HTTP+SSE of 2024-11-05 only, and it asks a registry on the internet whenever it starts',
  line: () => node(),
}

const CACHE = fileURLToPath(
  new URL('../../../node_modules/.cache/chaperone-bench-peers/', import.meta.url),
)

/** An installation of a megabyte or thirty, over the network. */
const INSTALL_MS = 300_000
/** What is slow by itself need not take the run's time. */
const SHARE = 0.25

/** Installs what is not there yet. One that cannot be installed is named with the reason, and the others go on. */
export async function installPeers(
  workshop: Workshop,
  say: (line: string) => void,
): Promise<readonly HttpTarget[]> {
  const targets: HttpTarget[] = []
  for (const peer of PEERS) {
    say(`peers: ${peer.name}@${peer.version}`)
    targets.push(await installed(peer, workshop))
  }
  return [...targets, NOT_THIS]
}

async function installed(peer: Peer, workshop: Workshop): Promise<HttpTarget> {
  const { name, version, note, eras, tool, front } = peer
  const folder = join(CACHE, `${name.replace('/', '+')}@${version}`)
  const program = join(folder, 'node_modules', name, peer.program)
  const home = join(workshop.folder, 'peers', name)
  mkdirSync(home, { recursive: true })
  const why = existsSync(program) ? undefined : await install(folder, `${name}@${version}`)
  return {
    name: `${name} ${version}`,
    kind: 'peer',
    eras,
    tool,
    front,
    note,
    share: SHARE,
    ...(why !== undefined && { missing: why }),
    line: (port, upstream) => peer.line(program, { port, upstream, home }),
  }
}

/** @returns why it cannot be installed */
async function install(folder: string, wanted: string): Promise<string | undefined> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', '--prefix', folder]
  try {
    await promisify(execFile)('npm', ['install', ...flags, wanted], {
      cwd: folder,
      timeout: INSTALL_MS,
    })
    return undefined
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error)
    return `it cannot be installed: ${told.slice(0, 300)}`
  }
}
