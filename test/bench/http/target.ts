/** What is measured over HTTP: the upstream alone, two baselines, Chaperone; peers have a file of their own. */
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchLine } from '../child.ts'
import {
  bundlePath,
  CHAPERONE,
  DIRECT,
  node,
  OFFERED_TOOLS,
  PIPE,
  processPath,
  sourcePath,
  type Target,
  type Workshop,
} from '../target.ts'
import type { Yardsticks } from '../turns.ts'
import { ERAS, type Era } from './request.ts'

/** The least that a Node proxy for HTTP does: bytes passed on as they come, by whatever is fastest at it. */
export const PASS = 'pass-through'

export const YARDSTICKS: Yardsticks = { direct: DIRECT, baseline: PASS }

export interface HttpTarget {
  readonly name: string
  readonly kind: Target['kind']
  readonly eras: readonly Era[]
  /** What its list calls the tool that every call is of. */
  readonly tool: string
  /** What it is spoken to over; its upstream side may be another. */
  readonly front: 'http' | 'stdio'
  readonly missing?: string
  readonly note?: string
  readonly share?: number
  line(port: number, upstream: Upstream): LaunchLine
}

/** The upstream of all targets of a section: it is there before them, as a remote server is. */
export interface Upstream {
  readonly port: number
  readonly pid: number
  /** An `mcp.json` with nothing but it, called `bench`. */
  readonly mcpJson: string
}

export function upstreamLine(name: 'http-upstream' | 'http-hostile', port: number): LaunchLine {
  return node(processPath(name), '--port', String(port), '--tools', String(OFFERED_TOOLS))
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}/mcp`
}

/** @returns the path of the file */
export function writeMcpJson(folder: string, port: number): string {
  const file = join(folder, `mcp-${port}.json`)
  const upstreams = { mcpServers: { bench: { type: 'http', url: urlOf(port) } } }
  writeFileSync(file, JSON.stringify(upstreams, null, 2))
  return file
}

export function httpBaselines(): readonly HttpTarget[] {
  const between = (name: string, file: string): HttpTarget => ({
    ...plain(name, 'baseline'),
    line: (port, upstream) =>
      node(processPath(file), '--port', String(port), '--upstream', String(upstream.port)),
  })
  return [
    { ...plain(DIRECT, 'baseline'), line: (port) => upstreamLine('http-upstream', port) },
    between(PIPE, 'http-pipe'),
    between(PASS, 'http-pass'),
  ]
}

function plain(name: string, kind: Target['kind']): Omit<HttpTarget, 'line'> {
  return { name, kind, eras: ERAS, tool: 'approve', front: 'http' }
}

/** As an operator starts it; its record goes to `state` in the workshop. */
export function httpChaperone(workshop: Workshop, state: string): HttpTarget {
  return served(CHAPERONE, 'chaperone', bundlePath(), join(workshop.folder, state), workshop)
}

/** Another build of Chaperone; its record goes to a folder of its own. */
export function httpOther(bundle: string, workshop: Workshop, state: string): HttpTarget {
  const folder = join(workshop.folder, `${state}-other`)
  return served(`${CHAPERONE} (other)`, 'peer', bundle, folder, workshop)
}

/** The guard as it stands in src, so that a profile names files and lines that a person finds. */
export function httpFromSource(workshop: Workshop): HttpTarget {
  return served(CHAPERONE, 'chaperone', sourcePath(), join(workshop.folder, 'state'), workshop)
}

function served(
  name: string,
  kind: Target['kind'],
  bundle: string,
  stateDir: string,
  workshop: Workshop,
): HttpTarget {
  const missing = whyNotServed(bundle)
  const own = ['--mandate', join(workshop.folder, 'mandate.yaml'), '--state-dir', stateDir]
  return {
    ...plain(name, kind),
    ...(missing !== undefined && { missing }),
    line: (port, { mcpJson }) => {
      const place = ['--port', String(port), '--upstreams', mcpJson]
      return node(bundle, 'serve', ...place, ...own, '--agent', 'bench-agent')
    },
  }
}

/** A build from before there was `serve` is told from one that fails. */
function whyNotServed(bundle: string): string | undefined {
  if (!existsSync(bundle)) return `no \`${bundle}\`: run \`npm run build\``
  const asked = spawnSync(process.execPath, [bundle, 'serve', '--help'], { timeout: 10_000 })
  return asked.status === 0 ? undefined : 'this build has no `chaperone serve`'
}
