/** Shows an upstream the token of its login: renewed when that is due, another when somebody logged in anew, none after a logout. */
import { GuardError } from '../model/error.ts'
import type { JsonObject } from '../model/json.ts'
import type { Challenge, LoginSettings } from '../model/login.ts'
import type { Clock, Credential, Timers } from '../model/port.ts'
import { readChallenge } from './challenge.ts'
import { clientOf, renewalDue, renewed, type Granted } from './grant.ts'
import type { Client, Kept, Login } from './kept.ts'
import type { LoginFile } from './login-file.ts'

export interface LenderEvents {
  /** The upstream does not take what it is shown, or wants something shown. */
  onRefused(server: string, facts: JsonObject): void
  onRenewed(server: string, facts: JsonObject): void
  /** Something is wrong with what is kept, or it could not be renewed. */
  onTrouble(server: string, why: string): void
}

export interface LenderOptions {
  readonly file: LoginFile
  readonly settings: LoginSettings | undefined
  /** @throws GuardError ERR_LOGIN_REFUSED when it will never be; ERR_LOGIN_FAILED when it may be another time */
  readonly renew: (login: Login, client: Client) => Promise<Granted>
  readonly clock: Clock
  readonly timers: Timers
  readonly events: LenderEvents
}

/** How long a look at the file holds while what is shown is taken: a logout is noticed that much later. */
const LOOK_HOLDS_MS = 1000
/** After a renewal: neither an agent that goes on calling nor an upstream that refuses every token causes more of them. */
const PAUSE_MS = 5000

/** What is shown. */
interface Held {
  readonly login: Login
  readonly header: string
  readonly dueAt: number
}

export class Lender implements Credential {
  readonly #options: LenderOptions
  #held: Held | undefined
  #stamp: string | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  /** What is shown was not taken, or something was wanted where there was nothing to show. */
  #isRefused = false
  /** Somebody was told that another login is needed: the next request is to find it. */
  #isWatched = false
  #renewing: Promise<string | undefined> | undefined
  /** Not renewed again before. */
  #pauseUntil = Number.NEGATIVE_INFINITY
  #challenge = ''
  /** Renewed, and not kept yet. */
  #unwritten: Kept | undefined
  #told: string | undefined

  constructor(options: LenderOptions) {
    this.#options = options
  }

  get login(): string | undefined {
    this.#look()
    return this.#held?.login.id
  }

