/** A proof that one record is in a log: C2SP tlog-proof, whose `extra` line is the record itself. */
import { isObject, type JsonObject } from '../../model/json.ts'
import { isCanonical, readEntry } from './entry.ts'
import { canonicalBase64, ORIGIN, readNotes, signatureFault, type VerifierKey } from './note.ts'
import { leafHashOf, rootOfPath } from './tree.ts'

const HEAD = 'c2sp.org/tlog-proof@v1'
const INDEX = /^index (0|[1-9]\d{0,15})$/
const HASH_BYTES = 32
/** Hashes of a path: one for each bit of the size. */
const LONGEST_PATH = 64

export interface Proof {
  /** The bytes of the record, without its line end. */
  readonly entry: Uint8Array
  readonly index: number
  /** Hexadecimal, from the leaf's sibling up. */
  readonly path: readonly string[]
  /** A signed note. */
  readonly checkpoint: string
}

export function proofText({ entry, index, path, checkpoint }: Proof): string {
  const hashes = path.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`)
  const extra = `extra ${Buffer.from(entry).toString('base64')}`
  return `${HEAD}\n${extra}\nindex ${index}\n${hashes.join('')}\n${checkpoint}`
}

export interface Proven {
  readonly log: string
  readonly index: number
  /** Records of the log when it was signed. */
  readonly size: number
  readonly entry: JsonObject
  readonly text: string
}

/** What a proof proves under these keys, or why it proves nothing. */
export function proven(
  text: string,
  keys: readonly VerifierKey[],
): Proven | { readonly fault: string } {
  const read = readProof(text)
  if ('fault' in read) return read
  const { entry: bytes, index, path, checkpoint } = read
  const [found, ...more] = readNotes(Buffer.from(checkpoint), false)
  if (!found || 'fault' in found || more.length > 0) return { fault: 'its checkpoint is none' }
  const { origin, size, root, note } = found.checkpoint
  const fault = signatureFault(note, keys)
  if (fault !== undefined) return { fault: `its checkpoint proves nothing: ${fault}` }
  if (rootOfPath(leafHashOf(bytes), { index, size }, path) !== root)
    return { fault: `the record is not number ${index} of what was signed` }
  const line = Buffer.from(bytes).toString('utf8')
  const entry = readEntry(line)
  if (typeof entry === 'string') return { fault: `it proves no record: ${entry}` }
  if (origin !== `${ORIGIN}${entry.log}` || entry.seq !== index || !isCanonical(line, entry.entry))
    return { fault: 'the record says that it is another one' }
  return { log: entry.log, index, size, entry: entry.entry, text: line }
}

function readProof(text: string): Proof | { readonly fault: string } {
  const [head, extra = '', index = '', ...rest] = text.split('\n')
  if (head !== HEAD) return { fault: `its first line is not \`${HEAD}\`` }
  const entry = extra.startsWith('extra ') ? canonicalBase64(extra.slice(6)) : undefined
  if (!entry || entry.length === 0) return { fault: 'its second line has no record' }
  const number = INDEX.exec(index)?.[1]
  if (number === undefined) return { fault: 'its third line has no number' }
  const end = rest.indexOf('')
  const path = rest.slice(0, end).map((line) => canonicalBase64(line, HASH_BYTES)?.toString('hex'))
  const whole = path.filter((hash) => hash !== undefined)
  if (end < 0 || end > LONGEST_PATH || whole.length < path.length)
    return { fault: 'its hashes cannot be read' }
  return {
    entry,
    index: Number(number),
    path: whole,
    checkpoint: rest.slice(end + 1).join('\n'),
  }
}

/** What a record is about, in a line: enough to see that it is the one that was asked for. */
export function aboutText(entry: JsonObject): string {
  const request = isObject(entry['request']) ? entry['request'] : {}
  const decision = isObject(entry['decision']) ? entry['decision'] : {}
  const principal = isObject(entry['principal']) ? entry['principal'] : {}
  const words = [
    entry['ts'],
    entry['type'],
    entry['call'] ?? entry['event'],
    principal['agent'],
    request['server'],
    request['name'] ?? request['method'],
    decision['effect'] ?? entry['reason'],
  ]
  return words.filter((word) => typeof word === 'string').join(' ')
}
