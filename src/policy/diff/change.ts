/** What is different between two sets of policies, said as what it does to calls. */
import type { Place } from '../../model/document.ts'
import type { JsonObject } from '../../model/json.ts'

/**
 * `widened`: some call is permitted, or permitted with less ado, that was not. `narrowed`: the other way round.
 * `unclear`: it may be either. `none`: no call is decided otherwise.
 */
export type Direction = 'widened' | 'narrowed' | 'unclear' | 'none'

export interface PolicyChange {
  readonly direction: Direction
  readonly kind: 'rule' | 'budget' | 'set' | 'label' | 'classification' | 'engine'
  /** The rule or budget, as `policy#rule`; the set, the label row, the engine. */
  readonly about: string
  readonly message: string
  /** Where it stands, in the newer set if it is in both. */
  readonly place?: Place
  readonly example?: Example
}

/** A call that shows it. */
export interface Example {
  /** `server/name`. */
  readonly target: string
  readonly args: JsonObject
  /** What else has to be the case: `risk high`, `label untrusted`. */
  readonly given: readonly string[]
  /** What both sets as a whole make of it, granted that a mandate permits it; absent where another rule decides alike. */
  readonly verdict?: 'newly_permitted' | 'newly_held' | 'newly_denied'
}
