/** External policy engines, as `policies/engines.yaml` lists them: they restrict, and whatever goes wrong with one denies. */
import type { EffectClass } from './call.ts'
import type { Place } from './document.ts'
import { isLoopbackHost } from './loopback.ts'
import type { PolicyMode } from './policy.ts'

/** What an engine can be told of a call beside who acts on what. */
export const TOLD = ['arguments', 'labels', 'purpose'] as const
export type Told = (typeof TOLD)[number]

/** `server/name` globs of one kind. */
export interface EngineTarget {
  readonly kind: 'tool' | 'resource' | 'prompt'
  readonly server: string
  readonly name: string
  readonly place: Place
}

interface EngineBase {
  readonly id: string
  readonly place: Place
  readonly mode: PolicyMode
  /** Which calls it is asked about; absent: about all. */
  readonly targets?: readonly EngineTarget[]
  /** Of these effect classes, an unclassified tool counting as every one; empty: of all. */
  readonly effects: readonly EffectClass[]
  readonly send: readonly Told[]
  readonly deadlineMs: number
  /** IANA zone of the local time that it is told. */
  readonly timezone: string
}

interface OverHttp {
  /** As written: variables are not expanded yet. */
  readonly url: string
  /** Values as written: variables are not expanded yet. */
  readonly headers: ReadonlyMap<string, string>
  /** Plain HTTP to another machine is meant. */
  readonly insecure: boolean
}

/** A policy decision point that speaks AuthZEN 1.0. */
export interface AuthzenConfig extends EngineBase, OverHttp {
  readonly type: 'authzen'
  /** Ask its configuration document where it evaluates. */
  readonly discover: boolean
}

/** A running OPA. */
export interface OpaConfig extends EngineBase, OverHttp {
  readonly type: 'opa'
  /** Of the rule that decides: `chaperone/permit`. */
  readonly path: string
}

/** Rego compiled to WebAssembly. */
export interface OpaWasmConfig extends EngineBase {
  readonly type: 'opa_wasm'
  /** `policy.wasm` or a bundle, beside `engines.yaml`. */
  readonly bundle: string
  readonly entrypoint: string
}

export interface CedarConfig extends EngineBase {
  readonly type: 'cedar'
  /** Texts of policies, beside `engines.yaml`. */
  readonly policies: readonly string[]
}

export type EngineConfig = AuthzenConfig | OpaConfig | OpaWasmConfig | CedarConfig

/** The files beside `engines.yaml` that decide: they are part of the revision. */
export function engineFiles(config: EngineConfig): readonly string[] {
  if (config.type === 'opa_wasm') return [config.bundle]
  return config.type === 'cedar' ? config.policies : []
}

/** Why a URL, with its variables expanded, is none that an engine is asked at; it is not repeated, as it may hold a secret. */
export function engineUrlFault(text: string, insecure: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) return 'its URL is none over HTTP'
  if (url.username !== '' || url.password !== '')
    return 'its URL holds a user or a password: send them in `headers`'
  if (url.search !== '' || url.hash !== '')
    return 'its URL holds a query or a fragment: write the address alone'
  if (url.protocol === 'https:' || insecure || isLoopbackHost(url.hostname)) return undefined
  return 'its URL is plain HTTP to another machine, where somebody on the way could answer in its place: use https://, or say `insecure: true` where that is meant'
}
