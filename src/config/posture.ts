/** The risk posture as a running guard sees it: what an operator said, and never less than its settings say. */
import { RISK_POSTURES, type RiskPosture } from '../model/call.ts'
import type { Instant } from '../model/id.ts'
import type {
  Clock,
  OperationalLog,
  PostureChange,
  PosturePort,
  Timers,
  Watch,
} from '../model/port.ts'
import { readRisk, type ReadRisk, riskFile, riskStamp } from './risk-file.ts'

export interface PostureParts {
  readonly clock: Clock
  readonly timers: Timers
  readonly watch: Watch
  readonly operational: OperationalLog
}

/** Calls come faster than operators speak: within this time the file is looked at once, unless a hint says that it changed. */
const LOOK_HOLDS_MS = 250

/** What counts: the stricter of what was said, as long as it holds, and of the floor. What cannot be read is `high`. */
export function inForce(read: ReadRisk, floor: RiskPosture, now: Instant): PostureChange {
  if (read.kind === 'bad') return { risk: 'high', why: `risk.json cannot be read: ${read.why}` }
  if (read.kind === 'none') return { risk: floor }
  const { posture, until, why } = read.said
  const over = until !== undefined && now >= until
  if (over || RISK_POSTURES.indexOf(posture) < RISK_POSTURES.indexOf(floor)) return { risk: floor }
  return { risk: posture, why, ...(until !== undefined && { until }) }
}

/** `floor`: what the settings of this guard say. */
export function openPosture(
  stateDir: string,
  floor: RiskPosture,
  parts: PostureParts,
): PosturePort {
  return new FilePosture(stateDir, floor, parts)
}

class FilePosture implements PosturePort {
  readonly #path: string
  readonly #floor: RiskPosture
  readonly #parts: PostureParts
  readonly #listeners: ((change: PostureChange) => void)[] = []
  readonly #unwatch: () => void
  #disarm = (): void => undefined
  #lookedAt: number
  #stamp: string | undefined
  #read: ReadRisk
  #inForce: PostureChange

  constructor(stateDir: string, floor: RiskPosture, parts: PostureParts) {
    const { clock, watch } = parts
    this.#path = riskFile(stateDir)
    this.#floor = floor
    this.#parts = parts
    this.#lookedAt = clock.monotonic()
    this.#stamp = riskStamp(this.#path)
    this.#read = this.#reread()
    this.#inForce = inForce(this.#read, floor, clock.now())
    this.#arm()
    this.#unwatch = watch(stateDir, () => this.#look(clock.now()))
  }

  at(now: Instant): RiskPosture {
    if (this.#parts.clock.monotonic() - this.#lookedAt >= LOOK_HOLDS_MS) this.#look(now)
    // Each time anew: a clock that was ahead when an end was noticed may be right again.
    this.#settle(now)
    return this.#inForce.risk
  }

  onChange(listener: (change: PostureChange) => void): void {
    this.#listeners.push(listener)
  }

  close(): void {
    this.#unwatch()
    this.#disarm()
  }

  #look(now: Instant): void {
    this.#lookedAt = this.#parts.clock.monotonic()
    const stamp = riskStamp(this.#path)
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    this.#read = this.#reread()
    this.#settle(now)
  }

  #reread(): ReadRisk {
    const read = readRisk(this.#path)
    if (read.kind === 'bad') {
      const facts = { file: this.#path, why: read.why }
      this.#parts.operational.error(facts, 'the risk posture cannot be read, and counts as high')
    }
    return read
  }

  #settle(now: Instant): void {
    const before = this.#inForce
    const next = inForce(this.#read, this.#floor, now)
    if (before.risk === next.risk && before.why === next.why && before.until === next.until) return
    this.#inForce = next
    this.#arm()
    this.#parts.operational.warn({ ...next }, 'the risk posture changed')
    for (const listener of this.#listeners) listener(next)
  }

  /** The end is noticed, and goes on record, also while nobody calls. */
  #arm(): void {
    const { clock, timers } = this.#parts
    this.#disarm()
    const { until } = this.#inForce
    if (until === undefined) return
    const wait = Math.max(until - clock.now(), 1)
    this.#disarm = timers.after(wait, () => {
      this.#settle(clock.now())
      this.#arm()
    })
  }
}
