/**
 * The ten scenarios give the same verdicts in YAML with CEL, compiled Rego, Cedar, through OPA's data API and through
 * AuthZEN, and a fact that is missing permits nothing anywhere.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock, systemTimers } from '../../src/config/system.ts'
import { openEngine } from '../../src/engine/open.ts'
import { problemText, Problems } from '../../src/model/document.ts'
import type { EngineConfig } from '../../src/model/engine.ts'
import { instant } from '../../src/model/id.ts'
import type { EngineQuestion, PolicyEngine } from '../../src/model/port.ts'
import { parseEngines } from '../../src/policy/engine-config.ts'
import { type Scenario, SCENARIOS, TOOLS } from '../contracts/policy-scenarios.ts'
import { type Cerbos, cerbosBinary, startCerbos } from '../fakes/cerbos.ts'
import { callOf, NOW } from '../fakes/engine.ts'
import { tool } from '../fakes/line.ts'
import { type Opa, startOpa } from '../fakes/opa.ts'
import { decided, under } from '../policy/written.ts'

const FOLDER = join(import.meta.dirname, '..', 'contracts', 'policy-scenarios')
const read = (file: string): Buffer => readFileSync(join(FOLDER, file))

const urls = new Map<string, string>()
const engines = new Map<string, PolicyEngine>()
let opa: Opa | undefined
let cerbos: Cerbos | undefined

beforeAll(async () => {
  opa = await startOpa(join(FOLDER, 'rego', 'scenarios.tar.gz'), ['scenarios.rego', 'data.json'])
  urls.set('${OPA_URL}', opa.url)
  if (cerbosBinary !== undefined) {
    cerbos = await startCerbos(cerbosBinary, join(FOLDER, 'cerbos'))
    urls.set('${CERBOS_URL}', cerbos.url)
  }
}, 60_000)
afterAll(async () => {
  for (const engine of engines.values()) await engine.close()
  await opa?.close()
  await cerbos?.close()
})

const problems = new Problems()
const text = read('engines.yaml').toString()
const configured = parseEngines({ text, file: 'engines.yaml' }, problems)
test('its engines are configured as they would be', () => {
  expect(problems.list.map(problemText)).toEqual([])
  expect(configured.map(({ id }) => id)).toEqual(['authzen', 'opa', 'rego', 'cedar'])
})

function open(config: EngineConfig): Promise<PolicyEngine> {
  const expand = (written: string): string => urls.get(written) ?? written
  return openEngine(config, { clock: systemClock, timers: systemTimers, expand, read })
}

async function engineOf(config: EngineConfig): Promise<PolicyEngine> {
  const engine = engines.get(config.id) ?? (await open(config))
  engines.set(config.id, engine)
  return engine
}

function questionOf({ tool: id, args, at = NOW, labels = [] }: Scenario): EngineQuestion {
  const [server = '', name = ''] = id.split('/')
  const { effect, inputSchema } = TOOLS[id]
  const { definition } = tool(server, name)
  const resource = { kind: 'tool', server, name, definition } as const
  const session = { id: 't1', labels }
  const call = callOf(args, { at: instant(Date.parse(at)), resource, session })
  return { call, effects: [effect], data: [], inputSchema }
}

describe('YAML with CEL', () => {
  const mandate = under(read('chaperone.yaml').toString())

  test.each(SCENARIOS)('$name: $expected', (scenario) => {
    const { call } = questionOf(scenario)
    const [server = '', name = ''] = scenario.tool.split('/')
    const acted = tool(server, name, { inputSchema: TOOLS[scenario.tool].inputSchema })
    expect(decided(mandate, { tool: acted, args: scenario.args, call }).effect).toBe(
      scenario.expected,
    )
  })
})

describe.each(configured)('$id', (config) => {
  // npm has the server for Linux on x64 alone.
  const absent = config.id === 'authzen' && cerbosBinary === undefined

  test.skipIf(absent).each(SCENARIOS)('$name: $expected', async (scenario) => {
    const engine = await engineOf(config)
    const { effect, detail } = await engine.ask(questionOf(scenario))
    expect(effect === 'permit' ? 'permit' : 'deny', detail).toBe(scenario.expected)
    // Where nothing is missing, nothing fails: what is denied is denied by the rules.
    expect(effect === 'error' && !scenario.name.includes('missing'), detail).toBe(false)
  })

  test.skipIf(absent)('permits no mail where it is not told of labels', async () => {
    const engine = await open({ ...config, send: ['arguments'] })
    const mail = SCENARIOS.find((one) => one.tool === 'mail/send' && one.expected === 'permit')
    expect(mail && (await engine.ask(questionOf(mail))).effect).not.toBe('permit')
    await engine.close()
  })

  test.skipIf(absent)('permits nothing where it is not told of arguments', async () => {
    const engine = await open({ ...config, send: ['labels'] })
    for (const scenario of SCENARIOS)
      expect((await engine.ask(questionOf(scenario))).effect).not.toBe('permit')
    await engine.close()
  })
})
