/**
 * An OPA server. The real one where `CHAPERONE_OPA` names its binary, as neither npm nor Debian has one to install;
 * otherwise one that answers as OPA's data API does with what the same Rego, compiled by `opa build`, decides.
 */
import { dirname, join } from 'node:path'
import { freePort, startChild } from './child.ts'
import { type Answering, json, startPdp } from './pdp.ts'
import { loadPolicy, type Policy } from './rego.ts'

export const opaBinary: string | undefined = process.env['CHAPERONE_OPA']

export interface Opa {
  readonly url: string
  close(): Promise<void>
}

/** @param bundle as `opa build -t wasm` wrote it of the sources, which lie beside it */
export async function startOpa(bundle: string, sources: readonly string[]): Promise<Opa> {
  if (opaBinary === undefined) return standIn(await loadPolicy(bundle))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const files = sources.map((file) => join(dirname(bundle), file))
  const args = ['run', '--server', '--addr', `127.0.0.1:${port}`, ...files]
  const child = await startChild(opaBinary, args, `${url}/health`)
  return { url, close: () => child.close() }
}

async function standIn(policy: Policy): Promise<Opa> {
  const pdp = await startPdp()
  pdp.answer = answeringAs(policy)
  return pdp
}

function answeringAs(policy: Policy): Answering {
  return (asked, response) => {
    const { pathname } = new URL(asked.path, 'http://opa.example')
    const path = pathname.replace('/v1/data/', '')
    if (asked.method !== 'POST' || !policy.entrypoints.includes(path))
      return json({})(asked, response)
    const { input } = JSON.parse(asked.body) as { input: unknown }
    const [found] = policy.evaluate(input, path)
    return json(found ? { result: found.result } : {})(asked, response)
  }
}
