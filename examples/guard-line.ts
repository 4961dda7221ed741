/** How the examples start the real guard process: the built command, by this very Node. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerLine } from './agent.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * The guard's program: what `--guard <file>` names, else the built one.
 *
 * @throws Error when there is no such file
 */
export function guardProgram(argv: readonly string[]): string {
  const at = argv.indexOf('--guard')
  const program = resolve(argv[at === -1 ? argv.length : at + 1] ?? `${ROOT}/dist/bin/chaperone.js`)
  if (!existsSync(program)) {
    throw new Error(`there is no guard at \`${program}\`: run \`npm run build\` first`)
  }
  return program
}

/** A command of the guard, as a client or a person would start it. */
export function guardLine(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ServerLine {
  return { command: process.execPath, args: [program, ...args], env: { ...env, ...nodeFirst() } }
}

/** The upstreams of the examples are started as `node`: this Node, wherever it was installed. */
export function nodeFirst(): { readonly PATH: string } {
  const separator = process.platform === 'win32' ? ';' : ':'
  return { PATH: `${dirname(process.execPath)}${separator}${process.env['PATH'] ?? ''}` }
}
