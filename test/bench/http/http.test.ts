/**
 * The harness over HTTP, with tiny counts: answers are read however they are cut, a target that answers wrongly is told
 * from one that works, and every attack does what it says. No figure is asserted.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { killAll } from '../child.ts'
import { goals } from '../goal.ts'
import { hostilePlan, readOptions, SECTIONS } from '../options.ts'
import { goalsText, memoryText, startupText } from '../report.ts'
import { CHAPERONE, DIRECT, node, openWorkshop, PIPE } from '../target.ts'
import type { LevelResult, TurnsPlan, TurnsResult } from '../turns.ts'
import { ATTACKS, CONTROL } from './attack.ts'
import { measureHostile, type HostileResult } from './hostile.ts'
import { measureHttpMemory } from './memory.ts'
import { openTarget, openUpstream, type Opened } from './open.ts'
import { AnswerReader } from './reader.ts'
import { hostileText, httpText } from './report.ts'
import { requestText } from './request.ts'
import type { Facts } from './scene.ts'
import { measureHttp, measureHttpStartup } from './section.ts'
import { httpBaselines, httpOther, PASS, type HttpTarget, type Upstream } from './target.ts'

const quiet = (): void => {}
const workshop = openWorkshop()

afterAll(() => {
  killAll()
  workshop.remove()
})

const plan: TurnsPlan = {
  rounds: 2,
  warmUp: 8,
  levels: [
    { inFlight: 1, calls: 5 },
    { inFlight: 8, calls: 40 },
  ],
  quietMs: 0,
}

function baseline(name: string): HttpTarget {
  const found = httpBaselines().find((target) => target.name === name)
  if (found === undefined) throw new Error(`no baseline is called ${name}`)
  return found
}

describe('answers off the wire', () => {
  const json = '{"jsonrpc":"2.0","id":1,"result":{}}'
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'of known length',
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`,
      [`200 ${json}`],
    ],
    [
      'in chunks',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(json.slice(0, 5))}${chunk(json.slice(5))}0\r\n\r\n`,
      [`200 ${json}`],
    ],
    [
      'as events, among others that say nothing',
      `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${chunk(':\n\n')}${chunk('id: 1\ndata: \n\n')}${chunk(`event: message\r\ndata: ${json}\r\n\r\n`)}0\r\n\r\n`,
      [`event ${json}`, '200 '],
    ],
    [
      'to the end of the connection',
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n${json}`,
      [`200 ${json}`],
    ],
    ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', ['204 ']],
    [
      'after an interim one, and one after the other',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno',
      ['202 ', '404 no'],
    ],
  ]

  function read(pieces: Iterable<string>): readonly string[] {
    const said: string[] = []
    const reader = new AnswerReader({
      event: (data) => said.push(`event ${data}`),
      answer: (head, body) => said.push(`${head.status} ${body}`),
    })
    for (const piece of pieces) reader.push(piece)
    expect(reader.end()).toBe(false)
    return said
  }

  it.each(cases)('reads one %s, whole and byte by byte', (_, text, expected) => {
    expect(read([text])).toEqual(expected)
    expect(read(text)).toEqual(expected)
  })

  it('says of an answer that ends too early that it did', () => {
    const reader = new AnswerReader({ event: quiet, answer: quiet })
    reader.push('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')
    expect(reader.end()).toBe(true)
  })

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', 'not HTTP'],
    ['no chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhello\r\n', 'not a chunk'],
  ])('does not take what is %s', (_, text, why) => {
    const reader = new AnswerReader({ event: quiet, answer: quiet })
    expect(() => reader.push(text)).toThrow(why)
  })
})

describe('requests', () => {
  it('carry what each era asks for', () => {
    const call = { name: 'approve', arguments: {} }
    const modern = requestText({ era: 'modern', port: 1 }, 7, 'tools/call', call)
    expect(modern).toContain('mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\n')
    expect(modern).toContain('mcp-name: approve\r\n')
    expect(modern).toContain('"io.modelcontextprotocol/protocolVersion":"2026-07-28"')
    const speaker = { era: 'legacy', port: 1, session: 's', version: '2025-11-25' } as const
    const legacy = requestText(speaker, 7, 'tools/call', call)
    expect(legacy).toContain('mcp-protocol-version: 2025-11-25\r\nmcp-session-id: s\r\n')
    expect(legacy).not.toContain('_meta')
    for (const text of [modern, legacy]) {
      const [head, body] = text.split('\r\n\r\n')
      expect(head).toContain(`content-length: ${body?.length}`)
      expect(JSON.parse(body ?? '')).toMatchObject({ id: 7, params: call })
    }
  })
})

/** A server with one thing wrong: `fault` is the text of a function of the response, the call and the right result. */
function faulty(name: string, fault: string): HttpTarget {
  const file = join(workshop.folder, `${name}.mjs`)
  const program = `
    import { createServer } from 'node:http'
    const right = { content: [{ type: 'text', text: 'vendor 4711 approved in class B, reference PROC-1182' }] }
    const json = (response, id, result) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    const stream = (response, ...messages) => response.setHeader('content-type', 'text/event-stream').end(messages.map((one) => 'data: ' + JSON.stringify({ jsonrpc: '2.0', ...one }) + '\\n\\n').join(''))
    const answer = ${fault}
    createServer(async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      const { id, method } = JSON.parse(body)
      if (method === 'tools/call') answer(response, id, right)
      else json(response, id, { tools: [{ name: 'approve' }] })
    }).listen(Number(process.argv[2]), '127.0.0.1')
    process.stdin.resume().on('end', () => process.exit(0))`
  writeFileSync(file, program)
  return {
    name,
    kind: 'peer',
    eras: ['modern'],
    tool: 'approve',
    front: 'http',
    line: (port) => node(file, String(port)),
  }
}

