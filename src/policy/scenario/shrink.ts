/** Makes a failing call smaller, as long as it fails: what is left is what matters. */
import { isList, isObject, type Json, type JsonObject } from '../../model/json.ts'
import type { Made } from './generator.ts'
import type { Circumstances } from './language.ts'

const MOST_TRIES = 2000

export function shrink(made: Made, defaults: Circumstances, fails: (made: Made) => boolean): Made {
  let best = made
  let tries = 0
  for (let better = true; better;) {
    better = false
    for (const smaller of smallerCalls(best, defaults)) {
      tries += 1
      if (tries > MOST_TRIES) return best
      if (!fails(smaller)) continue
      best = smaller
      better = true
      break
    }
  }
  return best
}

function* smallerCalls({ acted, circumstances }: Made, defaults: Circumstances): Iterable<Made> {
  yield* smallerCircumstances(circumstances, defaults, (one) => ({ acted, circumstances: one }))
  for (const args of smallerObjects(acted.args)) yield { acted: { ...acted, args }, circumstances }
}

function* smallerCircumstances(
  given: Circumstances,
  defaults: Circumstances,
  made: (circumstances: Circumstances) => Made,
): Iterable<Made> {
  const { clock, environment, risk, engines } = defaults
  if (given.clock !== clock) yield made({ ...given, clock })
  if (given.environment !== environment) yield made({ ...given, environment })
  if (given.risk !== risk) yield made({ ...given, risk })
  if (given.engines !== engines) yield made({ ...given, engines })
  const { agent: _, owner: __, purpose: ___, ...nobody } = given
  const { agent, owner, purpose } = defaults
  const usual = {
    ...nobody,
    ...(agent !== undefined && { agent }),
    ...(owner !== undefined && { owner }),
    ...(purpose && { purpose }),
  }
  const whose = [given.agent, given.owner, given.purpose?.ref]
  if (whose.join('\n') !== [agent, owner, purpose?.ref].join('\n')) yield made(usual)
  for (const labels of without(given.labels)) yield made({ ...given, labels })
  const { history } = given
  if (history !== defaults.history) yield made({ ...given, history: defaults.history })
  if (history === 'unknown') return
  for (const fewer of without(history)) yield made({ ...given, history: fewer })
  const bare = history.map((past) => ({ ...past, args: {}, agoMs: SHORTLY }))
  if (history.some(({ agoMs }) => agoMs !== SHORTLY)) yield made({ ...given, history: bare })
  for (const [index, past] of history.entries())
    if (Object.keys(past.args).length > 0)
      yield made({ ...given, history: history.with(index, { ...past, args: {} }) })
}

const SHORTLY = 60_000

/** Nothing of it, then each half, then one less. */
function* without<T>(list: readonly T[]): Iterable<readonly T[]> {
  if (list.length === 0) return
  yield []
  if (list.length > 2) {
    yield list.slice(0, Math.ceil(list.length / 2))
    yield list.slice(Math.ceil(list.length / 2))
  }
  if (list.length > 1) for (const [index] of list.entries()) yield list.toSpliced(index, 1)
}

function* smallerObjects(object: JsonObject): Iterable<JsonObject> {
  const entries = Object.entries(object)
  for (const fewer of without(entries)) yield Object.fromEntries(fewer)
  for (const [index, [key, value]] of entries.entries())
    for (const smaller of smallerValues(value))
      yield Object.fromEntries(entries.with(index, [key, smaller]))
}

function* smallerValues(value: Json): Iterable<Json> {
  if (isList(value)) {
    yield* without(value)
    for (const [index, item] of value.entries())
      for (const smaller of smallerValues(item)) yield value.with(index, smaller)
    return
  }
  if (isObject(value)) {
    yield* smallerObjects(value)
    return
  }
  if (typeof value === 'string' && value !== '') {
    yield ''
    if (value.length > 3) yield value.slice(0, Math.ceil(value.length / 2))
    if (value.length > 1) yield value.slice(1)
  }
  if (typeof value === 'number' && value !== 0) {
    yield 0
    const whole = Math.trunc(value)
    if (whole !== value) yield whole
    if (Math.abs(whole) > 1) yield Math.trunc(whole / 2)
  }
}
