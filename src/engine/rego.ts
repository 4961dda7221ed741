/** Rego compiled to WebAssembly, in the thread that evaluates it. The only file that loads the OPA SDK. */
import { isList, isObject } from '../model/json.ts'
import { failed, reasonOf, regoSaid, type Said } from './said.ts'
import type { Job, ThreadQuestion } from './thread.ts'

/** Of memory that a policy may have: 256 MiB. */
const MOST_PAGES = 4096
const FIRST_PAGES = 5

type RegoJob = Extract<Job, { kind: 'rego' }>

/** What is used of the SDK: its own declarations need those of a browser, so it is imported by a name that is a variable. */
interface Sdk {
  loadPolicy(
    wasm: Uint8Array,
    memory: { readonly initial: number; readonly maximum: number },
  ): Promise<Policy>
}
interface Policy {
  readonly entrypoints: unknown
  setData(data: ArrayBuffer): void
  /** Throws whatever the policy or the SDK throws, which need not be an Error. */
  evaluate(input: ArrayBuffer, entrypoint: string): unknown
}
const SDK: string = '@open-policy-agent/opa-wasm'

/** @throws Error when the module is none, or has no such entrypoint */
export async function loadRego(job: RegoJob): Promise<(question: ThreadQuestion) => Promise<Said>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the version is the one that tests run with
  const sdk = (await import(SDK)) as Sdk
  const fresh = async (): Promise<(input: string) => unknown> => {
    const policy = await sdk.loadPolicy(job.wasm, { initial: FIRST_PAGES, maximum: MOST_PAGES })
    if (job.data !== '') policy.setData(bufferOf(job.data))
    const { entrypoints } = policy
    if (!isObject(entrypoints) || !Object.hasOwn(entrypoints, job.entrypoint))
      throw new Error(`it has no entrypoint \`${job.entrypoint}\`${othersIn(entrypoints)}`)
    return (input) => policy.evaluate(bufferOf(input), job.entrypoint)
  }
  let evaluate = await fresh()
  return async ({ input }) => {
    try {
      return resultOf(evaluate(input))
    } catch (error) {
      // An instance that was stopped in the middle may hold anything.
      evaluate = await fresh()
      return failed(reasonOf(error))
    }
  }
}

/** A result set: empty where the rule is undefined. */
function resultOf(results: unknown): Said {
  if (!isList(results) || results.length > 1) return failed('its answer is no result set')
  const [first] = results
  if (first === undefined) return regoSaid(undefined)
  return isObject(first) ? regoSaid(first['result']) : failed('its answer is no result set')
}

function bufferOf(text: string): ArrayBuffer {
  return new Uint8Array(new TextEncoder().encode(text)).buffer
}

function othersIn(entrypoints: unknown): string {
  const names = isObject(entrypoints) ? Object.keys(entrypoints) : []
  return names.length === 0 ? '' : `; it has ${names.map((name) => `\`${name}\``).join(', ')}`
}