const WORKS = `(response, id, result) => json(response, id, result)`

async function modernRows(targets: readonly HttpTarget[]): Promise<readonly TurnsResult[]> {
  const results = await measureHttp(targets, { ...plan, rounds: 1 }, workshop, quiet)
  return results.find(({ era }) => era === 'modern')?.targets ?? []
}

describe('the http section', () => {
  it('measures every baseline in both eras and checks every answer', async () => {
    const results = await measureHttp(httpBaselines(), plan, workshop, quiet)
    expect(results.map((one) => one.era)).toEqual(['legacy', 'modern'])
    for (const { targets } of results) {
      expect(targets.map((one) => one.name)).toEqual([DIRECT, PIPE, PASS])
      for (const one of targets) {
        expect(one.failed).toBeUndefined()
        // Warm-up and windows, and one call on each fresh connection before each.
        expect(one.answersChecked).toBe(64 + 6 + 1 + 2 + 2 * (1 + 5 + 8 + 40))
        expect(one.levels.map((level) => level.inFlight)).toEqual([1, 8])
        expect(one.levels.every((level) => level.p50Us > 0 && level.callsPerSecond > 0)).toBe(true)
      }
      const pass = targets.find((one) => one.name === PASS)
      expect(pass?.levels.map((level) => level.rateToBaseline)).toEqual([1, 1])
    }
    expect(httpText(results)).toContain('http, modern, 8 in flight')
  })

  it.each([
    ['a wrong text', `(response, id) => json(response, id, { content: [] })`, /wrong answer/],
    ['an answer to another', `(response, id, r) => json(response, id + 1, r)`, /nobody asked for/],
    [
      'two answers',
      `(response, id, result) => stream(response, { id, result }, { id, result })`,
      /answered twice/,
    ],
    [
      'a stream without one',
      `(response) => stream(response, { method: 'notifications/message', params: {} })`,
      /ended without a message/,
    ],
    ['no JSON', `(response) => response.end('approved')`, /not JSON/],
    ['an error of HTTP', `(response) => response.writeHead(503).end('busy')`, /HTTP 503.*busy/],
    ['a closed connection', `(response) => response.destroy()`, /closed|reset|ECONNRESET/i],
    ['an end', `() => { console.error('out of memory'); process.exit(9) }`, /out of memory/],
  ])('does not measure a target that gives %s', async (name, fault, why) => {
    const [broken] = await modernRows([faulty(name.replaceAll(' ', '-'), fault)])
    expect(broken?.failed).toMatch(why)
    expect(broken?.levels).toEqual([])
  })

  it('takes answers in events, with others before them', async () => {
    const fault = `(response, id, result) => stream(response, { method: 'notifications/progress', params: {} }, { id, result })`
    const [one] = await modernRows([faulty('events', fault)])
    expect(one?.failed).toBeUndefined()
    expect(one?.levels).toHaveLength(2)
  })

  it('says why a target was not measured, and in which era', async () => {
    const results = await measureHttp(
      [{ ...faulty('absent', '() => {}'), missing: 'not installed' }],
      plan,
      workshop,
      quiet,
    )
    expect(results.map(({ targets }) => targets[0]?.failed)).toEqual([
      'not installed',
      'not installed',
    ])
    const [legacy] = await measureHttp([faulty('modern', WORKS)], plan, workshop, quiet)
    expect(legacy?.targets[0]?.failed).toBe('it does not speak the legacy era')
  })

  it.each([
    ['has `serve`', 0, undefined],
    ['was built before there was `serve`', 2, 'this build has no `chaperone serve`'],
  ])('sees that a build %s', (name, code, missing) => {
    const folder = join(workshop.folder, `build-${code}`)
    mkdirSync(folder)
    const bundle = join(folder, 'chaperone.mjs')
    writeFileSync(bundle, `process.exit(${code})`)
    expect(httpOther(bundle, workshop, name).missing).toBe(missing)
    expect(httpOther(join(folder, 'none.js'), workshop, name).missing).toMatch('npm run build')
  })
})

