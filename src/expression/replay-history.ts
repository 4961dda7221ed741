/** A history that answers from the facts of a decision, so that it can be made again. */
import { type JsonObject, member } from '../model/json.ts'
import type { History } from '../model/policy.ts'
import { isCount } from './history.ts'

/** What `historyFacts` of a condition wrote; a question that it did not answer has no answer here either. */
export function replayedHistory(facts: JsonObject): History {
  return {
    read: ({ key, kind }) => {
      const found = member(facts, key)
      if (kind === 'called_with') return typeof found === 'boolean' ? found : undefined
      return typeof found === 'number' && isCount(found) ? found : undefined
    },
  }
}
