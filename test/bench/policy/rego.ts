/** The same rules as Rego, compiled to WebAssembly, on OPA's own SDK. */
import { readFileSync } from 'node:fs'
import { readBundle } from '../../../src/engine/bundle.ts'
import { deciderOf, preparedOf, type Engine, type Missing } from './engine.ts'
import { FLAT } from './flat.ts'

/** The declarations of the SDK need those of a browser: it is imported by a name that is a variable. */
const SDK: string = '@open-policy-agent/opa-wasm'

interface Sdk {
  readonly loadPolicy: (wasm: Uint8Array) => Promise<{
    setData(data: unknown): void
    evaluate(input: unknown, entrypoint: string): readonly { readonly result: unknown }[]
  }>
}

const NAME = 'opa-wasm'

export async function regoEngine(): Promise<Engine | Missing> {
  const { loadPolicy } = (await import(SDK)) as Sdk
  const { wasm } = readBundle(readFileSync(new URL('rules.tar.gz', import.meta.url)))
  const policy = await loadPolicy(wasm)
  const rules = [...FLAT].map(([tool, all]) => [
    tool,
    Object.fromEntries(all.map((rule) => [rule.kind, rule])),
  ])
  policy.setData({ rules: Object.fromEntries(rules) as unknown })
  return {
    name: NAME,
    prepare: (calls) =>
      deciderOf(calls, preparedOf, (input) =>
        policy.evaluate(input, 'bench/verdict')[0]?.result === 'permit' ? 'permit' : 'deny',
      ),
  }
}
