/**
 * `audit verify` for one log: reads its files as anybody could who has docs/log-format.md and the public key, and finds what
 * was done to them. It uses nothing of what writes logs.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ChainCheck, type Place } from './chain.ts'
import { KeyFile, keysSize } from './content.ts'
import { isCanonical, readEntry } from './entry.ts'
import { type Finding, Findings } from './finding.ts'
import { Gone } from './gone.ts'
import { Histories } from './histories.ts'
import { eachLine, firstLine, LONGEST_LINE, type RawLine, type Rest } from './lines.ts'
import { Marks } from './marks.ts'
import { NamedObjects } from './named.ts'
import { auditFiles, checkpointFiles, LATEST } from './names.ts'
import { type Found, ORIGIN, readNotes, type VerifierKey } from './note.ts'
import { leafHashAt } from './tree.ts'

const SLOT_BYTES = 32
const OBJECTS = 'objects'

/** Notes of all logs, as they were kept elsewhere. */
export interface Anchors {
  readonly file: string
  readonly found: readonly Found[]
}

export interface VerifyOptions {
  readonly folder: string
  /** One of them has to have signed. */
  readonly keys: readonly VerifierKey[]
  readonly anchors?: readonly Anchors[]
  /** Opens whatever is sealed and still has its key. */
  readonly content?: boolean
  readonly signal?: AbortSignal
}

export interface LogReport {
  readonly log: string
  readonly folder: string
  /** `unproven`: nothing is wrong, and nothing that is signed by the key says that it is right. */
  readonly verdict: 'fine' | 'tampered' | 'unproven'
  readonly format: number | undefined
  readonly files: number
  readonly records: number
  /** The first so many records are signed, and anchored. */
  readonly signed: number
  /** So many more are signed, and could not be compared with that or are not it. */
  readonly unchecked: number
  readonly anchored: number
  readonly erased: number
  /** Which these are, and what the log says of such. */
  readonly gone: Gone
  readonly objects: number
  readonly first: string | undefined
  readonly last: string | undefined
  readonly findings: readonly Finding[]
  /** All of them; the list ends with so many. */
  readonly count: number
}

/** @throws what the system says when the files cannot be read */
export async function verifyLog(options: VerifyOptions): Promise<LogReport> {
  const { folder, keys, anchors = [] } = options
  const names = readdirSync(folder)
  const latest = names.includes(LATEST) ? notesIn(join(folder, LATEST), false) : []
  const log = nameOf(folder, latest, auditFiles(names)[0]?.name)
  const findings = new Findings()
  const marks = new Marks(log, keys, findings)
  // What was signed is read first: it cannot be of more records than are read after it.
  marks.add('checkpoint', LATEST, latest)
  for (const { file, found } of anchors) {
    const own = found.filter((one) => 'checkpoint' in one && one.checkpoint.origin === ORIGIN + log)
    marks.add('anchor', file, own)
  }
  return new LogCheck(options, { log, findings, marks, names }).run()
}

export function notesIn(path: string, strict: boolean): readonly Found[] {
  return readNotes(readFileSync(path), strict)
}

/** The name that is signed, else that of the first record, else that of the folder. */
function nameOf(folder: string, latest: readonly Found[], file: string | undefined): string {
  const [first] = latest
  const origin = first && 'checkpoint' in first ? first.checkpoint.origin : ''
  if (origin.startsWith(ORIGIN)) return origin.slice(ORIGIN.length)
  const line = file === undefined ? undefined : firstLine(join(folder, file))
  const read = line === undefined ? undefined : readEntry(line)
  return typeof read === 'object' ? read.log : basename(folder)
}

interface Parts {
  readonly log: string
  readonly findings: Findings
  readonly marks: Marks
  readonly names: readonly string[]
}

class LogCheck {
  readonly #options: VerifyOptions
  readonly #parts: Parts
  readonly #tree = new Histories()
  readonly #objects = new NamedObjects()
  #chain: ChainCheck
  #format: number | undefined
  #first: string | undefined
  #last: string | undefined
  readonly #gone = new Gone()
  /** Records of this file that have sealed content. */
  #sealed = 0
  #file = ''
  #keys: KeyFile | undefined

  constructor(options: VerifyOptions, parts: Parts) {
    this.#options = options
    this.#parts = parts
    this.#chain = new ChainCheck(parts.log, parts.findings, { file: '', line: 1 })
  }

