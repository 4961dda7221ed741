/**
 * A second writer of the log, made from docs/log-format.md alone: it shares nothing with the guard's, so that reader and writer
 * cannot agree on the same mistake.
 */
import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonical, type Json, type JsonObject } from '../../src/model/json.ts'

const NAME = 'chaperone.example'

export interface LogKey {
  readonly vkey: string
  readonly sign: (text: string) => string
}

/** `seed`: any text; the same text gives the same key. */
export function logKey(seed?: string): LogKey {
  const pair = seed === undefined ? generateKeyPairSync('ed25519') : seeded(seed)
  const raw = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const typed = Buffer.concat([Buffer.of(1), raw])
  const id = createHash('sha256').update(`${NAME}\n`).update(typed).digest().subarray(0, 4)
  return {
    vkey: `${NAME}+${id.toString('hex')}+${typed.toString('base64')}`,
    sign: (text) => {
      const signature = Buffer.concat([id, sign(null, Buffer.from(text), pair.privateKey)])
      return `${text}\n— ${NAME} ${signature.toString('base64')}\n`
    },
  }
}

function seeded(seed: string): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  const key = Buffer.concat([prefix, createHash('sha256').update(seed).digest()])
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** One entry without `v`, `log`, `seq` and `prev`; `secret` is what is sealed of it. */
export interface WrittenEntry {
  readonly entry: JsonObject
  readonly secret?: JsonObject
  readonly args?: JsonObject
}

export interface WrittenLog {
  /** A state folder. */
  readonly state: string
  readonly name: string
  readonly key: LogKey
  readonly entries: readonly WrittenEntry[]
  /** Entries in a file; default all in one. */
  readonly rotate?: number
  /** A checkpoint after so many; one after each rotation and at the end in any case. Default: no others. */
  readonly every?: number
  /** Sizes that are signed; in place of all others. */
  readonly sizes?: readonly number[]
  /** Kept beside the log, by what they are. */
  readonly objects?: readonly string[]
}

export function writeLogV2(log: WrittenLog): string {
  const { state, name, key, entries, rotate = Infinity, every = Infinity } = log
  const folder = join(state, 'log', name)
  mkdirSync(join(folder, 'objects'), { recursive: true })
  for (const text of log.objects ?? []) writeFileSync(join(folder, 'objects', sha256(text)), text)
  const tree = new NaiveTree()
  const parts = new Map<number, { lines: string; keys: Buffer[]; notes: string }>()
  let prev = '0'.repeat(64)
  let first = 0
  let latest = ''
  const part = (): { lines: string; keys: Buffer[]; notes: string } => {
    const found = parts.get(first) ?? { lines: '', keys: [], notes: '' }
    parts.set(first, found)
    return found
  }
  const signed = (size: number): void => {
    latest = key.sign(`chaperone.dev/log/${name}\n${size}\n${tree.root(size).toString('base64')}\n`)
    part().notes += `${latest}\n`
  }
  part()
  if (log.sizes?.includes(0) === true) signed(0)
  for (const [seq, { entry, secret, args }] of entries.entries()) {
    const turned = seq > 0 && seq % rotate === 0
    if (turned) first = seq
    if (turned && !log.sizes) signed(seq)
    const slot =
      secret || args ? createHash('sha256').update(`key ${name} ${seq}`).digest() : Buffer.alloc(32)
    const members: Record<string, Json> = { ...entry, v: 2, log: name, seq, prev }
    if (args) members['args_commit'] = committed(slot, 1, args)
    if (secret) members['sealed'] = sealed(slot, `${name} ${seq}`, secret)
    const line = canonical(members)
    prev = tree.add(line)
    part().lines += `${line}\n`
    part().keys.push(slot)
    const due =
      log.sizes?.includes(seq + 1) ?? ((seq + 1) % every === 0 || seq + 1 === entries.length)
    if (due) signed(seq + 1)
  }
  for (const [n, { lines, keys, notes }] of parts) {
    writeFileSync(join(folder, `audit-${n}.jsonl`), lines)
    writeFileSync(join(folder, `keys-${n}.bin`), Buffer.concat(keys))
    if (notes !== '') writeFileSync(join(folder, `checkpoints-${n}`), notes)
  }
  if (latest !== '') writeFileSync(join(folder, 'checkpoint'), latest)
  writeFileSync(join(state, 'log.vkey'), `${key.vkey}\n`)
  return folder
}

