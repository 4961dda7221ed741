/**
 * The harness itself, with tiny counts: what is measured has the right shape, and a target that answers wrongly, or
 * not at all, is told from one that works. No figure is asserted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { CompiledMandate } from '../../src/model/authority.ts'
import { killAll } from './child.ts'
import { open } from './client.ts'
import { compileText } from './compile.ts'
import { measureDecide, type Compile, type DecidePlan } from './decide.ts'
import { goals } from './goal.ts'
import { measureMemory } from './memory.ts'
import { median, medianDifference, medianRatio, percentile } from './numbers.ts'
import { readOptions } from './options.ts'
import { KINDS } from './policy/call.ts'
import { cedarEngine } from './policy/cedar.ts'
import { celEngine } from './policy/cel.ts'
import { deciderOf, type Engine } from './policy/engine.ts'
import { loadOnce, together } from './policy/load.ts'
import { measureEngines, type EnginePlan } from './policy/measure.ts'
import { loadSet, ownEngine, ownMandate } from './policy/own.ts'
import { measurePath, type PathPlan } from './policy/path.ts'
import { regoEngine } from './policy/rego.ts'
import { policyText } from './policy/report.ts'
import { KITS, policyTexts, RULES, TOOLS } from './policy/table.ts'
import { measureWorst } from './policy/worst.ts'
import { summed } from './profile.ts'
import { decideText, goalsText, stdioText, table } from './report.ts'
import { measureStartup } from './startup.ts'
import { measureStdio } from './stdio.ts'
import { baselines, DIRECT, PIPE, RELAY, type Target } from './target.ts'
import type { TurnsPlan } from './turns.ts'

const quiet = (): void => {}
const folder = mkdtempSync(join(tmpdir(), 'chaperone-bench-test-'))

afterEach(killAll)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const plan: TurnsPlan = {
  rounds: 2,
  warmUp: 8,
  levels: [
    { inFlight: 1, calls: 5 },
    { inFlight: 8, calls: 40 },
  ],
  quietMs: 0,
}

/** An upstream with one thing wrong: `fault` is the text of a function of the message that gives the answers. */
function faulty(name: string, fault: string): Target {
  const file = join(folder, `${name}.mjs`)
  const program = `
    import { createInterface } from 'node:readline'
    const right = 'vendor 4711 approved in class B, reference PROC-1182'
    const answer = ${fault}
    createInterface({ input: process.stdin }).on('line', (line) => {
      const message = JSON.parse(line)
      const { id, method } = message
      if (id === undefined) return
      const say = (result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
      if (method === 'tools/call') answer(say, message, right)
      else say({ tools: [{ name: 'approve' }] })
    })`
  writeFileSync(file, program)
  return { name, kind: 'peer', line: { command: process.execPath, args: [file] } }
}

const works = `(say, message, text) => say({ content: [{ type: 'text', text }] })`

describe('the stdio section', () => {
  it('measures every baseline at every level and checks every answer', async () => {
    const results = await measureStdio(baselines(), plan, quiet)
    expect(results.map((one) => one.name)).toEqual([DIRECT, PIPE, RELAY])
    for (const one of results) {
      expect(one.failed).toBeUndefined()
      expect(one.answersChecked).toBe(8 + 2 * (5 + 40))
      expect(one.levels.map((level) => level.inFlight)).toEqual([1, 8])
      for (const level of one.levels) {
        expect(level.windows).toBe(2)
        expect(level.p50Us).toBeGreaterThan(0)
        expect(level.p99Us).toBeGreaterThanOrEqual(level.p50Us)
        expect(level.callsPerSecond).toBeGreaterThan(0)
      }
    }
    const relay = results.find((one) => one.name === RELAY)
    expect(relay?.levels.map((level) => level.rateToBaseline)).toEqual([1, 1])
    expect(stdioText(results)).toContain('parsing relay')
  })

  it.each([
    [
      'a wrong text',
      `(say) => say({ content: [{ type: 'text', text: 'approved' }] })`,
      /wrong answer/,
    ],
    ['no content', `(say) => say({})`, /wrong answer/],
    [
      'two answers to one call',
      `(say, message, text) => { say({ content: [{ text }] }); say({ content: [{ text }] }) }`,
      /answered twice|nobody asked for/,
    ],
    ['no JSON', `() => console.log('approved')`, /not JSON/],
    ['an end', `() => { console.error('out of memory'); process.exit(9) }`, /out of memory/],
  ])(
    'does not measure a target that gives %s, and goes on with the others',
    async (_, fault, why) => {
      const targets = [...baselines().slice(0, 1), faulty('faulty', fault)]
      const [direct, broken] = await measureStdio(targets, { ...plan, rounds: 1 }, quiet)
      expect(broken?.failed).toMatch(why)
      expect(broken?.levels).toEqual([])
      expect(direct?.levels).toHaveLength(2)
    },
  )

  it('takes a target that answers out of order', async () => {
    const fault = `(() => { const held = []; return (say, message, text) => {
      held.push(() => say({ content: [{ text }] }))
      setTimeout(() => held.pop()?.(), held.length % 3)
    } })()`
    const { client } = await open(faulty('shuffled', fault).line)
    const window = await client.calls(200, 16)
    await client.stop()
    expect(window.sortedUs).toHaveLength(200)
    expect(window.sortedUs.every((us) => us > 0)).toBe(true)
  })

  it('says why a target that is not there was not measured', async () => {
    const missing: Target = { ...faulty('missing', works), missing: 'not installed' }
    const nowhere: Target = {
      name: 'nowhere',
      kind: 'peer',
      line: { command: join(folder, 'no-such-command'), args: [] },
    }
    const results = await measureStdio([missing, nowhere], plan, quiet)
    expect(results.map((one) => one.failed)).toEqual([
      'not installed',
      expect.stringContaining('no-such-command'),
    ])
    expect(stdioText(results)).toContain('missing: not measured: not installed')
  })
})

