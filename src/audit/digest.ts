/** The two hashes of the record: the keyed digest of arguments and the leaf hash of an entry. */
import { hash } from 'node:crypto'
import { hashed, sha256, type Sha256 } from '../model/id.ts'

const BLOCK = 64
const DIGEST = 32
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c
/** Texts up to this many UTF-16 code units are hashed in a buffer that is used again. */
const REUSED = 4096

/** Bytes of the key of a log's argument digests. */
export const KEY_BYTES = 32

/** What `prev` says in the first entry of a log. */
export const NO_ENTRY: Sha256 = sha256('0'.repeat(2 * DIGEST))

/**
 * HMAC-SHA-256 (RFC 2104) over the UTF-8 bytes of a text. A plain hash of arguments with few possible
 * values could be guessed; this one only by whoever holds the key. Two one-shot hashes over prepared
 * blocks cost a tenth of `createHmac`.
 *
 * @throws RangeError when the key is not 32 bytes.
 */
export function keyedDigest(key: Uint8Array): (text: string) => Sha256 {
  const hmac = new Hmac()
  hmac.use(key)
  return (text) => hmac.of(text)
}

/** One that is given another key for every entry. */
export class Hmac {
  readonly #inner = Buffer.alloc(BLOCK + 3 * REUSED, INNER_PAD)
  readonly #outer = Buffer.alloc(BLOCK + DIGEST, OUTER_PAD)

  /** @throws RangeError when the key is not 32 bytes. */
  use(key: Uint8Array): void {
    if (key.length !== KEY_BYTES) throw new RangeError('the key of a log is 32 bytes')
    for (let index = 0; index < KEY_BYTES; index += 1) {
      const byte = key[index] ?? 0
      this.#inner[index] = byte ^ INNER_PAD
      this.#outer[index] = byte ^ OUTER_PAD
    }
  }

  of(text: string): Sha256 {
    const block =
      text.length > REUSED
        ? Buffer.concat([this.#inner.subarray(0, BLOCK), Buffer.from(text)])
        : this.#inner.subarray(0, BLOCK + this.#inner.write(text, BLOCK))
    // A Latin-1 string carries the 32 bytes across without a buffer of their own.
    this.#outer.write(hash('sha256', block, 'binary'), BLOCK, 'binary')
    return hashed(hash('sha256', this.#outer, 'hex'))
  }
}

/** RFC 6962 section 2.1: SHA-256(0x00 ‖ entry). U+0000 is the one byte 0x00 in UTF-8. */
export function leafHash(line: string): Sha256 {
  return hashed(hash('sha256', `\0${line}`, 'hex'))
}
