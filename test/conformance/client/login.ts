/** `chaperone login` as a user runs it, with a robot for a browser. What of `mcp.json` it reads stands here, too. */
import { execFile } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../../src/model/json.ts'
import { SERVER, type Desk } from '../desk.ts'
import type { Scenario } from './peer.ts'
import { CLIENT_METADATA_URL } from './robot.ts'

const LOGIN_MS = 15_000
const BROWSER = join(import.meta.dirname, '..', 'browser.js')

/** How `mcp.json` says as what the guard logs in: a client registered beforehand, or one that a document describes. */
export function loginEntry({ name, context }: Scenario): JsonObject {
  if (!name.startsWith('auth/')) return {}
  const { client_id: clientId, client_secret: clientSecret } = context
  if (typeof clientId === 'string' && typeof clientSecret === 'string')
    return { oauth: { clientId, clientSecret } }
  return { oauth: { clientMetadataUrl: CLIENT_METADATA_URL } }
}

/** Resolves with what the command said. Where it must fail, it is the suite that says so: it saw what the guard did. */
export function login(guard: string, desk: Desk): Promise<string> {
  const { upstreams, state } = desk
  const args = [guard, 'login', SERVER, '--upstreams', upstreams, '--state-dir', state]
  const env = { ...process.env, BROWSER: browserIn(desk) }
  const limits = { timeout: LOGIN_MS, killSignal: 'SIGKILL' } as const
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, ...limits }, (error, stdout, stderr) => {
      resolve(`${stdout}${stderr}\nlogin: ${error === null ? 'done' : error.message}\n`)
    })
  })
}

/** A program that can be started with nothing but a URL. */
function browserIn({ folder }: Desk): string {
  const windows = process.platform === 'win32'
  const file = join(folder, windows ? 'browser.cmd' : 'browser.sh')
  const line = `"${process.execPath}" "${BROWSER}"`
  writeFileSync(file, windows ? `@${line} %1\r\n` : `#!/bin/sh\nexec ${line} "$1"\n`)
  chmodSync(file, 0o755)
  return file
}