  async run(): Promise<LogReport> {
    const { names, marks, findings, log } = this.#parts
    const { folder } = this.#options
    const files = auditFiles(names)
    this.#compare()
    for (const [index, { name, first }] of files.entries()) {
      this.#signedIn(`checkpoints-${first}`, first)
      this.#chain.expectFile(first, { file: name, line: 1 })
      await this.#readFile({ name, first, last: index === files.length - 1 })
    }
    this.#strays(files.map(({ first }) => first))
    this.#tree.end(() => this.#compare())
    marks.end(this.#chain.next, files.at(-1)?.name ?? '')
    const objects = await this.#objects.check(join(folder, OBJECTS), (name, message, seq) => {
      const record = seq === undefined ? {} : { seq }
      findings.add({ kind: 'object', log, file: `${OBJECTS}/${name}`, ...record, message })
    })
    return this.#report(files.length, objects)
  }

  #report(files: number, objects: number): LogReport {
    const { log, findings, marks } = this.#parts
    const { signed = 0, anchored = 0 } = marks.reach
    const proven = signed > 0 || anchored > 0
    const verdict = findings.count > 0 ? 'tampered' : proven ? 'fine' : 'unproven'
    return {
      log,
      folder: this.#options.folder,
      verdict,
      format: this.#format,
      files,
      records: this.#chain.next,
      signed,
      unchecked: Math.max(0, Math.min(marks.largest, this.#chain.next) - signed),
      anchored,
      erased: this.#gone.count,
      gone: this.#gone,
      objects,
      first: this.#first,
      last: this.#last,
      findings: findings.list,
      count: findings.count,
    }
  }

  #signedIn(name: string, least: number): void {
    if (!this.#parts.names.includes(name)) return
    const found = notesIn(join(this.#options.folder, name), true)
    this.#parts.marks.add('checkpoint', name, found, least)
  }

  async #readFile({ name, first, last }: FileToRead): Promise<void> {
    const path = join(this.#options.folder, name)
    this.#file = name
    this.#sealed = 0
    this.#keys = new KeyFile(this.#options.folder, first)
    const before = this.#chain.next
    const rest = await eachLine(path, (line) => this.#take(line), this.#options.signal)
    // Somebody writes it: what is not complete is no matter of ours yet.
    const live = last && statSync(path).size > rest.size
    if (rest.torn > 0 && !live) this.#torn(rest)
    this.#keysLength(rest, last, before)
  }

  #torn({ torn, lines }: Rest): void {
    const message = `record ${this.#chain.next} is torn: ${torn} bytes without a line end`
    this.#chain.tell('torn', { file: this.#file, line: lines + 1 }, message)
  }

  /** A key is written before its record, so behind the last record there may be more of them. */
  #keysLength({ lines }: Rest, last: boolean, from: number): void {
    const path = this.#keys?.path ?? ''
    const size = keysSize(path)
    if (this.#format === 1 || (size === undefined && this.#sealed === 0)) return
    if (size === undefined) {
      const message = `it is not there, and ${this.#sealed} records from ${from} on have sealed content`
      const file = basename(path)
      this.#parts.findings.add({ kind: 'keys', log: this.#parts.log, file, message })
      return
    }
    const expected = lines * SLOT_BYTES
    if (size === expected || (last && size > expected && size % SLOT_BYTES === 0)) return
    const message = `it has ${size} bytes where the ${lines} records from ${from} on have ${expected}`
    const file = basename(path)
    this.#parts.findings.add({ kind: 'keys', log: this.#parts.log, file, message })
  }

  #take({ bytes, begin, end, number, utf8, tooLong }: RawLine): void {
    const place: Place = { file: this.#file, line: number }
    const leaf = leafHashAt(bytes, begin, end)
    const why = tooLong ? `it has more than ${LONGEST_LINE} bytes` : 'it is not UTF-8'
    const text = tooLong || !utf8 ? undefined : bytes.toString('utf8', begin, end)
    const read = text === undefined ? why : readEntry(text)
    if (typeof read === 'string') {
      this.#chain.tell(
        'not_an_entry',
        place,
        `no record stands at record ${this.#chain.next}: ${read}`,
      )
      this.#tree.take(this.#chain.next, leaf, undefined, () => this.#compare())
      this.#chain.skip(leaf, place)
      return
    }
    const stands = this.#chain.follow(read, leaf, place)
    const { seq, entry, v, log, ts } = read
    const wrong = this.#wrongIn(text ?? '', read)
    if (wrong) this.#chain.tell(wrong.kind, place, `record ${seq} ${wrong.why}`, seq)
    if (!stands) return
    this.#format ??= v
    this.#first ??= ts
    this.#last = ts
    if (log === this.#parts.log) this.#objects.note(entry, seq)
    if (log === this.#parts.log) this.#gone.note(entry, seq)
    if (v !== 1) this.#lookAtContent(entry, seq, place)
    this.#tree.take(seq, leaf, read.prev, () => this.#compare())
  }

  #wrongIn(
    text: string,
    {
      entry,
      log,
      v,
    }: { readonly entry: Parameters<typeof isCanonical>[1]; log: string; v: number },
  ):
    | { readonly kind: 'wrong_log' | 'not_canonical' | 'not_an_entry'; readonly why: string }
    | undefined {
    if (log !== this.#parts.log) return { kind: 'wrong_log', why: 'is of another log' }
    if (!isCanonical(text, entry)) return { kind: 'not_canonical', why: 'is not canonical JSON' }
    if (v === (this.#format ?? v)) return undefined
    return { kind: 'not_an_entry', why: `has another format than those before it` }
  }

  #lookAtContent(entry: Parameters<typeof isCanonical>[1], seq: number, place: Place): void {
    if (entry['sealed'] !== undefined) this.#sealed += 1
    const state = this.#keys?.state(entry, seq, this.#options.content === true)
    if (state === 'erased') this.#gone.add(seq)
    if (state !== 'unreadable') return
    const message = `what is sealed of record ${seq} cannot be opened: its key was altered`
    this.#parts.findings.add({ kind: 'content', log: this.#parts.log, ...place, seq, message })
  }

  #compare(): void {
    const { marks, findings, log } = this.#parts
    if (marks.nextSize > this.#tree.size) return
    const root = marks.compare(this.#tree.size, () => this.#tree.roots())
    const altered = root === undefined ? [] : this.#tree.settle(root)
    for (const seq of altered.filter((one) => !findings.has(one))) {
      const message = `record ${seq} is not what was signed`
      findings.add({ kind: 'altered', log, file: this.#file, seq, message })
    }
  }

  /** Files that belong to no file of records. */
  #strays(firsts: readonly number[]): void {
    const { names, findings, log } = this.#parts
    for (const { name, first } of checkpointFiles(names)) {
      if (firsts.includes(first)) continue
      const message = `it signs records from ${first} on, and \`audit-${first}.jsonl\` is not there`
      findings.add({ kind: 'missing', log, file: name, seq: first, message })
      this.#signedIn(name, first)
    }
  }
}

interface FileToRead {
  readonly name: string
  readonly first: number
  readonly last: boolean
}
