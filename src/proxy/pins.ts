/**
 * What definitions have to be: those that the lock file approves, or without one those that were first seen in this
 * run. One object for the whole guard, whatever number of sessions it serves, so that no session pins for itself.
 *
 * A definition that changed is held until the guard ends, even where it is again what it was: an upstream that shows
 * one thing and then another has shown that it is not the one that was approved, and would choose when to be trusted.
 * One that was gone and comes back as it was is not held: that is what every new start of an upstream looks like.
 */
import type { EffectClass } from '../model/call.ts'
import { differences, differenceText } from '../model/difference.ts'
import type { Sha256 } from '../model/id.ts'
import type { ApprovedDefinition, Definition, DefinitionKind, Lock } from '../model/lock.ts'
import { type Contender, rivalsAmong } from '../model/rival.ts'

/** How a definition stands to its pin; `changed` for the rest of the run once it was not as it is pinned. */
export type PinState = 'pinned' | 'changed' | 'new'

/** What is not as it was approved or first seen. */
export interface Drift {
  readonly server: string
  readonly kind: DefinitionKind
  readonly name: string
  /** `held`: one that changed is as it was again, and stays hidden. */
  readonly drift: 'changed' | 'held' | 'new' | 'look_alike' | 'vanished'
  readonly before?: Sha256
  readonly after?: Sha256
  /** In words, a line each: what differs, or which name it looks like. */
  readonly diff: readonly string[]
}

/** A list as it was held against the pins. */
export interface Sighting {
  /** What was not told before. */
  readonly drift: readonly Drift[]
  /** True when this upstream's list of that kind is seen for the first time in this run. */
  readonly first: boolean
}

interface FirstSeen extends Definition {
  /** True when it was not in the first list. */
  readonly late: boolean
}

/** One upstream's definitions of one kind. */
interface Shelved {
  readonly server: string
  readonly kind: DefinitionKind
  /** Absent without a lock file. */
  readonly approved?: ReadonlyMap<string, ApprovedDefinition>
  readonly seen: Map<string, FirstSeen>
  /** Names of pinned definitions that changed in this run: no more than there are pins. */
  readonly drifted: Set<string>
  listed: boolean
}

/** Definitions of one kind that are pinned for one upstream: whoever lists new ones for ever is held. */
const MOST_PINNED = 100_000
/** Things of one kind that are told of one upstream in one run. */
const MOST_SAID = 1000
const NOTHING: ReadonlyMap<string, ApprovedDefinition> = new Map()

export class Pins {
  readonly #lock: Lock | undefined
  readonly #shelves = new Map<string, Shelved>()
  readonly #said = new Map<string, Set<string>>()
  #drifted = 0

  constructor(lock?: Lock) {
    this.#lock = lock
  }

  /** Where the pins come from, as the record says it. */
  get source(): 'lock' | 'first_sight' {
    return this.#lock ? 'lock' : 'first_sight'
  }

  /** How many definitions changed in this run, whichever session saw it: what was worked out before that is outdated. */
  get drifted(): number {
    return this.#drifted
  }

