/** Opens a page in the browser of whoever sits here: the program that BROWSER names, else what this platform has. */
import { spawn } from 'node:child_process'
import type { Env } from '../config/settings.ts'

type Line = readonly [command: string, ...args: readonly string[]]

/** No shell is between: the address is the last argument, as it is. */
export function browserLine(url: string, env: Env, platform: NodeJS.Platform): Line {
  const named = env['BROWSER']
  if (named !== undefined && named !== '') return [named, url]
  switch (platform) {
    case 'darwin':
      return ['open', url]
    case 'win32':
      return ['rundll32', 'url.dll,FileProtocolHandler', url]
    default:
      return ['xdg-open', url]
  }
}

/** Never throws: where there is no browser, `onMissing` is called, and the person opens the address by hand. */
export function openBrowser(line: Line, env: Env, onMissing: () => void): void {
  const [command, ...args] = line
  try {
    const browser = spawn(command, args, { env, stdio: 'ignore', detached: true })
    browser.once('error', onMissing)
    browser.unref()
  } catch {
    onMissing()
  }
}
