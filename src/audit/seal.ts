/** Seals what values an entry has under a key of its own, so that the entry alone can be made unreadable later. */
import { type CipherGCM, createCipheriv, createSecretKey, randomFillSync } from 'node:crypto'
import type { Sha256 } from '../model/id.ts'
import { Hmac, KEY_BYTES } from './digest.ts'

const CIPHER = 'aes-256-gcm'
/** A key seals one text only, so its nonce may be what it likes. */
const NONCE = Buffer.alloc(12)
const POOLED_KEYS = 256
/** Ciphers that are made ready while nobody waits: what they cost is their making. */
const READY = 16

/** Says which commitment it is, so that one cannot stand for the other. */
export const ARGS = '\u0001'
export const INPUT = '\u0002'

interface Ready {
  readonly key: Buffer
  readonly cipher: CipherGCM
}

export class Sealer {
  #random = Buffer.alloc(0)
  #taken = 0
  readonly #ready: Ready[] = []
  readonly #hmac = new Hmac()
  readonly #none = new Uint8Array(KEY_BYTES)
  #current: Ready | undefined

  /** Begins an entry: what is sealed and committed to from now on is under another key, made when first needed. */
  begin(): void {
    this.#current = undefined
  }

  /** The key of the entry that was begun; zeros where it needed none. */
  get key(): Uint8Array {
    return this.#current?.key ?? this.#none
  }

  /** HMAC-SHA-256 under the entry's key of a byte that says what it is about, and the text. */
  commit(what: typeof ARGS | typeof INPUT, text: string): Sha256 {
    this.#keyed()
    return this.#hmac.of(`${what}${text}`)
  }

  /** Base64 of the ciphertext and its tag. Once for each entry. */
  seal(text: string, about: string): string {
    const { cipher } = this.#keyed()
    cipher.setAAD(Buffer.from(about))
    const sealed = cipher.update(text, 'utf8', 'binary') + cipher.final('binary')
    return Buffer.from(sealed + cipher.getAuthTag().toString('latin1'), 'binary').toString('base64')
  }

  /** Makes ready what the next entries need. */
  prepare(): void {
    while (this.#ready.length < READY) this.#ready.push(this.#made())
  }

  #keyed(): Ready {
    if (this.#current) return this.#current
    this.#current = this.#ready.pop() ?? this.#made()
    this.#hmac.use(this.#current.key)
    return this.#current
  }

  #made(): Ready {
    if (this.#taken >= this.#random.length) {
      this.#random = randomFillSync(Buffer.alloc(POOLED_KEYS * KEY_BYTES))
      this.#taken = 0
    }
    const key = this.#random.subarray(this.#taken, this.#taken + KEY_BYTES)
    this.#taken += KEY_BYTES
    // Of bytes the runtime asks first whether they are one of its keys, which takes it longer than all the rest.
    return { key, cipher: createCipheriv(CIPHER, createSecretKey(key), NONCE) }
  }
}
