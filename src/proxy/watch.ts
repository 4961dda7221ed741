/** Who watches which resource where: an upstream is told once, and what it says of a resource goes to those who watch it alone. */
import { member, type Json, type JsonObject } from '../model/json.ts'
import { GuardError } from '../model/error.ts'
import type { UpstreamAnswer } from '../model/port.ts'
import type { LetOut } from '../pipeline/again.ts'
import type { Called, Way } from './departure.ts'
import type { Overhear } from './overhear.ts'
import { CODE, errorText, META, notificationFrame, type RequestId } from './protocol.ts'
import type { Session } from './session.ts'
import type { Hearing } from './upstream/changes.ts'
import type { Link } from './upstream/link.ts'

interface Watcher {
  readonly session: Session
  /** The subscription that was let out. */
  readonly letOut: LetOut
  /** The `subscriptions/listen` of a modern agent. */
  readonly listen: RequestId | undefined
  /** False until the agent has been told what is honoured: nothing may come before that. */
  told: boolean
  missed: boolean
}

const DONE: UpstreamAnswer = { kind: 'result', text: '{}', outcome: 'complete' }

export class Watch {
  readonly #hearing: Hearing
  readonly #overhear: Overhear
  readonly #permitted: (letOut: LetOut) => boolean
  /** By server, then by URI. */
  readonly #watched = new Map<string, Map<string, Set<Watcher>>>()

  /** `permitted`: whether a subscription would be let out now. */
  constructor(hearing: Hearing, overhear: Overhear, permitted: (letOut: LetOut) => boolean) {
    this.#hearing = hearing
    this.#overhear = overhear
    this.#permitted = permitted
  }

