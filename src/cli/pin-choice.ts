/** What `--only` names: whole upstreams, or single tools, prompts and templates of one. */
import type { Upstream } from '../config/mcp-json.ts'
import { nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import { spelt } from '../model/plain-name.ts'
import type { Step } from './pin-plan.ts'

export interface Choice {
  /** False where everything is meant. */
  readonly given: boolean
  /** True for an upstream of which something is meant. */
  touches(server: string): boolean
  /** Definitions that are named by themselves, as they were written. */
  readonly single: readonly { readonly server: string; readonly name: string }[]
  /** True for a definition that is named by itself: its name is meant as it is written. */
  names(one: { readonly server: string; readonly name: string }): boolean
  /** True for a change that is meant. A launch line is only with its upstream as a whole. */
  takes(step: Pick<Step, 'server' | 'kind' | 'name'>): boolean
}

const EVERYTHING: Choice = {
  given: false,
  single: [],
  touches: () => true,
  names: () => false,
  takes: () => true,
}

/** @throws GuardError ERR_USAGE for an upstream that `mcp.json` does not have */
export function choiceOf(
  given: readonly string[] | undefined,
  upstreams: readonly Upstream[],
): Choice {
  if (given === undefined) return EVERYTHING
  const servers = upstreams.map(({ server }) => server)
  const whole = new Set<string>()
  const single = new Set<string>()
  for (const one of given) {
    const [server = '', ...name] = one.split('/')
    if (!servers.includes(server)) throw unknown(one, server, servers)
    if (name.length === 0) whole.add(server)
    else single.add(one)
  }
  const touched = new Set([...whole, ...[...single].map((one) => one.split('/', 1)[0] ?? '')])
  return {
    given: true,
    single: [...single].map((one) => {
      const [server = '', ...name] = one.split('/')
      return { server, name: name.join('/') }
    }),
    touches: (server) => touched.has(server),
    names: ({ server, name }) => single.has(`${server}/${name}`),
    takes: ({ server, kind, name }) =>
      whole.has(server) || (kind !== 'launch' && single.has(`${server}/${name}`)),
  }
}

/**
 * Sees that what is named by itself is somewhere: approved, or offered.
 *
 * @throws GuardError ERR_USAGE with the nearest name that is there
 */
export function seeNamed(
  choice: Choice,
  there: readonly { readonly server: string; readonly name: string }[],
): void {
  for (const { server, name } of choice.single) {
    const own = there.filter((one) => one.server === server).map((one) => one.name)
    if (own.includes(name)) continue
    const near = nearest(name, own)
    const hint =
      near === undefined ? 'see `chaperone pin --check`' : `did you mean \`${spelt(near)}\`?`
    const message = `\`${server}\` has nothing called \`${spelt(name)}\``
    throw new GuardError('ERR_USAGE', `--only: ${message}, and nothing of it is approved (${hint})`)
  }
}

function unknown(given: string, server: string, servers: readonly string[]): GuardError {
  const near = nearest(server, servers)
  const hint =
    near === undefined ? `mcp.json has ${servers.join(', ')}` : `did you mean \`${near}\`?`
  return new GuardError('ERR_USAGE', `--only \`${given}\` names no upstream (${hint})`)
}
