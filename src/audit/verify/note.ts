/**
 * Checkpoints as a reader of its own reads them: C2SP tlog-checkpoint in a signed note, Ed25519, with nothing in it that this
 * guard does not write.
 */
import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { GuardError } from '../../model/error.ts'

/** What a log signs is named so, before its own name. */
export const ORIGIN = 'chaperone.dev/log/'

const ED25519 = 0x01
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const ID_BYTES = 4
/** What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const LINE = /^([^\s+]{1,256})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/
const SIZE = /^(?:0|[1-9]\d{0,15})$/
const LONGEST_LINE = 1024

export interface VerifierKey {
  readonly name: string
  /** Hexadecimal. */
  readonly id: string
  readonly key: KeyObject
  /** The line that it was read from. */
  readonly text: string
}

/** Is this a key itself rather than the name of a file with one? */
export function looksLikeKey(text: string): boolean {
  return LINE.test(text.trim())
}

/** @throws GuardError ERR_AUDIT_READ when it is not one line of a verifier key, or its id is not that of the key */
export function verifierKey(text: string, where: string): VerifierKey {
  const line = text.trim()
  const [, name = '', id = '', base64 = ''] = LINE.exec(line) ?? []
  const bytes = canonicalBase64(base64, 1 + KEY_BYTES)
  if (!bytes || bytes[0] !== ED25519) throw badKey(where, 'expected `<name>+<key id>+<base64>`')
  const expected = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), bytes]), 'hex')
  if (expected.slice(0, 2 * ID_BYTES) !== id) throw badKey(where, 'its id is of another key')
  const key = createPublicKey({
    key: Buffer.concat([SPKI, bytes.subarray(1)]),
    format: 'der',
    type: 'spki',
  })
  return { name, id, key, text: line }
}

function badKey(where: string, why: string): GuardError {
  return new GuardError('ERR_AUDIT_READ', `\`${where}\` holds no key to verify with: ${why}`)
}

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  /** Hexadecimal. */
  readonly root: string
  /** The note with its signatures, up to the last line end of these. */
  readonly note: string
}

/** A note where it stands. */
export type Found =
  | { readonly line: number; readonly checkpoint: Checkpoint }
  | { readonly line: number; readonly fault: string }

/** Why a note is not signed by any of these keys; undefined where it is. Signatures of others say nothing. */
export function signatureFault(note: string, keys: readonly VerifierKey[]): string | undefined {
  const end = note.indexOf('\n\n') + 1
  const body = Buffer.from(note.slice(0, end))
  const lines = note.slice(end + 1).split('\n')
  let signed = 0
  for (const { name, id, key } of keys) {
    const own = lines.flatMap((line) => signatureBy(name, id, line) ?? [])
    const [signature, second] = own
    if (!signature) continue
    if (second) return 'it is signed twice by the same key'
    if (!verify(null, body, key, signature)) return 'its signature is not valid'
    signed += 1
  }
  return signed === 0 ? 'it is not signed by a key of this log' : undefined
}

function signatureBy(name: string, id: string, line: string): Buffer | undefined {
  const before = `— ${name} `
  if (!line.startsWith(before)) return undefined
  const bytes = canonicalBase64(line.slice(before.length), ID_BYTES + SIGNATURE_BYTES)
  return bytes?.toString('hex', 0, ID_BYTES) === id ? bytes.subarray(ID_BYTES) : undefined
}

/**
 * Reads notes that follow each other. `strict`: as a guard writes them, each followed by one empty line; else any number of
 * empty lines may stand before and after each.
 */
export function readNotes(bytes: Buffer, strict: boolean): readonly Found[] {
  if (!isUtf8(bytes)) return [{ line: 1, fault: 'it is not UTF-8' }]
  const lines = bytes.toString('utf8').split('\n')
  const found: Found[] = []
  // What stands behind the last line end is no line.
  const rest = lines.pop() ?? ''
  let at = 0
  while (at < lines.length) {
    if (!strict && lines[at] === '') {
      at += 1
      continue
    }
    const next = noteEnd(lines, at)
    const checkpoint = readNote(lines.slice(at, next))
    const whole = !strict || lines[next] === ''
    found.push(
      checkpoint && whole
        ? { line: at + 1, checkpoint }
        : { line: at + 1, fault: 'no whole checkpoint stands here' },
    )
    at = strict ? next + 1 : next
  }
  if (rest !== '') found.push({ line: lines.length + 1, fault: 'its last line has no end' })
  return found
}

/** The line after the signatures of the note that begins there. */
function noteEnd(lines: readonly string[], begin: number): number {
  let at = begin
  while (at < lines.length && lines[at] !== '') at += 1
  at += 1
  while (at < lines.length && lines[at]?.startsWith('— ') === true) at += 1
  return Math.min(at, lines.length)
}

function readNote(lines: readonly string[]): Checkpoint | undefined {
  const [origin = '', size = '', root = '', empty, ...signatures] = lines
  if (empty !== '' || signatures.length === 0 || origin === '') return undefined
  if (lines.some((line) => line.length > LONGEST_LINE) || !SIZE.test(size)) return undefined
  if (!signatures.every((line) => isSignature(line))) return undefined
  const bytes = canonicalBase64(root, 32)
  if (!bytes || !Number.isSafeInteger(Number(size))) return undefined
  return {
    origin,
    size: Number(size),
    root: bytes.toString('hex'),
    note: `${lines.join('\n')}\n`,
  }
}

function isSignature(line: string): boolean {
  const [dash, name, base64, ...more] = line.split(' ')
  if (dash !== '—' || name === undefined || name === '' || more.length > 0) return false
  return base64 !== undefined && (canonicalBase64(base64)?.length ?? 0) > ID_BYTES
}

/** Decodes base64 that is written in the one way that it can be; `length` in bytes, where it must have one. */
export function canonicalBase64(text: string, length?: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) return undefined
  return length === undefined || bytes.length === length ? bytes : undefined
}
