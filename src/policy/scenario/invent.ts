/** Makes up who calls, when, where and after what. */
import { zoneOf } from '../../expression/zone.ts'
import { ENVIRONMENTS, RISK_POSTURES } from '../../model/call.ts'
import { instant, type Instant } from '../../model/id.ts'
import type { EngineFact } from '../../model/policy.ts'
import type { Bench } from './bench.ts'
import type { Circumstances, Past } from './language.ts'
import type { Mentioned } from './learn.ts'
import type { Random } from './random.ts'

export interface Inventing {
  readonly fixed: ReadonlySet<string>
  readonly mentioned: Mentioned
  readonly bench: Bench
  readonly past: (random: Random) => Past
  readonly random: Random
}

/** What is fixed, and now and then everything, stays as it is. */
export function inventCircumstances(given: Circumstances, inventing: Inventing): Circumstances {
  const { fixed, random, bench } = inventing
  if (random.chance(0.15)) return given
  const free = (name: keyof Circumstances): boolean => !fixed.has(name) && random.chance(0.7)
  const who = bench.mandate ? {} : inventWho(given, inventing, free)
  return {
    ...given,
    ...who,
    ...(free('clock') && { clock: inventClock(given.clock, inventing) }),
    ...(free('environment') && { environment: random.pick(ENVIRONMENTS) ?? given.environment }),
    ...(free('risk') && { risk: random.pick(RISK_POSTURES) ?? given.risk }),
    ...(free('labels') && { labels: inventLabels(inventing) }),
    ...(free('engines') && { engines: inventAnswers(inventing) }),
    ...(free('history') && { history: inventHistory(inventing) }),
  }
}

function inventWho(
  given: Circumstances,
  { mentioned, random }: Inventing,
  free: (name: keyof Circumstances) => boolean,
): Partial<Circumstances> {
  const text = (name: string): string | undefined =>
    random.pick([...(mentioned.texts.get(name) ?? []), 'somebody-else'])
  const agent = free('agent') ? text('agent') : undefined
  const owner = free('owner') ? text('owner') : undefined
  const ref = free('purpose') ? text('purposeRef') : undefined
  const words = given.purpose?.text ?? 'test'
  const purpose = random.chance(0.2)
    ? { text: words }
    : { text: words, ...(ref !== undefined && { ref }) }
  return {
    ...(agent !== undefined && { agent }),
    ...(owner !== undefined && { owner }),
    ...(ref !== undefined && { purpose }),
  }
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** On the edges of the windows that are mentioned, or anywhere within two weeks. */
function inventClock(given: Instant, { mentioned: { times }, random }: Inventing): Instant {
  const day = given - (given % DAY_MS) + (random.below(15) - 7) * DAY_MS
  const edge = random.pick(times)
  if (!edge || random.chance(0.4)) return instant(day + random.below(1440) * MINUTE_MS)
  const offset = zoneOf(edge.zone ?? 'UTC')?.offset(instant(day)) ?? 0
  const beside = random.pick([-MINUTE_MS, -1, 0, MINUTE_MS]) ?? 0
  return instant(day + edge.minute * MINUTE_MS - offset + beside)
}

function inventLabels({ mentioned, random }: Inventing): readonly string[] {
  return [...mentioned.labels].filter(() => random.chance(0.4))
}

const ANSWERS = ['permit', 'permit', 'permit', 'deny', 'error'] as const

function inventAnswers({ bench, random }: Inventing): ReadonlyMap<string, EngineFact['effect']> {
  return new Map(bench.engines.map((id) => [id, random.pick(ANSWERS) ?? 'error']))
}

const MOST_CALLS = 60

function inventHistory({ bench, mentioned, past, random }: Inventing): Circumstances['history'] {
  if (bench.policies.queries.length === 0 || random.chance(0.3)) return []
  if (random.chance(0.1)) return 'unknown'
  const counts = [...mentioned.counts].flatMap((count) => [count - 1, count, count + 1])
  const length = Math.min(MOST_CALLS, Math.max(0, random.pick(counts) ?? random.below(4)))
  const one = past(random)
  // Counting rules are met by many calls of one tool.
  if (random.chance(0.5)) return Array.from({ length }, () => one)
  return Array.from({ length }, () => past(random))
}
