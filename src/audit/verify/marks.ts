/** Compares what was signed, and what was kept elsewhere, with the tree that the records make. */
import type { Finding, Findings } from './finding.ts'
import type { Checkpoint, Found, VerifierKey } from './note.ts'
import { ORIGIN, signatureFault } from './note.ts'

export type MarkKind = 'checkpoint' | 'anchor'

interface Mark {
  readonly kind: MarkKind
  readonly file: string
  readonly line: number
  readonly size: number
  readonly root: string
}

/** How far a log is signed, and how far it is known elsewhere: numbers of records. */
export interface Reach {
  readonly signed: number | undefined
  readonly anchored: number | undefined
}

export class Marks {
  readonly #log: string
  readonly #keys: readonly VerifierKey[]
  readonly #findings: Findings
  /** Not compared yet, the smallest last. */
  #waiting: Mark[] = []
  #differing: Mark[] = []
  readonly #reach: Record<MarkKind, number | undefined> = {
    checkpoint: undefined,
    anchor: undefined,
  }
  #seen = 0
  #largest = 0

  constructor(log: string, keys: readonly VerifierKey[], findings: Findings) {
    this.#log = log
    this.#keys = keys
    this.#findings = findings
  }

  /** Signed notes that were found, whatever they are worth. */
  get seen(): number {
    return this.#seen
  }

  /** Records of the largest checkpoint with a valid signature, whether or not it could be compared. */
  get largest(): number {
    return this.#largest
  }

  get reach(): Reach {
    return { signed: this.#reach.checkpoint, anchored: this.#reach.anchor }
  }

  /** The next size at which the tree is to be compared. */
  get nextSize(): number {
    return this.#waiting.at(-1)?.size ?? Number.POSITIVE_INFINITY
  }

  /** `least`: sizes that the tree has behind it cannot be compared. Notes in a file of a log stand in the order of their sizes. */
  add(kind: MarkKind, file: string, found: readonly Found[], least = 0): void {
    let last = 0
    for (const one of found) {
      this.#seen += 1
      const fault =
        'fault' in one ? one.fault : this.#faultOf(kind, one.checkpoint, { last, least })
      if (fault !== undefined) {
        this.#tell(kind, { file, line: one.line }, `${fault} (the ${kind} at line ${one.line})`)
        continue
      }
      if ('fault' in one) continue
      const { size, root } = one.checkpoint
      last = size
      if (kind === 'checkpoint') this.#largest = Math.max(this.#largest, size)
      this.#waiting.push({ kind, file, line: one.line, size, root })
    }
    this.#waiting.sort((a, b) => b.size - a.size)
  }

  #faultOf(
    kind: MarkKind,
    { origin, size, note }: Checkpoint,
    { last, least }: { readonly last: number; readonly least: number },
  ): string | undefined {
    if (origin !== `${ORIGIN}${this.#log}`) return 'it is of another log'
    if (kind === 'checkpoint' && size < last) return `it is smaller than the one before it: ${size}`
    if (kind === 'checkpoint' && size < least) return `it stands behind its place: ${size}`
    return signatureFault(note, this.#keys)
  }

  #tell(
    kind: MarkKind,
    place: { readonly file: string; readonly line: number },
    message: string,
  ): void {
    this.#findings.add({ kind, log: this.#log, ...place, message })
  }

  /** The log's tree has this size now, with one of these roots. Gives the one that was signed. */
  compare(size: number, roots: () => readonly string[]): string | undefined {
    if (this.nextSize > size) return undefined
    const due: Mark[] = []
    while (this.nextSize <= size) due.push(...this.#waiting.splice(-1))
    const own = roots()
    const now = due.filter((mark) => mark.size === size)
    const root = now.find((mark) => own.includes(mark.root))?.root
    const same = now.filter((mark) => mark.root === root)
    this.#differing.push(...now.filter((mark) => mark.root !== root))
    for (const mark of same) this.#reach[mark.kind] = size
    if (same.length > 0) this.#settle(same.some(({ kind }) => kind === 'anchor'))
    return root
  }

  /**
   * What comes later is of this history, so what differed before is of another. Of what is known elsewhere, only that can say
   * so: whoever has the key can sign what they like.
   */
  #settle(anchored: boolean): void {
    const other = this.#differing.filter(({ kind }) => anchored || kind === 'checkpoint')
    this.#differing = this.#differing.filter((mark) => !other.includes(mark))
    for (const mark of other) this.#forked(mark)
  }

  /** There are no more records: `size` of them. */
  end(size: number, lastFile: string): void {
    const beyond = this.#waiting.filter((mark) => mark.size > size).toReversed()
    this.#waiting = []
    for (const kind of ['checkpoint', 'anchor'] as const) {
      const [first] = this.#differing.filter((mark) => mark.kind === kind)
      if (first) this.#differs(first)
      const furthest = beyond.filter((mark) => mark.kind === kind).at(-1)
      if (furthest) this.#truncated(furthest, size, lastFile)
    }
  }

  #forked({ kind, file, line, size }: Mark): void {
    const what = kind === 'anchor' ? 'an anchored checkpoint' : 'a signed checkpoint'
    const message = `${what} of ${size} records is of another history than the later ones: the log was forked`
    const seq = Math.max(0, size - 1)
    this.#findings.add({ kind: 'forked', log: this.#log, file, line, seq, message })
  }

  #differs({ kind, file, line, size }: Mark): void {
    const reach = this.#reach
    const anchored = kind === 'anchor'
    const good = anchored ? reach.anchor : Math.max(reach.checkpoint ?? 0, reach.anchor ?? 0)
    const from = Math.min(good ?? 0, size - 1)
    const resigned = anchored && (reach.checkpoint ?? 0) >= size
    const which =
      from === size - 1 ? `record ${from} is` : `one of the records ${from} to ${size - 1} is`
    const message = resigned
      ? `${which} not what was anchored, and the log was signed anew: it was forked or replaced`
      : `${which} not what was ${anchored ? 'anchored' : 'signed'}`
    const range = from === size - 1 ? {} : { to: size - 1 }
    const finding: Finding = {
      kind: resigned ? 'forked' : 'altered',
      log: this.#log,
      file,
      line,
      seq: Math.max(from, 0),
      ...range,
      message,
    }
    this.#findings.add(finding)
  }

  #truncated({ kind, size: signed, file, line }: Mark, size: number, lastFile: string): void {
    const what =
      kind === 'anchor' ? `an anchor (${file}:${line})` : `a checkpoint (${file}:${line})`
    const which = signed - 1 === size ? `record ${size} is` : `records ${size} to ${signed - 1} are`
    const message = `${which} missing at the end: ${what} has ${signed} records, and here are ${size}`
    const range = signed - 1 === size ? {} : { to: signed - 1 }
    this.#findings.add({
      kind: 'truncated',
      log: this.#log,
      file: lastFile,
      seq: size,
      ...range,
      message,
    })
  }
}