  /**
   * Holds a list against the pins; without a lock, what was not seen before is pinned. `whole` is false for a list
   * of which an upstream may keep something back, because it was not told all that it may ask for: then nothing is gone.
   */
  see(
    server: string,
    kind: DefinitionKind,
    list: readonly Definition[],
    { whole = true }: { readonly whole?: boolean } = {},
  ): Sighting {
    const shelf = this.#shelf(server, kind)
    const first = !shelf.listed
    if (!shelf.approved) pin(shelf, list)
    shelf.listed = true
    for (const { name, digest } of list) {
      const pinned = pinsOf(shelf).get(name)
      if (!pinned || pinned.digest === digest || shelf.drifted.has(name)) continue
      shelf.drifted.add(name)
      this.#drifted += 1
    }
    return { drift: this.#drift(shelf, list, whole), first }
  }

  /** How a definition with that hash stands now. Asked anew each time: another session may have seen it change. */
  stateOf(server: string, kind: DefinitionKind, name: string, digest: Sha256): PinState {
    const shelf = this.#shelf(server, kind)
    const pinned = pinsOf(shelf).get(name)
    if (!pinned) return 'new'
    return pinned.digest === digest && !shelf.drifted.has(name) ? 'pinned' : 'changed'
  }

  /** The hash that a definition has to have, where one is pinned. */
  pinOf(server: string, kind: DefinitionKind, name: string): Sha256 | undefined {
    return pinsOf(this.#shelf(server, kind)).get(name)?.digest
  }

  /** True for what was not in the first list of its upstream. */
  isLate(server: string, kind: DefinitionKind, name: string): boolean {
    return this.#shelf(server, kind).seen.get(name)?.late === true
  }

  /** What the lock says that a tool does to the world. */
  effectOf(server: string, tool: string): EffectClass | undefined {
    return this.#lock?.upstreams.get(server)?.definitions.tool.get(tool)?.effect
  }

  /** True when the lock file approves anything of that kind. */
  approves(server: string, kind: DefinitionKind): boolean {
    return (this.#shelf(server, kind).approved?.size ?? 0) > 0
  }

  /** True the first time that this is said of a server under that topic, and not without end. */
  once(server: string, topic: string, what: string): boolean {
    const key = `${topic} ${server}`
    const said = this.#said.get(key) ?? new Set()
    this.#said.set(key, said)
    if (said.has(what) || said.size >= MOST_SAID) return false
    said.add(what)
    return true
  }

  #shelf(server: string, kind: DefinitionKind): Shelved {
    const key = `${kind} ${server}`
    const known = this.#shelves.get(key)
    if (known) return known
    const approved = this.#lock
      ? { approved: this.#lock.upstreams.get(server)?.definitions[kind] ?? NOTHING }
      : {}
    const nothing = { seen: new Map(), drifted: new Set<string>(), listed: false }
    const shelf: Shelved = { server, kind, ...approved, ...nothing }
    this.#shelves.set(key, shelf)
    return shelf
  }

  #drift(shelf: Shelved, list: readonly Definition[], whole: boolean): readonly Drift[] {
    const { server, kind, approved, drifted } = shelf
    const untold = (topic: string, { name, digest }: Definition): boolean =>
      this.once(server, topic, `${kind} ${digest} ${name}`)
    const pins = pinsOf(shelf)
    const drift: Drift[] = []
    for (const one of list) {
      const before = pins.get(one.name)
      if (!before || !drifted.has(one.name)) continue
      const same = before.digest === one.digest
      if (untold(same ? 'held' : 'changed', one))
        drift.push(same ? held(shelf, one) : changed(shelf, before, one))
    }
    const fresh = approved ? list.filter((one) => !pins.has(one.name) && untold('new', one)) : []
    const listed = new Set(list.map(({ name }) => name))
    // What nobody approved may go as it came.
    for (const one of whole ? (approved?.values() ?? []) : []) {
      if (!listed.has(one.name) && untold('vanished', one))
        drift.push({
          server,
          kind,
          name: one.name,
          drift: 'vanished',
          before: one.digest,
          diff: [],
        })
    }
    return fresh.length === 0 ? drift : [...drift, ...this.#unapproved(shelf, fresh)]
  }

  /** What the lock does not have; one that looks like a name that it has is told apart from what is only new. */
  #unapproved({ server, kind }: Shelved, fresh: readonly Definition[]): readonly Drift[] {
    const contenders = [...(this.#lock?.upstreams ?? [])].flatMap(([of, { definitions }]) =>
      [...definitions[kind].keys()].map((name) => contender(of, name, 'approved')),
    )
    const others = fresh.map(({ name }) => contender(server, name, 'covered'))
    const lost = rivalsAmong([...contenders, ...others])
    return fresh.map(({ name, digest }, index) => {
      const other = others[index]
      const why = other && lost.get(other)
      const drift = why === undefined ? 'new' : 'look_alike'
      return { server, kind, name, drift, after: digest, diff: why === undefined ? [] : [why] }
    })
  }
}

function pin({ seen, listed }: Shelved, list: readonly Definition[]): void {
  for (const one of list) {
    if (seen.size >= MOST_PINNED) return
    if (!seen.has(one.name)) seen.set(one.name, { ...one, late: listed })
  }
}

function pinsOf({ approved, seen }: Shelved): ReadonlyMap<string, Definition> {
  return approved ?? seen
}

function held({ server, kind }: Shelved, { name, digest }: Definition): Drift {
  return { server, kind, name, drift: 'held', before: digest, after: digest, diff: [] }
}

function changed({ server, kind }: Shelved, before: Definition, after: Definition): Drift {
  const { shown, more } = differences(before.value, after.value)
  const rest = more === 0 ? [] : [`and ${more} more`]
  const diff = [...shown.map(differenceText), ...rest]
  const hashes = { before: before.digest, after: after.digest }
  return { server, kind, name: after.name, drift: 'changed', ...hashes, diff }
}

function contender(server: string, name: string, standing: 'approved' | 'covered'): Contender {
  return { server, name, standing, late: false, rank: 0 }
}
