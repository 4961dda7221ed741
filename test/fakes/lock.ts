/** A lock that approves definitions as a test writes them down. */
import { approvedAs } from '../../src/config/written-launch.ts'
import type { EffectClass } from '../../src/model/call.ts'
import { digestOf } from '../../src/model/digest.ts'
import { canonicalExact, parseExact } from '../../src/model/exact.ts'
import type { ApprovedDefinition, Lock } from '../../src/model/lock.ts'

interface Approving {
  readonly tools?: readonly object[]
  readonly prompts?: readonly object[]
  readonly templates?: readonly object[]
  /** By tool. */
  readonly effects?: Readonly<Record<string, EffectClass>>
  readonly launch?: Parameters<typeof approvedAs>[0]
}

export function lockOf(
  upstreams: Readonly<Record<string, Approving>>,
  file = '/guard/chaperone.lock',
): Lock {
  const approved = Object.entries(upstreams).map(([server, given]) => {
    const { tools, prompts, templates, effects = {}, launch = {} } = given
    const definitions = {
      tool: byName(tools, 'name', effects),
      prompt: byName(prompts, 'name'),
      template: byName(templates, 'uriTemplate'),
    }
    return [server, { launch: approvedAs(launch), definitions }] as const
  })
  return { file, digest: digestOf('a lock'), upstreams: new Map(approved) }
}

function byName(
  list: readonly object[] = [],
  key: 'name' | 'uriTemplate',
  effects: Readonly<Record<string, EffectClass>> = {},
): ReadonlyMap<string, ApprovedDefinition> {
  return new Map(
    list.map((one) => {
      const text = canonicalExact(one)
      const name = String((one as Readonly<Record<string, unknown>>)[key])
      const effect = effects[name]
      const base = { name, digest: digestOf(text), value: parseExact(text) }
      return [name, effect === undefined ? base : { ...base, effect }]
    }),
  )
}
