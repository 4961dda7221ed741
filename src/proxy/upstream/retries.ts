/** When an upstream that failed may be tried again: not at once, and not without end. */
import { GuardError } from '../../model/error.ts'
import type { Clock } from '../../model/port.ts'

const FIRST_BACKOFF_MS = 500
const LONGEST_BACKOFF_MS = 30_000
/** An upstream that ends this soon after it was ready is likely to do so again. */
const SOON_MS = 10_000
const CRASHES_BORNE = 8

/** An opening that was refused for what the upstream was shown. */
export interface Denied {
  readonly error: GuardError
  /** The login that it was shown, if any. */
  readonly login: string | undefined
}

export function isDenied(error: unknown): error is GuardError {
  return error instanceof GuardError && error.code === 'ERR_UPSTREAM_DENIED'
}

function backoff(failures: number): number {
  return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1))
}

export class Retries {
  readonly #clock: Pick<Clock, 'monotonic'>
  #failures = 0
  #crashes = 0
  #readyAt = 0
  #retryAt = 0
  #denied: Denied | undefined

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Why it is not tried yet; undefined when it may be. Who was refused waits for nothing but another login. */
  refusal(server: string, login: string | undefined): GuardError | undefined {
    const wait = this.#retryAt - this.#clock.monotonic()
    const denied = this.#denied
    if (wait <= 0 || (denied && denied.login !== login)) return undefined
    const why = `\`${server}\` failed; it is tried again in ${Math.ceil(wait)} ms`
    return denied?.error ?? new GuardError('ERR_UPSTREAM_DOWN', why)
  }

  ready(): void {
    this.#failures = 0
    this.#denied = undefined
    this.#readyAt = this.#clock.monotonic()
  }

  /** It could not be opened. */
  failed(denied?: Denied): void {
    this.#failures += 1
    this.#denied = denied
    this.#retryAt = this.#clock.monotonic() + backoff(this.#failures)
  }

  /** It is started again at once; but who keeps ending soon after the start waits as a failed start does. */
  crashed(): void {
    const now = this.#clock.monotonic()
    this.#crashes = now - this.#readyAt < SOON_MS ? this.#crashes + 1 : 1
    if (this.#crashes > CRASHES_BORNE) this.#retryAt = now + backoff(this.#crashes - CRASHES_BORNE)
  }
}
