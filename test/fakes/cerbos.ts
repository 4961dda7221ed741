/** The Cerbos server from npm, where npm has one for this platform: a real decision point that speaks AuthZEN. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort, startChild } from './child.ts'

/** Undefined on any platform but Linux on x64: npm has no Cerbos 0.55.0 for it. */
export const cerbosBinary: string | undefined = find()

function find(): string | undefined {
  try {
    const { resolve } = createRequire(import.meta.url)
    const manifest = resolve('@cerbos/cerbos-linux-x64/package.json')
    return join(dirname(manifest), 'cerbos-linux-x64')
  } catch {
    return undefined
  }
}

export interface Cerbos {
  readonly url: string
  close(): Promise<void>
}

/** Runs it over a folder of policies. */
export async function startCerbos(binary: string, policies: string): Promise<Cerbos> {
  const folder = mkdtempSync(join(tmpdir(), 'chaperone-cerbos-'))
  const [port, grpc] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const config = join(folder, 'config.json')
  writeFileSync(
    config,
    JSON.stringify({
      server: { httpListenAddr: `127.0.0.1:${port}`, grpcListenAddr: `127.0.0.1:${grpc}` },
      storage: { driver: 'disk', disk: { directory: policies, watchForChanges: false } },
      telemetry: { disabled: true },
    }),
  )
  chmodSync(binary, 0o755)
  const child = await startChild(binary, ['server', '--config', config], `${url}/_cerbos/health`)
  return {
    url,
    close: async () => {
      await child.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