describe('start-up and memory', () => {
  it('starts every target as often as asked', async () => {
    const results = await measureStartup(baselines(), 1, quiet)
    expect(results.map((one) => one.starts)).toEqual([1, 1, 1])
    expect(results.every((one) => one.firstListMs > 0)).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')(
    'reads memory after every slice (elsewhere the system does not say it)',
    async () => {
      const targets = baselines().slice(0, 1)
      const read = await measureMemory(
        targets,
        { warmUp: 10, calls: 40, slices: 4, quietMs: 0 },
        quiet,
      )
      expect(read.bareMb).toBeGreaterThan(1)
      expect(read.results[0]?.afterSliceMb).toHaveLength(4)
      expect(read.results[0]?.calls).toBe(50)
    },
  )
})

describe('decisions', () => {
  const tiny: DecidePlan = { grants: [1, 3], windows: 1, windowMs: 1, samples: 20, warmUp: 20 }

  it('measures the compiled mandate, every decision as expected', () => {
    const results = measureDecide(compileText, tiny, quiet)
    expect(new Set(results.map((one) => one.grants))).toEqual(new Set([1, 3]))
    expect(new Set(results.map((one) => one.expected))).toEqual(new Set(['permit', 'deny']))
    for (const one of results) {
      expect(one.perCpuSecond).toBeGreaterThan(0)
      expect(one.decisions).toBeGreaterThan(20)
    }
    expect(decideText(results)).toContain('64 KiB')
  })

  it('has no figure for a mandate that decides wrongly', () => {
    const permitsAll: Compile = (text) => {
      const real = compileText(text)
      const tool: CompiledMandate['tool'] = (definition) => {
        const authority = real.tool(definition)
        const decide = (): ReturnType<typeof authority.decide> => ({
          effect: 'permit',
          reason: 'permitted',
          grants: [],
          facts: {},
        })
        return { ...authority, decide }
      }
      return { ...real, tool }
    }
    expect(() => measureDecide(permitsAll, tiny, quiet)).toThrow(/were not `deny`/)
  })
})

describe('policies', () => {
  const tiny: EnginePlan = { windows: 1, windowMs: 1, samples: 20, warmUp: 20 }

  it('counts a thousand and four rules over three hundred tools', () => {
    const { rules } = loadSet(policyTexts())
    expect(rules).toHaveLength(RULES)
    const kits = new Set(KITS.map(({ server, name }) => `${server}/${name}`))
    expect(kits.size + 3).toBe(TOOLS)
    expect(KINDS.filter(({ expected }) => expected === 'permit')).toHaveLength(3)
    expect(KINDS).toHaveLength(12)
  })

  it('measures every engine on the same calls, every answer as expected', async () => {
    const others = [celEngine(), await regoEngine(), await cedarEngine()]
    const results = measureEngines([ownEngine(), ...others], 'twelve kinds', tiny)
    expect(results.map(({ name }) => name)).toEqual([
      'closures',
      'chaperone',
      '@bufbuild/cel',
      'opa-wasm',
      'cedar-wasm',
    ])
    for (const one of results) {
      expect(one.missing).toBeUndefined()
      expect(one.decisions).toBeGreaterThan(20)
      expect(one.overClosures).toBeGreaterThan(0)
    }
    expect(measureEngines([ownEngine()], 'every tool', tiny)).toHaveLength(2)
  })

  it('has no figure for an engine that decides wrongly, and says why one is missing', () => {
    const permits: Engine = {
      name: 'lax',
      prepare: (calls) => deciderOf(calls, Boolean, () => 'permit'),
    }
    const wrong = (): unknown => measureEngines([permits], 'twelve kinds', tiny)
    expect(wrong).toThrow('lax does not say deny: vendor of class A')
    const missing = { name: 'opa-wasm', missing: 'not installed' }
    const [, absent] = measureEngines([missing], 'twelve kinds', tiny)
    expect(absent).toMatchObject(missing)
  })

  it('walks the line to its commit and loads the set in both forms', async () => {
    const plan: PathPlan = { windows: 1, calls: 64, warmUp: 64, samples: 4 }
    const path = await measurePath(ownMandate(), plan)
    expect(path.calls).toBe(64 + 64 + 2 * 4)
    expect(path.perCpuSecond).toBeGreaterThan(0)
    const yaml = loadOnce('yaml')
    const { jsonMs } = loadOnce('json')
    expect([yaml.yamlMs > 0, yaml.firstUs >= 0, jsonMs > 0]).toEqual([true, true, true])
    const worst = measureWorst(1)
    expect(worst.length).toBeGreaterThan(40)
    const engines = measureEngines([ownEngine()], 'twelve kinds', tiny)
    const result = { engines, path, load: together([{ ...yaml, jsonMs }]), worst }
    expect(policyText(result)).toContain('admit to commit')
    expect(goals({ policy: result }).map(({ id }) => id)).toContain('policy_over_closures')
  })
})

describe('figures', () => {
  it('takes percentiles by nearest rank and medians of both middles', () => {
    const sorted = Float64Array.from([1, 2, 3, 4])
    expect([0.5, 0.95, 0.99].map((share) => percentile(sorted, share))).toEqual([2, 4, 4])
    expect(percentile(new Float64Array(0), 0.5)).toBeNaN()
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
  })

  it('compares round by round, not median by median', () => {
    // One slow moment in different rounds: each pair says twice as much, the medians say so too only by luck.
    expect(medianRatio([2, 20, 200], [1, 10, 100])).toBe(2)
    expect(medianDifference([5, 50, 500], [4, 49, 499])).toBe(1)
    expect(medianRatio([2, 4], [0])).toBeNaN()
  })

  it('says of each goal whether it was met, and of what was not measured that it was not', () => {
    const list = goals({ startup: [], memory: [] })
    expect(list.map((goal) => goal.met)).toEqual([undefined, undefined, undefined, undefined])
    expect(goalsText(list)).toContain('not measured')
  })

  it('aligns a table, figures to the right', () => {
    expect(
      table(
        ['', 'µs'],
        [
          ['direct', 9.5],
          ['relay', 1234.5],
          ['pipe', undefined],
        ],
      ),
    ).toBe(
      ['           µs', '─────────────', 'direct   9.50', 'relay   1,235', 'pipe      n/a'].join(
        '\n',
      ),
    )
  })

  it('sums a profile: of the calls alone, what a function calls in its total, recursion once', () => {
    const frame = (functionName: string, url = ''): CpuFrame => ({
      functionName,
      url,
      lineNumber: 0,
    })
    const profile = summed(
      {
        nodes: [
          { id: 1, callFrame: frame('(root)'), children: [2, 4] },
          { id: 2, callFrame: frame('outer', 'file:///a/b.js'), children: [3] },
          { id: 3, callFrame: frame('outer', 'file:///a/b.js') },
          { id: 4, callFrame: frame('(idle)') },
        ],
        startTime: 1000,
        samples: [3, 2, 3, 4, 2],
        timeDeltas: [5, 10, 20, 70, 9],
      },
      { calls: 10, from: 1010, to: 1105 },
    )
    expect(profile.busyUsPerCall).toBe(3)
    expect(profile.functions).toEqual([{ where: 'outer b.js:1', selfUs: 3, totalUs: 3 }])
    expect(profile.rooms).toEqual([{ where: 'b.js', selfUs: 3, totalUs: 3 }])
  })
})

interface CpuFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

describe('the command line', () => {
  it('takes a list of sections, all that take no minutes of attacks by default', () => {
    expect(readOptions(['--only', 'stdio,memory']).sections).toEqual(['stdio', 'memory'])
    expect(readOptions([]).sections).toHaveLength(9)
    expect(readOptions([]).sections).not.toContain('hostile')
  })

  it.each([['--only', 'speed'], ['--fast'], ['--only']])('refuses %s %s', (...argv) => {
    expect(() => readOptions(argv)).toThrow(/speed|fast|only/)
  })
})
