/** Where the guard keeps its record: the state directory of this platform, unless somebody says otherwise. */
import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { LOGIN_ENDING, LOGINS } from '../model/login.ts'
import type { Env } from './settings.ts'

/** `override`, else CHAPERONE_STATE_DIR, else the XDG state directory, or LOCALAPPDATA on Windows. */
export function stateDir(env: Env, override?: string): string {
  if (override !== undefined && override !== '') return override
  const named = env['CHAPERONE_STATE_DIR']
  if (named !== undefined && named !== '') return named
  const local = env['LOCALAPPDATA']
  if (process.platform === 'win32' && local !== undefined && local !== '')
    return join(local, 'chaperone')
  const xdg = env['XDG_STATE_HOME']
  const home = env['HOME'] ?? homedir()
  return join(xdg !== undefined && xdg !== '' ? xdg : join(home, '.local', 'state'), 'chaperone')
}

/** The folder in which logins are kept; undefined while nobody has made one. */
export function loginsIn(state: string): string | undefined {
  const folder = join(state, LOGINS)
  try {
    return readdirSync(folder).some((name) => name.endsWith(LOGIN_ENDING)) ? folder : undefined
  } catch (error) {
    // Whatever stands where it cannot be looked at counts.
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? undefined : folder
  }
}
