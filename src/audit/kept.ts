/** Reads what is kept beside a log: the objects that its entries name, and the key of its argument digests. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '../model/digest.ts'
import type { Sha256 } from '../model/id.ts'
import { canonical, type JsonObject } from '../model/json.ts'
import { KEY_BYTES, keyedDigest } from './digest.ts'
import { KEY_FILE, OBJECTS } from './log.ts'

/** Why an object cannot be used. */
export type Missing = 'missing' | 'altered' | 'no_file'

export function objectPath(log: string, name: Sha256): string {
  return join(log, OBJECTS, name)
}

/** Bytes whose hash is the name, or why there are none. */
export function readObject(log: string, name: Sha256): Uint8Array | Missing {
  let bytes: Uint8Array
  try {
    // A pipe would be waited for without end.
    if (!statSync(objectPath(log, name)).isFile()) return 'no_file'
    bytes = readFileSync(objectPath(log, name))
  } catch {
    return 'missing'
  }
  return digestOf(bytes) === name ? bytes : 'altered'
}

/** Tells whether these are the arguments that a digest in this log stands for; undefined where its key is not there. */
export function argsCheck(
  log: string,
): ((args: JsonObject, digest: string) => boolean) | undefined {
  try {
    if (!statSync(join(log, KEY_FILE)).isFile()) return undefined
    const key = readFileSync(join(log, KEY_FILE))
    if (key.length !== KEY_BYTES) return undefined
    const digest = keyedDigest(key)
    return (args, expected) => digest(canonical(args)) === expected
  } catch {
    return undefined
  }
}
