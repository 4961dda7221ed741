/** Compiled Rego, straight through the OPA SDK. */
import { readFileSync } from 'node:fs'
import { readBundle } from '../../src/engine/bundle.ts'

export interface Policy {
  readonly entrypoints: readonly string[]
  evaluate(input: unknown, entrypoint: string): readonly { readonly result: unknown }[]
}

interface Loaded {
  readonly entrypoints: object
  setData(data: unknown): void
  evaluate(input: unknown, entrypoint: string): readonly { readonly result: unknown }[]
}

export async function loadPolicy(path: string): Promise<Policy> {
  const { wasm, data } = readBundle(readFileSync(path))
  // The declarations of the SDK need those of a browser.
  const name: string = '@open-policy-agent/opa-wasm'
  const sdk = (await import(name)) as { loadPolicy: (wasm: Uint8Array) => Promise<Loaded> }
  const policy = await sdk.loadPolicy(wasm)
  if (data !== '') policy.setData(JSON.parse(data))
  return {
    entrypoints: Object.keys(policy.entrypoints),
    evaluate: (input, entrypoint) => policy.evaluate(input, entrypoint),
  }
}
