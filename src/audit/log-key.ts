/** The key that signs the checkpoints of a state folder's logs: made on first run, or given. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  randomBytes,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { makeFolders } from '../model/folder.ts'
import { rawPublicKey, signed, signedNow, type Verifier, vkey } from './note.ts'

export const LOG_KEY = 'log.key'
export const LOG_VKEY = 'log.vkey'

const OWNER_FILE = 0o600
const LARGEST_KEY = 16 * 1024

export interface LogKey extends Verifier {
  /** As it stands in `log.vkey`. */
  readonly vkey: string
  /** A note of this text, signed in the thread pool. */
  readonly sign: (text: string) => Promise<string>
  /** The same, before anything is served. */
  readonly signNow: (text: string) => string
}

/**
 * The key at `given`, else the one of the state folder, made where there is none yet: of several guards that start at once
 * all take the same. Its public half is put beside it as `log.vkey`.
 *
 * @throws GuardError ERR_CONFIG_READ when it cannot be read or made, or is no Ed25519 key.
 */
export function openLogKey(state: string, given?: string): LogKey {
  const path = given ?? join(state, LOG_KEY)
  try {
    makeFolders(state, (one) => mkdirSync(one, 0o700))
    const key = given === undefined ? ownKey(state, path) : keyFrom(readKey(path))
    publish(state, key.vkey)
    return key
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const remedy =
      cause instanceof SignedByAnother
        ? 'name that key: `audit: { key: … }` in the settings, with `--settings`'
        : 'make one with `openssl genpkey -algorithm ed25519`'
    throw new GuardError(
      'ERR_CONFIG_READ',
      `the key of the log \`${path}\` cannot be used: ${why} (${remedy})`,
      { cause },
    )
  }
}

/** Whoever was not told of a given key must not take its place: every log would end there. */
class SignedByAnother extends Error {}

function ownKey(state: string, path: string): LogKey {
  const published = readIfThere(join(state, LOG_VKEY))?.trimEnd()
  const another = new SignedByAnother(
    `the logs are signed with another key, \`${published ?? ''}\``,
  )
  // None is made where there is none to compare with.
  if (published !== undefined && readIfThere(path) === undefined) throw another
  const key = keyFrom(own(state, path))
  if (published !== undefined && published !== key.vkey) throw another
  return key
}

/** The name is made from the public key, so that two keys never share one. */
export function keyFrom(pem: string): LogKey {
  const privateKey = createPrivateKey(pem)
  return keyOf(privateKey)
}

function keyOf(privateKey: KeyObject): LogKey {
  const publicKey = rawPublicKey(createPublicKey(privateKey))
  const name = `chaperone.dev/${hash('sha256', publicKey, 'hex').slice(0, 8)}`
  const verifier = { name, publicKey }
  return {
    ...verifier,
    vkey: vkey(verifier),
    sign: (text) => signed(text, verifier, privateKey),
    signNow: (text) => signedNow(text, verifier, privateKey),
  }
}

function readKey(path: string): string {
  const pem = readFileSync(path, 'utf8')
  if (pem.length > LARGEST_KEY) throw new Error('it is larger than a key can be')
  return pem
}

function own(state: string, path: string): string {
  try {
    return readKey(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const temporary = written(state, LOG_KEY, pem)
  try {
    // Unlike a rename, a link takes the place of nothing: whoever comes second reads what the first made.
    linkSync(temporary, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    unlinkSync(temporary)
  }
  return readKey(path)
}

/** What another key left is kept under the id of that key: older logs are verified with it. */
function publish(state: string, line: string): void {
  const path = join(state, LOG_VKEY)
  const before = readIfThere(path)?.trimEnd()
  if (before === line) return
  const id = before?.split('+')[1]
  if (id !== undefined && /^[0-9a-f]{8}$/.test(id)) renameSync(path, join(state, `log-${id}.vkey`))
  renameSync(written(state, LOG_VKEY, `${line}\n`), path)
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** A file for its owner alone, on the disk by the time it gets its name. */
function written(state: string, name: string, text: string): string {
  const temporary = join(state, `${name}.${process.pid}.${randomBytes(6).toString('hex')}.part`)
  const file = openSync(temporary, 'wx', OWNER_FILE)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return temporary
}
