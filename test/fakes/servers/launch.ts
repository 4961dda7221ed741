/** Launch lines for the fake server of this folder. */
import { fileURLToPath } from 'node:url'
import type { LaunchLine } from '../../../src/proxy/upstream/process.ts'

/** The script itself, for an `mcp.json`; run it with `process.execPath`. Flags: README.md beside it. */
export const FAKE_SERVER: string = fileURLToPath(new URL('echo.mjs', import.meta.url))

export function fakeLaunch(server: string, flags: readonly string[] = []): LaunchLine {
  return {
    server,
    command: process.execPath,
    args: [FAKE_SERVER, '--name', server, ...flags],
    env: {},
  }
}
