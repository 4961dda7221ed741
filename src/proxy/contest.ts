/** Which names of the catalog are hidden because they can be taken for others that the agent would see beside them. */
import type { CompiledMandate } from '../model/authority.ts'
import type { DefinitionKind } from '../model/lock.ts'
import { type Contender, rivalsAmong } from '../model/rival.ts'
import type { Pins } from './pins.ts'
import type { Shelf } from './shelf.ts'
import { stateOf } from './standing.ts'

/** What somebody can be asked to see: a template is told by its URI. */
export type NamedKind = Exclude<DefinitionKind, 'template'>

/** Reads what the shelves know now. Made once for each change of a list, not for each request. */
export class Contest {
  readonly #mandate: CompiledMandate
  readonly #pins: Pins
  /** Names that a grant writes out. */
  readonly #named: ReadonlySet<string>

  constructor(mandate: CompiledMandate, pins: Pins) {
    this.#mandate = mandate
    this.#pins = pins
    const grants = mandate.mandate.grants
    this.#named = new Set(grants.map(({ kind, server, name }) => keyOf(kind, server, name)))
  }

  /** Those that are hidden, as `server/name`, and why. */
  judge(kind: NamedKind, shelves: readonly Shelf[]): ReadonlyMap<string, string> {
    const contenders = shelves.flatMap((shelf) => this.#contenders(kind, shelf))
    const lost = [...rivalsAmong(contenders)]
    return new Map(lost.map(([{ server, name }, why]) => [`${server}/${name}`, why]))
  }

  /** What is pinned and granted: the agent sees nothing else. One that changed keeps its place, so that no other takes it. */
  #contenders(kind: NamedKind, shelf: Shelf): readonly Contender[] {
    const { link, known, rank } = shelf
    const { server } = link
    const found: Contender[] = []
    for (const name of known[kind].keys()) {
      const state = stateOf(this.#pins, kind, shelf, name)
      if (state === undefined || state === 'new' || !this.#granted(kind, server, name)) continue
      const standing = this.#standing(kind, server, name)
      found.push({ server, name, standing, rank, late: this.#pins.isLate(server, kind, name) })
    }
    return found
  }

  #granted(kind: NamedKind, server: string, name: string): boolean {
    return kind === 'tool'
      ? this.#mandate.names(server, name)
      : this.#mandate.prompt(server, name).listed
  }

  #standing(kind: NamedKind, server: string, name: string): Contender['standing'] {
    if (this.#pins.source === 'lock') return 'approved'
    return this.#named.has(keyOf(kind, server, name)) ? 'named' : 'covered'
  }
}

function keyOf(kind: string, server: string, name: string): string {
  return `${kind} ${server}/${name}`
}
