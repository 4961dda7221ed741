/** Checkpoints as signed notes (C2SP tlog-checkpoint in a signed-note), with Ed25519. */
import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'

/** What the first line of a checkpoint begins with; the log's name follows. */
export const ORIGIN = 'chaperone.dev/log/'

const ED25519 = 0x01
const KEY_ID = 4
const PUBLIC_KEY = 32
const SIGNATURE = 64
/** SubjectPublicKeyInfo of an Ed25519 key ends with the 32 bytes of it (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

/** Who signs: a name that is no secret, and the public key. */
export interface Verifier {
  readonly name: string
  readonly publicKey: Buffer
}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`
}

/** The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). */
export function keyId({ name, publicKey }: Verifier): Buffer {
  const bytes = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), publicKey])
  return hash('sha256', bytes, 'buffer').subarray(0, KEY_ID)
}

/** As it stands in `log.vkey`, without its line end. */
export function vkey(verifier: Verifier): string {
  const key = Buffer.concat([Buffer.of(ED25519), verifier.publicKey]).toString('base64')
  return `${verifier.name}+${keyId(verifier).toString('hex')}+${key}`
}

/** @throws RangeError for a key that is not Ed25519. */
export function rawPublicKey(key: KeyObject): Buffer {
  const spki = key.export({ type: 'spki', format: 'der' })
  if (spki.length !== SPKI_PREFIX.length + PUBLIC_KEY || !spki.subarray(0, 12).equals(SPKI_PREFIX))
    throw new RangeError('not an Ed25519 key')
  return spki.subarray(SPKI_PREFIX.length)
}

/** A note of this text, signed off the event loop. */
export function signed(text: string, verifier: Verifier, key: KeyObject): Promise<string> {
  return new Promise((resolve, reject) => {
    sign(null, Buffer.from(text), key, (error, signature) => {
      if (error) reject(error)
      else resolve(noteOf(text, verifier, signature))
    })
  })
}

/** Likewise, at once. */
export function signedNow(text: string, verifier: Verifier, key: KeyObject): string {
  return noteOf(text, verifier, sign(null, Buffer.from(text), key))
}

/** The note as it stands in a file. */
export function noteOf(text: string, verifier: Verifier, signature: Buffer): string {
  const blob = Buffer.concat([keyId(verifier), signature]).toString('base64')
  return `${text}\n\u2014 ${verifier.name} ${blob}\n`
}

const CHECKPOINT = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n$/

/** What a note says; undefined where it is none, or is not signed by this key. */
export function opened(note: string, verifier: Verifier): Checkpoint | undefined {
  const end = note.indexOf('\n\n')
  const text = note.slice(0, end + 1)
  const [, origin, size, root] = CHECKPOINT.exec(text) ?? []
  if (end < 0 || origin === undefined || size === undefined || root === undefined) return undefined
  const lines = note.slice(end + 2).split('\n')
  if (!lines.some((line) => isSigned(text, line, verifier))) return undefined
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') }
}

function isSigned(text: string, line: string, verifier: Verifier): boolean {
  const prefix = `\u2014 ${verifier.name} `
  if (!line.startsWith(prefix)) return false
  const blob = Buffer.from(line.slice(prefix.length), 'base64')
  if (blob.length !== KEY_ID + SIGNATURE) return false
  if (!blob.subarray(0, KEY_ID).equals(keyId(verifier))) return false
  const der = Buffer.concat([SPKI_PREFIX, verifier.publicKey])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return verify(null, Buffer.from(text), key, blob.subarray(KEY_ID))
}