  authorization(): string | undefined | Promise<string | undefined> {
    this.#look()
    const held = this.#held
    if (!held || !this.#isDue(held)) return held?.header
    this.#renewing ??= this.#renew(held).finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  refused(shown: string | undefined, status: number, text: string | undefined): boolean {
    const challenge = readChallenge(text)
    if (status === 401) {
      if (shown === this.#held?.header) {
        this.#isRefused = true
        this.#isWatched = true
      }
      this.#look()
    }
    const held = this.#held
    const isOld = held !== undefined && held.header !== shown
    if (!isOld) this.#keep(challenge, status)
    if (status === 401 && held && (isOld || this.#isDue(held))) return true
    this.#isWatched = true
    const { error } = challenge
    const facts = { status, shown: shown !== undefined, ...(error !== undefined && { error }) }
    this.#options.events.onRefused(this.#server, facts)
    return false
  }

  get #server(): string {
    return this.#options.file.place.server
  }

  #isDue({ login, dueAt }: Held): boolean {
    if (login.refreshToken === undefined) return false
    const { clock } = this.#options
    if (clock.monotonic() < this.#pauseUntil) return false
    return this.#isRefused || clock.now() >= dueAt
  }

  /** Whether somebody logged in or out, or another guard has renewed the token. */
  #look(): void {
    const { clock, file } = this.#options
    const now = clock.monotonic()
    if (!this.#isWatched && now - this.#lookedAt < LOOK_HOLDS_MS) return
    this.#lookedAt = now
    try {
      const stamp = file.stamp()
      if (stamp === this.#stamp) return
      this.#stamp = stamp
      this.#hold(stamp === undefined ? undefined : this.#newer(file.read()))
    } catch (error) {
      this.#hold(undefined)
      this.#trouble(error)
    }
  }

  #hold(kept: Kept | undefined): void {
    const login = kept?.login
    const header = login && `Bearer ${login.accessToken}`
    if (header !== this.#held?.header) {
      this.#isRefused = false
      this.#isWatched = false
      // What is said of another token is news, in whatever words.
      this.#challenge = ''
      // Another guard's renewal is one, too: two of them would else go on without end where every token is refused.
      const same = login !== undefined && login.id === this.#held?.login.id
      const { clock } = this.#options
      this.#pauseUntil = same ? clock.monotonic() + PAUSE_MS : Number.NEGATIVE_INFINITY
    }
    this.#held = login && header ? { login, header, dueAt: renewalDue(login) } : undefined
  }

  /**
   * What was renewed here and could not be written is newer than what is kept: the token before it was used up, and to show
   * it once more looks like theft (OAuth 2.1 §4.3.1).
   */
  #newer(kept: Kept | undefined): Kept | undefined {
    const unwritten = this.#unwritten
    const [mine, theirs] = [unwritten?.login, kept?.login]
    const wins = mine && theirs && mine.id === theirs.id && mine.obtainedAt > theirs.obtainedAt
    if (!wins) this.#unwritten = undefined
    return wins ? unwritten : kept
  }

  /** Resolves with what there is to show afterwards, which is the old token where there is no new one: its server judges it. */
  async #renew(before: Held): Promise<string | undefined> {
    const { file, timers, clock } = this.#options
    try {
      await file.alone(timers, async () => {
        const kept = this.#newer(file.read())
        const login = kept?.login
        // What another guard, or a new login, has put there in the meantime is as good.
        if (login && login.accessToken === before.login.accessToken)
          await this.#renewAlone(kept, login)
        else this.#hold(kept)
      })
    } catch (error) {
      const never = error instanceof GuardError && error.code === 'ERR_LOGIN_REFUSED'
      this.#pauseUntil = never ? Number.POSITIVE_INFINITY : clock.monotonic() + PAUSE_MS
      this.#trouble(error)
    }
    return this.#held?.header
  }

  async #renewAlone(kept: Kept, before: Login): Promise<void> {
    const { file, settings, renew, clock, events } = this.#options
    const client = clientOf(kept, settings)
    if (!client) {
      const why = 'it was made as another client than mcp.json names now'
      throw new GuardError('ERR_LOGIN_REFUSED', why)
    }
    const login = renewed(before, await renew(before, client), clock.now())
    const next = { ...kept, login }
    this.#unwritten = next
    this.#hold(next)
    this.#pauseUntil = clock.monotonic() + PAUSE_MS
    const { endsAt } = login
    events.onRenewed(this.#server, {
      issuer: login.issuer,
      ...(endsAt !== undefined && { until: new Date(endsAt).toISOString() }),
    })
    file.write(next)
    this.#unwritten = undefined
    // It was about the token before.
    file.forgetChallenge()
  }

  /** For the next login; who refuses in the same words again changes nothing, and where nothing is said what was said stays. */
  #keep(challenge: Challenge, status: number): void {
    const text = JSON.stringify([challenge.metadataUrl, challenge.scopes])
    const isSilent = text === NOTHING_SAID
    if (text === this.#challenge || (isSilent && (status !== 401 || this.#challenge !== ''))) return
    this.#challenge = text
    try {
      const { file } = this.#options
      if (!isSilent || !file.challenge()) file.keepChallenge(challenge)
    } catch (error) {
      this.#trouble(error)
    }
  }

  #trouble(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    if (why !== this.#told) this.#options.events.onTrouble(this.#server, why)
    this.#told = why
  }
}

const NOTHING_SAID = JSON.stringify([undefined, undefined])