describe('start-up and memory over HTTP', () => {
  it('starts every target as often as asked', async () => {
    const results = await measureHttpStartup(httpBaselines(), 1, workshop, quiet)
    expect(results.map((one) => one.starts)).toEqual([1, 1, 1])
    expect(startupText(results, 'http, start-up', 'pass')).toContain('over pass ms')
  })

  it.skipIf(process.platform !== 'linux')(
    'has idle sessions beside busy ones, all of them still there at the end (elsewhere the system does not say it)',
    async () => {
      const counts = { warmUp: 64, calls: 128, slices: 2, quietMs: 0, idle: 3, busy: 2 }
      const measured = await measureHttpMemory([baseline(PASS)], counts, workshop, quiet)
      const [row] = measured.results
      expect(row?.failed).toBeUndefined()
      expect(row?.calls).toBe(64 + 64 + 128)
      expect(row?.crowdedMb).toBeGreaterThan(1)
      expect(memoryText(measured.bareMb, measured.results)).toContain('with sessions MB')
    },
  )
})

describe('attacks', () => {
  const tiny = {
    ...hostilePlan(true),
    slowMs: 30,
    connections: 3,
    notifications: 30,
    overMs: 20,
    deepCalls: 6,
  }
  /** What becomes of each at a target that lets everything through. */
  const through: Readonly<Record<string, Facts>> = {
    [CONTROL]: {},
    deep_arguments: { sent: 6, answered: 6, refused: 0, 'of 20 levels answered': 1 },
    deep_results: { sent: 6, answered: 6, refused: 0 },
    notification_flood: {
      sent: 30,
      'delivered on the call': 20,
      'delivered on the stream': 10,
      'lists fetched': 0,
      'call answered': 1,
    },
    cancelled_flood: { refused: 0, 'connections cut': 0 },
    slow_headers: { connections: 3, cut: 0, 'told why': 0 },
    slow_bodies: { connections: 3, cut: 0, 'told why': 0 },
    endless_bodies: { connections: 4, cut: 0 },
    unread_answers: { readers: 32 },
    dripping_upstream: { calls: 64, 'answered by the target': 0, cut: 0 },
  }

  let upstream: Upstream
  let opened: Opened

  beforeAll(async () => {
    upstream = await openUpstream('http-hostile', workshop.folder)
    opened = await openTarget(baseline(PASS), 'legacy', upstream)
  })

  it.each(ATTACKS)(
    '$id does what it says to a target that lets everything through',
    async (attack) => {
      const facts = await attack.run({ port: opened.port, upstream: upstream.port, plan: tiny })
      expect(facts).toEqual({ ...facts, ...through[attack.id] })
      // It has not taken the target down.
      await expect(opened.caller.calls(4, 2)).resolves.toMatchObject({ calls: 4 })
    },
  )

  it('are each expected to come to something', () => {
    expect(Object.keys(through).toSorted()).toEqual(ATTACKS.map((attack) => attack.id).toSorted())
  })

  it('says of each attack on a target that is not there why', async () => {
    const absent = { ...baseline(PASS), missing: 'not built' }
    const results = await measureHostile([absent], tiny, workshop, quiet)
    expect(results.map((one) => one.attack)).toEqual(ATTACKS.map((one) => one.id))
    expect(new Set(results.map((one) => one.failed))).toEqual(new Set(['not built']))
    expect(hostileText(results)).toContain('pass-through: not measured: not built')
  })
})

