/** Who may use an HTTP listener: one mandate for whoever reaches it, or one for each key that is known (RFC 6750). */
import { hash } from 'node:crypto'
import type { CallId, Sha256 } from '../../../model/id.ts'
import type { TimeKeeper } from '../../../pipeline/port.ts'
import { type Assignment, createFront, type Front, type HouseOptions } from '../../front.ts'
import type { Session } from '../../session.ts'

/** Somebody with a mandate, and how they are known. */
export interface Admission extends Assignment {
  /** SHA-256 of the key that stands for it, in hex; absent: whoever presents no key at all. */
  readonly key?: Sha256
}

export interface PostsOptions {
  readonly house: HouseOptions
  readonly admissions: readonly Admission[]
  readonly time: TimeKeeper
  readonly newCallId: () => CallId
}

/** What an agent may do who has presented its authorization: where its messages go. */
export class Post {
  readonly #options: PostsOptions
  readonly #admission: Admission
  #shared: Front | undefined
  #down = false

  constructor(options: PostsOptions, admission: Admission) {
    this.#options = options
    this.#admission = admission
  }

  /** Serves all its requests of the modern era. Its upstreams start with the first of them, or when this is called before. */
  shared(): Front {
    this.#shared ??= this.#front(undefined)
    return this.#shared
  }

  /** Serves one session of the legacy era, with upstream connections of its own. */
  open(session: Session): Front {
    return this.#front(session)
  }

  goDown(): void {
    this.#down = true
    this.#shared?.goDown()
  }

  settled(patienceMs: number): Promise<void> {
    return this.#shared?.settled(patienceMs) ?? Promise.resolve()
  }

  stop(patienceMs: number): Promise<void> {
    return this.#shared?.stop(patienceMs) ?? Promise.resolve()
  }

  #front(standing: Session | undefined): Front {
    const { house, time, newCallId } = this.#options
    const { mandate, principal, log, task, restricted } = this.#admission
    const own = { mandate, principal, log, task, restricted, standing }
    const front = createFront({ ...house, ...own, time, newCallId })
    // What comes too late starts nothing, and everything in it is refused.
    if (this.#down) front.goDown()
    else for (const link of front.links) link.launch()
    return front
  }
}

export class Posts {
  readonly #all: readonly Post[]
  readonly #byKey: ReadonlyMap<string | undefined, Post>

  constructor(options: PostsOptions) {
    const rows = options.admissions.map((one) => [one.key, new Post(options, one)] as const)
    this.#byKey = new Map(rows)
    this.#all = rows.map(([, post]) => post)
  }

  /**
   * Who presents this key, or none; undefined for nobody who is known. Keys are found by their hash: how long that takes
   * tells nothing of a key.
   */
  admit(key: string | undefined): Post | undefined {
    return this.#byKey.get(key === undefined ? undefined : hash('sha256', key, 'hex'))
  }

  /** How many there are. */
  get count(): number {
    return this.#all.length
  }

  /** Starts the upstreams of the one agent that needs no key: they are up when it comes. */
  launch(): void {
    this.#byKey.get(undefined)?.shared()
  }

  /** From now on nothing new leaves, and whoever listens is told that it ends. */
  goDown(): void {
    for (const post of this.#all) post.goDown()
  }

  /** What is under way has been concluded, or so long has passed. */
  async settled(patienceMs: number): Promise<void> {
    await Promise.all(this.#all.map((post) => post.settled(patienceMs)))
  }

  async stop(patienceMs: number): Promise<void> {
    await Promise.all(this.#all.map((post) => post.stop(patienceMs)))
  }
}
