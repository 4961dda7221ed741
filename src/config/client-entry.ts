/** The entry that registers the guard in a client, as the README shows it and a test starts it. */
import { join } from 'node:path'
import type { JsonObject } from '../model/json.ts'

export const CLIENTS = ['claude-desktop', 'claude-code', 'cursor', 'vscode', 'windsurf'] as const
export type Client = (typeof CLIENTS)[number]

/** How the client starts the guard: by npm, by the command on the PATH, or by a checkout with its own Node. */
export type GuardLaunch =
  | { readonly by: 'npx' }
  | { readonly by: 'path' }
  | { readonly by: 'checkout'; readonly folder: string }

/** What the guard is told. Paths should be absolute: clients start servers in folders of their own choice. */
export interface GuardTold {
  readonly mandate: string
  readonly upstreams: string
  readonly agent: string
  readonly environment?: string
}

/** The JSON to put into the client's file, whole. */
export function clientEntry(client: Client, launch: GuardLaunch, told: GuardTold): JsonObject {
  const line = launchLine(launch, told)
  return client === 'vscode'
    ? { servers: { chaperone: { type: 'stdio', ...line } } }
    : { mcpServers: { chaperone: line } }
}

function launchLine(
  launch: GuardLaunch,
  told: GuardTold,
): { readonly command: string; readonly args: readonly string[] } {
  const args = [
    'run',
    '--mandate',
    told.mandate,
    '--upstreams',
    told.upstreams,
    '--agent',
    told.agent,
  ]
  if (told.environment !== undefined) args.push('--environment', told.environment)
  switch (launch.by) {
    case 'npx':
      return { command: 'npx', args: ['-y', 'mcp-chaperone', ...args] }
    case 'path':
      return { command: 'chaperone', args }
    case 'checkout':
      return {
        command: join(launch.folder, 'node_modules', '.bin', 'node'),
        args: [join(launch.folder, 'dist', 'bin', 'chaperone.js'), ...args],
      }
  }
}