export function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}

function committed(key: Buffer, kind: number, args: JsonObject): string {
  return createHmac('sha256', key).update(Buffer.of(kind)).update(canonical(args)).digest('hex')
}

function sealed(key: Buffer, place: string, secret: JsonObject): string {
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12)).setAAD(Buffer.from(place))
  const text = Buffer.concat([cipher.update(canonical(secret)), cipher.final()])
  return Buffer.concat([text, cipher.getAuthTag()]).toString('base64')
}

/** RFC 6962 section 2.1 as it stands there, by recursion; complete subtrees are remembered. */
export class NaiveTree {
  readonly #leaves: Buffer[] = []
  readonly #known = new Map<string, Buffer>()

  /** The leaf hash, in hexadecimal. */
  add(entry: string): string {
    const leaf = createHash('sha256').update(Buffer.of(0)).update(entry).digest()
    this.#leaves.push(leaf)
    return leaf.toString('hex')
  }

  root(size: number): Buffer {
    return this.#over(0, size)
  }

  /** RFC 6962 section 2.1.1. */
  path(index: number, size: number): readonly Buffer[] {
    return this.#path(index, 0, size)
  }

  #path(index: number, from: number, to: number): readonly Buffer[] {
    const size = to - from
    if (size === 1) return []
    const k = largestBelow(size)
    return index < k
      ? [...this.#path(index, from, from + k), this.#over(from + k, to)]
      : [...this.#path(index - k, from + k, to), this.#over(from, from + k)]
  }

  #over(from: number, to: number): Buffer {
    const size = to - from
    if (size === 0) return createHash('sha256').digest()
    if (size === 1) return this.#leaves[from] ?? Buffer.alloc(0)
    const name = `${from} ${to}`
    const known = this.#known.get(name)
    if (known) return known
    const k = largestBelow(size)
    const hash = createHash('sha256').update(Buffer.of(1))
    const made = hash
      .update(this.#over(from, from + k))
      .update(this.#over(from + k, to))
      .digest()
    if ((size & (size - 1)) === 0) this.#known.set(name, made)
    return made
  }
}

function largestBelow(size: number): number {
  let k = 1
  while (k * 2 < size) k *= 2
  return k
}

/** Calls and what came of them, one after the other, as a guard has them on record. */
export function story(calls: number): readonly WrittenEntry[] {
  return Array.from({ length: calls }, (_, call) => [
    { entry: intentEntry(call), secret: { facts: { 'args.id': call } }, args: { id: call } },
    { entry: outcomeEntry(call) },
  ]).flat()
}

const BEGIN = Date.parse('2026-11-22T02:00:00.000Z')

export function intentEntry(call: number): JsonObject {
  return {
    call: `20261122T020000Z-0000abcd-${call}`,
    clear: {},
    decision: { effect: 'permit', grants: ['tools.vendors/approve'], reason: 'permitted' },
    mandate: { name: 'intake', s256: 'a'.repeat(64), signed: false },
    principal: { agent: 'agent-1', assurance: 'launch_line' },
    request: {
      effects: ['write'],
      era: 'modern',
      method: 'tools/call',
      name: 'approve',
      server: 'vendors',
    },
    state: { environment: 'dev', labels: [], risk: 'normal', task: 's1' },
    ts: new Date(BEGIN + call * 1000).toISOString(),
    type: 'intent',
  }
}

export function outcomeEntry(call: number): JsonObject {
  return {
    bytes: 321,
    call: `20261122T020000Z-0000abcd-${call}`,
    took_ms: 1.5,
    ts: new Date(BEGIN + call * 1000 + 2).toISOString(),
    type: 'outcome',
    verdict: { outcome: 'forwarded', result: 'complete' },
  }
}