  /** A judged subscription leaves for its upstream, in the way of its era. */
  async subscribe({ departure, underway, link, agreement }: Way): Promise<UpstreamAnswer | Called> {
    const { resource } = departure.call
    const uri = resource.kind === 'resource' ? resource.uri : ''
    const watcher: Watcher = {
      session: underway.session,
      letOut: departure,
      listen: departure.era === 'modern' ? underway.id : undefined,
      told: departure.era === 'legacy',
      missed: false,
    }
    if (agreement.era === 'legacy') {
      const sent = link.send('resources/subscribe', () => JSON.stringify({ uri }))
      underway.onAbort(() => link.cancel(sent.id))
      const raw = await sent.answer
      if (raw === 'cancelled') return 'called_off'
      if (raw.part === 'error')
        return { kind: 'error', text: raw.text, outcome: 'error', code: Number(raw.value['code']) }
      this.#add(link.server, uri, watcher)
      return DONE
    }
    this.#add(link.server, uri, watcher)
    if (await this.#hearing.watch(link, this.#urisOf(link.server))) return DONE
    this.#remove(link.server, uri, watcher)
    const text = errorText(CODE.invalidParams, 'This resource cannot be watched')
    return { kind: 'error', text, outcome: 'error', code: CODE.invalidParams }
  }

  /** A modern agent has been told what is honoured. */
  told(session: Session, listen: RequestId): void {
    for (const [uri, watcher] of this.#of(session, listen)) {
      watcher.told = true
      if (watcher.missed && this.#permitted(watcher.letOut)) say(watcher, uri)
    }
  }

  /** An agent watches a resource no longer; the upstream is told once nobody does. */
  async unsubscribe(session: Session, uri: string, links: readonly Link[]): Promise<void> {
    await this.#leave(links, (watcher, watched) => watcher.session === session && watched === uri)
  }

  /** An agent has gone, or one of its subscriptions has ended. */
  async left(
    session: Session,
    listen: RequestId | undefined,
    links: readonly Link[],
  ): Promise<void> {
    await this.#leave(
      links,
      (watcher) =>
        watcher.session === session && (listen === undefined || watcher.listen === listen),
    )
  }

  /** Such subscriptions end: the upstream is told, and nobody else hears of it. */
  async withdraw(covers: (letOut: LetOut) => boolean, links: readonly Link[]): Promise<void> {
    await this.#leave(links, ({ letOut }) => covers(letOut))
  }

  /** What an upstream says of a resource reaches those who watch it. */
  updated(server: string, params: JsonObject): void {
    const uri = member(params, 'uri')
    if (typeof uri !== 'string' || this.#hearing.isEcho(server, params)) return
    const watched = this.#watched.get(server)?.get(uri) ?? []
    const watchers = [...watched].filter(({ letOut }) => this.#permitted(letOut))
    // The address is the agent's own; that something happened there is the upstream's word.
    if (watchers.length === 0 || !this.#overhear.marks(server)) return
    for (const watcher of watchers) {
      if (watcher.told) say(watcher, uri)
      else watcher.missed = true
    }
  }

  /** An upstream is up, perhaps again: it is told what is watched there. */
  cameUp(link: Link): void {
    const uris = this.#urisOf(link.server)
    this.#hearing.begin(link, uris)
    if (link.agreement?.era !== 'legacy') return
    for (const uri of uris) void settled(link, 'resources/subscribe', uri)
  }

  #add(server: string, uri: string, watcher: Watcher): void {
    const uris = this.#watched.get(server) ?? new Map<string, Set<Watcher>>()
    this.#watched.set(server, uris)
    const watchers = uris.get(uri) ?? new Set<Watcher>()
    uris.set(uri, watchers)
    for (const one of watchers) {
      if (one.session === watcher.session && one.listen === watcher.listen) return
    }
    watchers.add(watcher)
  }

  #remove(server: string, uri: string, watcher: Watcher): boolean {
    const watchers = this.#watched.get(server)?.get(uri)
    watchers?.delete(watcher)
    if (watchers?.size !== 0) return false
    this.#watched.get(server)?.delete(uri)
    return true
  }

  async #leave(
    links: readonly Link[],
    goes: (watcher: Watcher, uri: string) => boolean,
  ): Promise<void> {
    const left = [...this.#watched].map(([server, uris]) => {
      const going = pairsOf(uris).filter(([uri, watcher]) => goes(watcher, uri))
      const gone = going.filter(([uri, watcher]) => this.#remove(server, uri, watcher))
      return { server, uris: gone.map(([uri]) => uri) }
    })
    // Nobody hears anything from here on, however long an upstream takes to take it in.
    for (const { server, uris } of left) {
      const link = links.find((one) => one.server === server)
      if (link?.agreement && uris.length > 0) await this.#tellLeft(link, uris)
    }
  }

  async #tellLeft(link: Link, uris: readonly string[]): Promise<void> {
    if (link.agreement?.era === 'modern') {
      await this.#hearing.watch(link, this.#urisOf(link.server))
      return
    }
    for (const uri of uris) await settled(link, 'resources/unsubscribe', uri)
  }

  #urisOf(server: string): readonly string[] {
    return [...(this.#watched.get(server)?.keys() ?? [])]
  }

  #of(session: Session, listen: RequestId): readonly (readonly [string, Watcher])[] {
    return [...this.#watched.values()]
      .flatMap(pairsOf)
      .filter(([, watcher]) => watcher.session === session && watcher.listen === listen)
  }
}

function pairsOf(
  uris: ReadonlyMap<string, ReadonlySet<Watcher>>,
): readonly (readonly [string, Watcher])[] {
  return [...uris].flatMap(([uri, watchers]) =>
    [...watchers].map((watcher) => [uri, watcher] as const),
  )
}

/** What an upstream answers to this changes nothing: it is up, or will be told again when it is. */
async function settled(link: Link, method: string, uri: string): Promise<void> {
  try {
    await link.send(method, () => JSON.stringify({ uri })).answer
  } catch (error) {
    if (!(error instanceof GuardError)) throw error
  }
}

function say({ session, listen }: Watcher, uri: string): void {
  const params: Record<string, Json> = { uri }
  if (listen !== undefined) params['_meta'] = { [META.subscription]: listen }
  session.outlet.say(notificationFrame('notifications/resources/updated', params), listen)
}