describe('goals over HTTP', () => {
  function level(inFlight: number, p50Us: number, callsPerSecond: number): LevelResult {
    return {
      inFlight,
      windows: 1,
      callsPerWindow: 1,
      p50Us,
      p95Us: p50Us,
      p99Us: p50Us,
      callsPerSecond,
      cpuUsPerCall: undefined,
      addedP50Us: 0,
      addedToBaseline: 1.2,
      rateToBaseline: 0.7,
      noisyWindows: 0,
    }
  }

  function row(
    name: string,
    kind: TurnsResult['kind'],
    figures: readonly [number, number, number],
  ): TurnsResult {
    const [p50Us, rate, residentIdleMb] = figures
    const levels = [level(1, p50Us, 1), level(64, 1, rate)]
    return { name, kind, residentIdleMb, answersChecked: 1, levels }
  }

  const byId = (measured: Parameters<typeof goals>[0]): ReadonlyMap<string, boolean | undefined> =>
    new Map(goals(measured).map(({ id, met }) => [id, met]))

  it('are about the pass-through alone where no peer was measured', () => {
    const own = row(CHAPERONE, 'chaperone', [400, 6_000, 80])
    const met = byId({ http: [{ era: 'legacy', targets: [own] }] })
    expect([...met]).toEqual([
      ['http_legacy_added_p50', true],
      ['http_legacy_rate', true],
      ['http_legacy_calls', true],
    ])
  })

  it('are to be ahead of the best peer in each figure, whichever that is', () => {
    const own = row(CHAPERONE, 'chaperone', [400, 6_000, 80])
    const quick = row('quick', 'peer', [300, 1_000, 90])
    const small = row('small', 'peer', [900, 2_000, 70])
    const before = row(`${CHAPERONE} (other)`, 'peer', [1, 99_000, 1])
    const broken = { ...row('broken', 'peer', [1, 1, 1]), failed: 'it ended', levels: [] }
    const met = byId({ http: [{ era: 'modern', targets: [own, quick, small, before, broken] }] })
    expect(met.get('http_modern_p50_ahead')).toBe(false)
    expect(met.get('http_modern_rate_ahead')).toBe(true)
    expect(met.get('http_modern_memory_ahead')).toBe(false)
  })

  it('hold the worst attack to its bounds, over what is there without one', () => {
    const beside = { calls: 1, p50Us: 1, p99Us: 1 }
    const attacked = (attack: string, growthMb: number, slower: number): HostileResult => ({
      name: CHAPERONE,
      kind: 'chaperone',
      attack,
      attackClass: 'G44',
      what: attack,
      growthMb,
      calm: beside,
      during: beside,
      slower,
      facts: { cut: 500 },
    })
    const hostile = [attacked(CONTROL, 30, 9), attacked('a', 90, 1.5), attacked('b', 20, 1.9)]
    expect(byId({ hostile })).toEqual(
      new Map([
        ['hostile_memory', true],
        ['hostile_others', true],
      ]),
    )
    expect(byId({ hostile: [...hostile, attacked('c', 95, 2.1)] })).toEqual(
      new Map([
        ['hostile_memory', false],
        ['hostile_others', false],
      ]),
    )
    expect(hostileText(hostile)).toContain('chaperone: cut 500')
  })

  it('are not met where nothing was measured', () => {
    const list = goals({
      http: [{ era: 'legacy', targets: [] }],
      httpStartup: [],
      httpMemory: [],
      hostile: [],
    })
    expect(new Set(list.map((goal) => goal.met))).toEqual(new Set([undefined]))
    expect(goalsText(list)).toContain('not measured')
  })
})

describe('the command line', () => {
  it('takes the sections over HTTP, and peers only when asked', () => {
    const options = readOptions(['--only', 'http,http-startup,http-memory,hostile', '--peers'])
    expect(options.sections).toEqual(SECTIONS.slice(-4))
    expect(options.peers).toBe(true)
    expect(readOptions([]).peers).toBe(false)
  })
})
